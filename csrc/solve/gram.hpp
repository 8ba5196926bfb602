// Products of the columns of a quadratic model, in single precision.
//
// Problem: A_kq = (Σ_i h_i x_ik x_iq - H μ_k μ_q) / (s_k s_q)  for columns k and q of a list:
//          centred by their h-weighted means μ, in units of their norms s, so that A_kk = 1.
// Given:   the list, and the position from which its columns are new.
// Result:  the lower triangle's elements (k, q), q <= k, for new k, handed to a sink by columns.
// Cost:    sparse_products.hpp, dense_products.hpp.
#pragma once

#include "solve/dense_products.hpp"
#include "solve/sparse_products.hpp"

namespace sparsecross {

// The elements of new rows to the sink; where X is dense, of all rows of the tile they begin in.
// Returns the bytes that it took.
inline std::size_t products(const Problem& problem, const QuadraticModel& model,
                            const ScaledColumns& list, Index first_new, const ProductSink& sink) {
  return problem.X.visit([&](const auto& columns) {
    return visit_curvature(model, [&](auto h) {
      if constexpr (is_dense<std::decay_t<decltype(columns)>>) {
        return detail::dense_products(columns, h, problem, list, first_new, sink);
      } else {
        return detail::sparse_products(
            columns, h, problem, problem.fit_intercept ? model.total : 0.0, list, first_new, sink);
      }
    });
  });
}

}  // namespace sparsecross
