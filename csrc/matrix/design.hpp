// A Design is a data matrix X (n rows, p columns) in any layout, seen and not owned.
//
// The variant below is the only place that turns stored types into template instances:
// design.visit(f) calls f with the layout, once per whole-matrix operation.
#pragma once

#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "matrix/slices.hpp"

namespace sparsecross {

enum class Axis { rows, columns };

class Design {
 public:
  using Layout = std::variant<DenseSlices<float>, DenseSlices<double>,    //
                              SparseSlices<const float*, std::int32_t>,   //
                              SparseSlices<const float*, std::int64_t>,   //
                              SparseSlices<const double*, std::int32_t>,  //
                              SparseSlices<const double*, std::int64_t>,  //
                              SparseSlices<Ones, std::int32_t>, SparseSlices<Ones, std::int64_t>>;

  Design(Layout layout, Axis sliced_by) : layout_(std::move(layout)), sliced_by_(sliced_by) {}

  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit(std::forward<F>(f), layout_);
  }

  Axis sliced_by() const { return sliced_by_; }
  Index n_rows() const { return sliced_by_ == Axis::rows ? n_slices() : slice_length(); }
  Index n_cols() const { return sliced_by_ == Axis::rows ? slice_length() : n_slices(); }
  Index n_stored() const {
    return visit([](const auto& slices) { return slices.n_stored(); });
  }

 private:
  Index n_slices() const {
    return visit([](const auto& slices) { return slices.n_slices(); });
  }
  Index slice_length() const {
    return visit([](const auto& slices) { return slices.length(); });
  }

  Layout layout_;
  Axis sliced_by_;
};

// A pass over fewer entries than this takes less time than to wake a thread that sleeps.
constexpr Index kWorthThreads = 200000, kWorthThreadsDense = 1000000;

inline int threads_for(const Design& X, int n_threads) {
  const Index least = X.visit([](const auto& columns) {
    return is_dense<std::decay_t<decltype(columns)>> ? kWorthThreadsDense : kWorthThreads;
  });
  return X.n_stored() < least ? 1 : n_threads;
}

// out (p) = Xᵀ v for v (n), X sliced by columns.
// Cost: one pass over the stored entries, shared among the threads.
inline void transposed_product(const Design& X, const double* v, double* out, int n_threads) {
  assert(X.sliced_by() == Axis::columns);
  X.visit([&](const auto& columns) {
    parallel_chunks(columns.n_slices(), 256, n_threads, [&](Index begin, Index end) {
      for (Index j = begin; j < end; ++j)
        out[j] = columns.sum(j, [v](Index i, double x) { return x * v[i]; });
    });
  });
}

// out (n) = X w for w (p), X sliced either way.
//
// Every route to a prediction promises the same bits: each row's terms x_ij w_j are added one
// after the other in increasing j to an accumulator that starts at 0. A term with w_j = 0 adds
// a zero, which changes no bit, so columns of zero weight may be left out.
// Cost: one pass over the stored entries (by columns: over those of non-zero weight, one thread).
inline void product(const Design& X, const double* w, double* out, int n_threads) {
  X.visit([&](const auto& slices) {
    if (X.sliced_by() == Axis::rows) {
      parallel_chunks(slices.n_slices(), 1024, n_threads, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          double margin = 0.0;
          slices.each(i, [&](Index j, double x) { margin += x * w[j]; });
          out[i] = margin;
        }
      });
    } else {
      std::fill(out, out + slices.length(), 0.0);
      for (Index j = 0; j < slices.n_slices(); ++j) {
        const double weight = w[j];
        if (weight != 0.0) slices.each(j, [&](Index i, double x) { out[i] += x * weight; });
      }
    }
  });
}

// out (n) = X_S v for v_k = weight(k), X sliced by columns, S some of them in increasing order: the
// same bits as `product` where all other weights are 0.
// Cost: one pass over the columns of non-zero weight, by blocks of rows that the threads share.
template <class Weight>
void product(const Design& X, const std::vector<Index>& columns, const Weight& weight, double* out,
             int n_threads) {
  assert(X.sliced_by() == Axis::columns);
  X.visit([&](const auto& slices) {
    const Index grain = n_threads == 1 ? std::max(slices.length(), Index{1}) : 32768;
    parallel_chunks(slices.length(), grain, n_threads, [&](Index first, Index last) {
      std::fill(out + first, out + last, 0.0);
      for (std::size_t k = 0; k < columns.size(); ++k) {
        const double v = weight(k);
        if (v != 0.0)
          slices.each_within(columns[k], first, last, [&](Index i, double x) { out[i] += x * v; });
      }
    });
  });
}

}  // namespace sparsecross
