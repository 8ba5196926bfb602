// Layouts as operations.
//
// A matrix is stored as slices along one axis: columns (CSC, Fortran order) or rows (CSR, C order).
// A layout offers loops over the stored entries (i, x_i) of slice j, or over those in a range
// (each_within, each_from), and nearly everything else is written once in terms of them:
//   each(j, f)     f(i, x_i) in increasing i, one after the other
//   sum(j, term)   Σ term(i, x_i), in an order of the layout's own choice that is good for speed;
//                  sums<K> make K of them at once
// Values may be stored as float or double, or not at all where all are 1 (one-hot and crossed
// columns); arithmetic is double. A stored type is a template parameter, so no loop branches on it.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <utility>

#include "support/parallel.hpp"

namespace sparsecross {

template <class Layout>
inline constexpr bool is_dense = false;

// n_slices slices of `length` contiguous values each, `stride` values apart.
template <class T>
class DenseSlices {
 public:
  DenseSlices(const T* values, Index n_slices, Index length, Index stride)
      : values_(values), n_slices_(n_slices), length_(length), stride_(stride) {}

  Index n_slices() const { return n_slices_; }
  Index length() const { return length_; }
  Index size(Index) const { return length_; }
  Index n_stored() const { return n_slices_ * length_; }
  double at(Index j, Index i) const { return static_cast<double>(slice(j)[i]); }

  template <class F>
  void each(Index j, const F& f) const {
    const T* x = slice(j);
    for (Index i = 0; i < length_; ++i) f(i, static_cast<double>(x[i]));
  }

  // each, for i in [first, last).
  template <class F>
  void each_within(Index j, Index first, Index last, const F& f) const {
    const T* x = slice(j);
    for (Index i = first; i < last; ++i) f(i, static_cast<double>(x[i]));
  }

  // Eight partial sums: enough independent additions to hide their latency and fill SIMD lanes.
  template <class Term>
  double sum(Index j, const Term& term) const {
    constexpr Index lanes = 8;
    const T* x = slice(j);
    double part[lanes] = {};
    Index i = 0;
    for (; i + lanes <= length_; i += lanes)
      for (Index k = 0; k < lanes; ++k) part[k] += term(i + k, static_cast<double>(x[i + k]));
    double total =
        ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
    for (; i < length_; ++i) total += term(i, static_cast<double>(x[i]));
    return total;
  }

  // K sums, term(i, x_i) being an array of K terms: one after the other, while the slice is in the
  // cache, each in SIMD lanes.
  template <std::size_t K, class Term>
  std::array<double, K> sums(Index j, const Term& term) const {
    return sums_of(j, term, std::make_index_sequence<K>());
  }

  const T* slice(Index j) const {
    assert(0 <= j && j < n_slices_);
    return values_ + j * stride_;
  }

 private:
  template <class Term, std::size_t... k>
  std::array<double, sizeof...(k)> sums_of(Index j, const Term& term,
                                           std::index_sequence<k...>) const {
    return {sum(j, [&](Index i, double x) { return std::get<k>(term(i, x)); })...};
  }

  const T* values_;
  Index n_slices_, length_, stride_;
};

template <class T>
inline constexpr bool is_dense<DenseSlices<T>> = true;

// Where each slice begins among the stored entries: 32 or 64 bits wide, or not stored where all
// slices are as long. The branch is taken twice a slice, never inside one, and keeps the number of
// instantiations down.
class Offsets {
 public:
  explicit Offsets(const std::int32_t* narrow) : narrow_(narrow) {}
  explicit Offsets(const std::int64_t* wide) : wide_(wide) {}
  explicit Offsets(Index length) : length_(length) {}
  Index operator[](Index j) const { return wide_ ? wide_[j] : narrow_ ? narrow_[j] : j * length_; }

 private:
  const std::int32_t* narrow_ = nullptr;
  const std::int64_t* wide_ = nullptr;
  Index length_ = 0;
};

// The values of a matrix whose stored entries are all 1: nothing is read, the compiler drops x * 1.
struct Ones {
  constexpr double operator[](Index) const { return 1.0; }
};

// Compressed slices: entries offsets[j] .. offsets[j + 1] have positions indices[] and values[].
// Positions increase strictly within a slice (inspect() in structure.hpp tells).
template <class Values, class I>
class SparseSlices {
 public:
  SparseSlices(Offsets offsets, const I* indices, Values values, Index n_slices, Index length)
      : offsets_(offsets),
        indices_(indices),
        values_(values),
        n_slices_(n_slices),
        length_(length) {}

  Index n_slices() const { return n_slices_; }
  Index length() const { return length_; }
  Index size(Index j) const { return offsets_[j + 1] - offsets_[j]; }
  Index n_stored() const { return offsets_[n_slices_]; }

  const Offsets& offsets() const { return offsets_; }
  const I* indices() const { return indices_; }
  const Values& values() const { return values_; }

  template <class F>
  void each(Index j, const F& f) const {
    assert(0 <= j && j < n_slices_);
    const Index end = offsets_[j + 1];
    for (Index k = offsets_[j]; k < end; ++k)
      f(static_cast<Index>(indices_[k]), static_cast<double>(values_[k]));
  }

  // The first entry of slice j at a position of at least i.
  Index entry_at(Index j, Index i) const {
    return std::lower_bound(indices_ + offsets_[j], indices_ + offsets_[j + 1], static_cast<I>(i)) -
           indices_;
  }

  // Where slice j enters each block of `width` positions: entries cuts[q] .. cuts[q + 1] have
  // positions in [q width, (q + 1) width).
  void cut(Index j, Index width, Index n_blocks, Index* cuts) const {
    const I* const end = indices_ + offsets_[j + 1];
    const I* at = indices_ + offsets_[j];
    for (Index q = 0; q <= n_blocks; ++q) {
      at = std::lower_bound(at, end, static_cast<I>(std::min(q * width, length_)));
      cuts[q] = at - indices_;
    }
  }

  // each, for i in [first, last).
  template <class F>
  void each_within(Index j, Index first, Index last, const F& f) const {
    const Index end = offsets_[j + 1];
    for (Index k = first == 0 ? offsets_[j] : entry_at(j, first); k < end && indices_[k] < last;
         ++k)
      f(static_cast<Index>(indices_[k]), static_cast<double>(values_[k]));
  }

  // each, for the entries [first, last) of one slice.
  template <class F>
  void each_from(Index first, Index last, const F& f) const {
    for (Index k = first; k < last; ++k)
      f(static_cast<Index>(indices_[k]), static_cast<double>(values_[k]));
  }

  // Four partial sums hide the latency of the additions behind the gathers.
  template <class Term>
  double sum(Index j, const Term& term) const {
    return sums<1>(j, [&](Index i, double x) { return std::array<double, 1>{term(i, x)}; })[0];
  }

  // K sums at once, term(i, x_i) being an array of K terms.
  template <std::size_t K, class Term>
  std::array<double, K> sums(Index j, const Term& term) const {
    assert(0 <= j && j < n_slices_);
    constexpr Index lanes = 4;
    Index at = offsets_[j];
    const Index end = offsets_[j + 1];
    const auto entry = [&](Index e) {
      return term(static_cast<Index>(indices_[e]), static_cast<double>(values_[e]));
    };
    double part[K][lanes] = {};
    for (; at + lanes <= end; at += lanes)
      for (Index lane = 0; lane < lanes; ++lane) {
        const std::array<double, K> terms = entry(at + lane);
        for (std::size_t k = 0; k < K; ++k) part[k][lane] += terms[k];
      }
    std::array<double, K> total;
    for (std::size_t k = 0; k < K; ++k)
      total[k] = (part[k][0] + part[k][2]) + (part[k][1] + part[k][3]);
    for (; at < end; ++at) {
      const std::array<double, K> terms = entry(at);
      for (std::size_t k = 0; k < K; ++k) total[k] += terms[k];
    }
    return total;
  }

 private:
  Offsets offsets_;
  const I* indices_;
  Values values_;
  Index n_slices_, length_;
};

template <class Layout>
inline constexpr bool is_valueless = false;
template <class I>
inline constexpr bool is_valueless<SparseSlices<Ones, I>> = true;

}  // namespace sparsecross
