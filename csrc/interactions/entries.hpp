// The entries of one product of columns, without building it.
//
// Problem: f(i, Π_j x_ij) for the rows i in which all columns of a product have an entry, in
//          increasing order.
// Cost:    a walk along the shorter of the first two columns, with look-ups in the others that are
//          logarithmic in the distance from the last one.
// Source:  Bentley & Yao 1976, "An almost optimal algorithm for unbounded searching" (galloping).
#pragma once

#include <utility>

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

}  // namespace detail

template <class Columns, class F>
void each_entry(const Columns& columns, const Factors& product, const F& f) {
  auto [j, k, l] = product.column;
  if (k < 0) return columns.each(j, f);
  if (j == k) return columns.each(j, [&](Index i, double x) { f(i, x * x); });
  if (columns.size(k) < columns.size(j)) std::swap(j, k);
  detail::Lookup<Columns> second(columns, k);
  if (l < 0) return columns.each(j, [&](Index i, double x) { f(i, x * second(i)); });
  detail::Lookup<Columns> third(columns, l);
  columns.each(j, [&](Index i, double x) {
    const double both = x * second(i);
    if (both != 0.0) f(i, both * third(i));
  });
}

}  // namespace sparsecross
