// Margins of a pruned model: the weights that are not 0, found by an index of their columns.
//
// Every route adds a row's terms in increasing column order to an accumulator that starts at 0,
// as product() in matrix/design.hpp does for dense weights: same bits, without the zeros.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "matrix/design.hpp"
#include "serve/elias_fano.hpp"
#include "serve/stored_weights.hpp"
#include "support/ranked_bits.hpp"
#include "support/wide.hpp"

namespace sparsecross {

struct SparseWeights {
  EliasFano index;
  StoredWeights values;  // one for each id of the index
};

namespace detail {

// One overload for each kind of layout; score() below says what they do.
struct Scorer {
  const SparseWeights& w;
  Axis sliced_by;
  double* out;
  int n_threads;

  template <class T>
  void operator()(const DenseSlices<T>& slices) const {
    if (sliced_by == Axis::columns) return walk_columns(slices);
    parallel_chunks(slices.n_slices(), 64, n_threads, [&](Index begin, Index end) {
      std::fill(out + begin, out + end, 0.0);
      w.index.each([&](std::uint64_t rank, std::uint64_t j) {
        for (Index i = begin; i < end; ++i)
          out[i] += slices.at(i, static_cast<Index>(j)) * w.values[rank];
      });
    });
  }

  template <class V, class I>
  void operator()(const SparseSlices<V, I>& slices) const {
    if (sliced_by == Axis::columns) return walk_columns(slices);
    if (slices.length() / 64 < slices.n_stored()) {
      const RankedBits bits(w.index.universe(), [this](const auto& take) {
        w.index.each([&](std::uint64_t, std::uint64_t id) { take(id); });
      });
      walk_rows(slices, [&](std::uint64_t id) { return bits.find(id); });
    } else {
      walk_rows(slices, [&](std::uint64_t id) { return w.index.find(id); });
    }
  }

  template <class Slices, class Find>
  void walk_rows(const Slices& rows, const Find& find) const {
    parallel_chunks(rows.n_slices(), 256, n_threads, [&](Index begin, Index end) {
      widely([&] {
        for (Index i = begin; i < end; ++i) {
          double margin = 0.0;
          rows.each(i, [&](Index j, double x) {
            const std::int64_t rank = find(static_cast<std::uint64_t>(j));
            if (rank >= 0) margin += x * w.values[static_cast<std::uint64_t>(rank)];
          });
          out[i] = margin;
        }
      });
    });
  }

  template <class Slices>
  void walk_columns(const Slices& columns) const {
    std::fill(out, out + columns.length(), 0.0);
    w.index.each([&](std::uint64_t rank, std::uint64_t j) {
      const double weight = w.values[rank];
      columns.each(static_cast<Index>(j), [&](Index i, double x) { out[i] += x * weight; });
    });
  }
};

}  // namespace detail

// Problem: out (n) = X w.
// Given:   a canonical Design of as many columns as the index's universe, in any layout.
// Cost:    sparse rows: a look-up for each stored entry, and 1.5 p bits of scratch memory where
//          there is an entry for 64 columns or more; columns: one pass over those of the
//          support; dense rows: one pass over the support for each block of rows.
inline void score(const Design& X, const SparseWeights& w, double* out, int n_threads) {
  X.visit(detail::Scorer{w, X.sliced_by(), out, n_threads});
}

// One row as (column, value) entries; few need no memory from the heap.
class RowEntries {
 public:
  using Entry = std::pair<std::int64_t, double>;

  void push(std::int64_t column, double x) {
    if (n_ < few_.size()) {
      few_[n_] = {column, x};
    } else {
      if (many_.empty()) many_.assign(few_.begin(), few_.end());
      many_.push_back({column, x});
    }
    ++n_;
  }

  // In increasing order of columns; equal ones are added up, in the order given, as in a sparse
  // matrix.
  void make_canonical() {
    const auto before = [](const Entry& a, const Entry& b) { return a.first < b.first; };
    if (!std::is_sorted(begin(), end(), before)) std::stable_sort(begin(), end(), before);
    Entry* last = begin();
    for (const Entry* e = begin(); e < end(); ++e) {
      if (last > begin() && last[-1].first == e->first) {
        last[-1].second += e->second;
      } else {
        *last++ = *e;
      }
    }
    n_ = static_cast<std::size_t>(last - begin());
  }

  Entry* begin() { return many_.empty() ? few_.data() : many_.data(); }
  Entry* end() { return begin() + n_; }

 private:
  std::array<Entry, 64> few_;
  std::vector<Entry> many_;
  std::size_t n_ = 0;
};

// x·w of a row whose entries are canonical.
inline double score_row(RowEntries& entries, const SparseWeights& w) {
  return widely([&] {
    double margin = 0.0;
    for (const auto& [j, x] : entries) {
      const std::int64_t rank = w.index.find(static_cast<std::uint64_t>(j));
      if (rank >= 0) margin += x * w.values[static_cast<std::uint64_t>(rank)];
    }
    return margin;
  });
}

}  // namespace sparsecross
