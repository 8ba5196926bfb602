// Parallel loops whose results do not depend on the number of threads.
//
// Work is cut into chunks of a fixed size; each chunk is done by one thread, in order, and writes
// only what is its own. Sums are made chunk by chunk and the chunks' sums are added in order. An
// exception in a chunk is carried out and rethrown once all threads have joined.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "support/wide.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace sparsecross {

using Index = std::int64_t;

// Asked once per sweep: true means that the user wants to stop.
using Poll = std::function<bool()>;

// libgomp's pool of threads does not survive a fork: a child that enters a parallel region hangs.
inline std::atomic<bool>& in_forked_child() {
  static std::atomic<bool> flag{false};
  return flag;
}

// The number of threads for `requested` (0: as many as OpenMP allows here, which follows
// OMP_NUM_THREADS, the affinity mask and threadpoolctl's limits).
inline int effective_threads(int requested) {
#ifdef _OPENMP
  if (in_forked_child().load(std::memory_order_relaxed) || omp_in_parallel()) return 1;
  const int allowed = std::max(1, omp_get_max_threads());
  return requested > 0 ? std::min(requested, allowed) : allowed;
#else
  (void)requested;
  return 1;
#endif
}

// Calls body(begin, end) for the chunks [0, grain), [grain, 2 grain), ... of [0, n).
template <class Body>
void parallel_chunks(Index n, Index grain, int n_threads, const Body& body) {
  const Index n_chunks = n <= 0 ? 0 : (n - 1) / grain + 1;
  const auto run = [&](Index chunk) { body(chunk * grain, std::min(n, (chunk + 1) * grain)); };
  const int threads = static_cast<int>(std::min<Index>(effective_threads(n_threads), n_chunks));
  if (threads <= 1) {
    for (Index chunk = 0; chunk < n_chunks; ++chunk) run(chunk);
    return;
  }
#ifdef _OPENMP
  std::exception_ptr failure;
  std::mutex guard;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (Index chunk = 0; chunk < n_chunks; ++chunk) {
    try {
      run(chunk);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(guard);
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
#endif
}

// K sums over i in [0, n) at once, term(i) being an array of K terms: chunk by chunk, so that the
// rounding error grows with the chunk's length and the number of chunks, not with n, and is the
// same for every number of threads. Eight partial sums hide the latency of the additions; terms
// that are costly are worth to be compiled `wide`.
template <std::size_t K, bool wide = false, class Term>
std::array<double, K> ordered_sums(Index n, int n_threads, const Term& term) {
  constexpr Index grain = 4096;
  constexpr std::size_t lanes = 8;
  const auto sum_chunk = [&](Index begin, Index end) {
    return widely<wide>([&] {
      std::array<std::array<double, lanes>, K> part{};
      Index i = begin;
      for (; i + static_cast<Index>(lanes) <= end; i += static_cast<Index>(lanes))
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const std::array<double, K> terms = term(i + static_cast<Index>(lane));
          for (std::size_t k = 0; k < K; ++k) part[k][lane] += terms[k];
        }
      std::array<double, K> sums;
      for (std::size_t k = 0; k < K; ++k)
        sums[k] = ((part[k][0] + part[k][4]) + (part[k][2] + part[k][6])) +
                  ((part[k][1] + part[k][5]) + (part[k][3] + part[k][7]));
      for (; i < end; ++i) {
        const std::array<double, K> terms = term(i);
        for (std::size_t k = 0; k < K; ++k) sums[k] += terms[k];
      }
      return sums;
    });
  };
  std::array<double, K> total{};
  const auto add = [&](const std::array<double, K>& sums) {
    for (std::size_t k = 0; k < K; ++k) total[k] += sums[k];
  };
  if (n_threads == 1 || n <= grain) {
    for (Index begin = 0; begin < n; begin += grain)
      add(sum_chunk(begin, std::min(n, begin + grain)));
    return total;
  }
  std::vector<std::array<double, K>> chunks(static_cast<std::size_t>((n - 1) / grain + 1));
  parallel_chunks(n, grain, n_threads, [&](Index begin, Index end) {
    chunks[static_cast<std::size_t>(begin / grain)] = sum_chunk(begin, end);
  });
  for (const auto& sums : chunks) add(sums);
  return total;
}

// Σ_i term(i)
template <bool wide = false, class Term>
double ordered_sum(Index n, const Term& term, int n_threads = 1) {
  return ordered_sums<1, wide>(n, n_threads,
                               [&](Index i) { return std::array<double, 1>{term(i)}; })[0];
}

}  // namespace sparsecross
