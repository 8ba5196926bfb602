// The entries of products of columns, without building them.
//
// Problem: f(i, Π_j x_ij) for the rows i of the shortest of a product's first two columns, in
//          increasing order; the product is 0 where another column has no entry.
// Cost:    a walk along that column. Where the longer one is less than kFar times as long, its rows
//          are marked first, n bytes, and the marks are kept for the next product; else it is
//          searched, in the logarithm of the distance from the last row. Nothing branches on what
//          is found there, as nobody could foretell it.
// Source:  Bentley & Yao 1976, "An almost optimal algorithm for unbounded searching" (galloping).
#pragma once

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "interactions/keys.hpp"
#include "matrix/design.hpp"

namespace sparsecross {

namespace detail {

// x_ij for increasing i.
template <class Columns>
class Lookup;

template <class T>
class Lookup<DenseSlices<T>> {
 public:
  Lookup(const DenseSlices<T>& columns, Index j) : x_(columns.slice(j)) {}
  double operator()(Index i) { return static_cast<double>(x_[i]); }

 private:
  const T* x_;
};

template <class V, class I>
class Lookup<SparseSlices<V, I>> {
 public:
  Lookup(const SparseSlices<V, I>& columns, Index j)
      : columns_(columns), at_(columns.offsets()[j]), end_(columns.offsets()[j + 1]) {}

  double operator()(Index i) {
    const I* const rows = columns_.indices();
    Index step = 1;
    while (at_ + step < end_ && static_cast<Index>(rows[at_ + step]) < i) step *= 2;
    const I* const found =
        std::lower_bound(rows + at_, rows + std::min(at_ + step + 1, end_), static_cast<I>(i));
    at_ = found - rows;
    return at_ < end_ && static_cast<Index>(*found) == i
               ? static_cast<double>(columns_.values()[at_])
               : 0.0;
  }

 private:
  const SparseSlices<V, I>& columns_;
  Index at_, end_;
};

// One of an entry's terms in the content of a column. Source: Steele, Lea & Flood 2014 (SplitMix).
inline std::uint64_t mixed(Index i, double x) {
  std::uint64_t word;
  std::memcpy(&word, &x, sizeof word);
  word ^= (static_cast<std::uint64_t>(i) + 1) * 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

}  // namespace detail

// Not for several threads at once.
class ProductWalk {
 public:
  template <class Columns, class F>
  void operator()(const Columns& columns, const Factors& product, const F& f) {
    auto [j, k, l] = product.column;
    if (k < 0) return columns.each(j, f);
    if (j == k) return columns.each(j, [&](Index i, double x) { f(i, x * x); });
    if (columns.size(k) < columns.size(j)) std::swap(j, k);
    if (l < 0) return each_of_pair(columns, j, k, f);
    detail::Lookup<Columns> third(columns, l);
    each_of_pair(columns, j, k, [&](Index i, double both) {
      if (both != 0.0) f(i, both * third(i));
    });
  }

 private:
  static constexpr Index kFar = 32;

  template <class Columns, class F>
  void each_of_pair(const Columns& columns, Index j, Index k, const F& f) {
    detail::Lookup<Columns> second(columns, k);
    if (is_dense<Columns> || columns.size(k) > kFar * columns.size(j))
      return columns.each(j, [&](Index i, double x) { f(i, x * second(i)); });
    mark(columns, k);
    columns.each(j, [&](Index i, double x) {
      const std::uint8_t marked = marks_[static_cast<std::size_t>(i)];
      if constexpr (is_valueless<Columns>) {
        f(i, static_cast<double>(marked));
      } else {
        f(i, marked ? x * second(i) : 0.0);
      }
    });
  }

  template <class Columns>
  void mark(const Columns& columns, Index k) {
    if (k == marked_) return;
    marks_.resize(static_cast<std::size_t>(columns.length()));
    if (marked_ >= 0) {
      std::uint8_t* const m = marks_.data();
      if (columns.size(marked_) > columns.length() / 64) {
        std::fill(marks_.begin(), marks_.end(), std::uint8_t{0});
      } else {
        columns.each(marked_, [m](Index i, double) { m[i] = 0; });
      }
    }
    columns.each(k, [m = marks_.data()](Index i, double) { m[i] = 1; });
    marked_ = k;
  }

  std::vector<std::uint8_t> marks_;  // of the rows of column `marked_`
  Index marked_ = -1;
};

// f(walk, first, last) for the products' numbers in chunks, first to last, each by one thread: in
// an order in which those whose walks mark the same column follow each other.
template <class Columns, class F>
void walk_in_chunks(const Columns& columns, const std::vector<Factors>& products, int n_threads,
                    const F& f) {
  const auto n = static_cast<Index>(products.size());
  std::vector<Index> order(products.size()), longer(products.size(), -1);
  for (std::size_t c = 0; c < products.size(); ++c)
    if (const auto [j, k, l] = products[c].column; k >= 0)
      longer[c] = columns.size(k) < columns.size(j) ? j : k;
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    const Index of_a = longer[static_cast<std::size_t>(a)],
                of_b = longer[static_cast<std::size_t>(b)];
    return of_a != of_b ? of_a < of_b : a < b;
  });
  // Long chunks, for the sake of the marks, while there are enough for all threads.
  parallel_chunks(n, std::clamp<Index>(n / 16, 1, 16), n_threads, [&](Index begin, Index end) {
    ProductWalk walk;
    f(walk, order.data() + begin, order.data() + end);
  });
}

}  // namespace sparsecross
