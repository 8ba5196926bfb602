// Parallel loops whose results do not depend on the number of threads.
//
// Work is cut into chunks of a fixed size; each chunk is done by one thread, in order, and writes
// only what is its own. Sums are made chunk by chunk and the chunks' sums are added in order. An
// exception in a chunk is carried out and rethrown once all threads have joined.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

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

// Σ_i term(i) for i in [0, n), chunk by chunk: the rounding error grows with the chunk's length
// and the number of chunks, not with n, and is the same for every number of threads.
template <class Term>
double ordered_sum(Index n, const Term& term) {
  constexpr Index grain = 4096;
  double total = 0.0;
  for (Index begin = 0; begin < n; begin += grain) {
    const Index end = std::min(n, begin + grain);
    double part = 0.0;
    for (Index i = begin; i < end; ++i) part += term(i);
    total += part;
  }
  return total;
}

}  // namespace sparsecross
