// The Hessian of a quadratic model over a few columns, in single precision.
//
// Problem: A = X_Sᵀ diag(h) X_S - H_S H_Sᵀ / H + diag(l2)     (the middle term with an intercept)
// Given:   columns S of X, increasing; the model's h, H and the columns' H_j.
// Result:  the lower triangle of A in the tiles of a CholeskyFactor.
// Cost:    sparse: one multiply-add for each pair of entries that share a row, after a copy of X_S
//          by rows (8 bytes an entry). Dense: n m² / 2 multiply-adds by tiles.
// Source:  Gustavson 1978, "Two fast algorithms for sparse matrices" (row by row, one accumulator).
#pragma once

#include "solve/cholesky.hpp"
#include "solve/quadratic_model.hpp"

namespace sparsecross {

// Columns of X that a model is restricted to, and what is known of each.
struct ColumnSubset {
  std::vector<Index> columns;        // increasing
  std::vector<double> weighted_sum;  // H_j
  Index size() const { return static_cast<Index>(columns.size()); }
  Index operator[](Index k) const { return columns[static_cast<std::size_t>(k)]; }
};

namespace detail {

// A copy of some columns by rows: entries begin[i] .. begin[i + 1] of row i, in increasing
// position.
struct ByRows {
  std::vector<Index> begin;            // n + 1
  std::vector<std::int32_t> position;  // in the subset
  std::vector<float> value;
};

template <class Columns>
ByRows by_rows(const Columns& columns, Index n, const ColumnSubset& subset) {
  ByRows rows;
  rows.begin.assign(static_cast<std::size_t>(n) + 1, 0);
  for (const Index j : subset.columns)
    columns.each(j, [&](Index i, double) { ++rows.begin[static_cast<std::size_t>(i) + 1]; });
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) rows.begin[i + 1] += rows.begin[i];
  const auto n_entries = static_cast<std::size_t>(rows.begin.back());
  rows.position.resize(n_entries);
  rows.value.resize(n_entries);
  for (Index k = 0; k < subset.size(); ++k)
    columns.each(subset[k], [&](Index i, double x) {
      const auto at = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i)]++);
      rows.position[at] = static_cast<std::int32_t>(k);
      rows.value[at] = static_cast<float>(x);
    });
  // begin[i] has moved to the end of row i, which is the beginning of row i + 1.
  std::copy_backward(rows.begin.begin(), rows.begin.end() - 1, rows.begin.end());
  rows.begin[0] = 0;
  return rows;
}

template <class Columns, class Curvature>
void sparse_hessian(const Columns& columns, Curvature h, const Problem& problem,
                    const ColumnSubset& subset, double total, CholeskyFactor& out) {
  const ByRows rows = by_rows(columns, problem.n(), subset);
  const Index m = subset.size();
  parallel_chunks(m, 16, problem.n_threads, [&](Index begin, Index end) {
    std::vector<double> sum(static_cast<std::size_t>(m));
    for (Index k = begin; k < end; ++k) {
      std::fill(sum.begin() + k, sum.end(), 0.0);
      columns.each(subset[k], [&](Index i, double x) {
        const double hx = h(i) * x;
        const auto first = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i)]);
        auto at = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i) + 1]);
        while (at-- > first && rows.position[at] >= k)
          sum[static_cast<std::size_t>(rows.position[at])] +=
              hx * static_cast<double>(rows.value[at]);
      });
      const double mean =
          total > 0.0 ? subset.weighted_sum[static_cast<std::size_t>(k)] / total : 0;
      for (Index q = k; q < m; ++q)
        out.at(q, k) = static_cast<float>(sum[static_cast<std::size_t>(q)] -
                                          mean * subset.weighted_sum[static_cast<std::size_t>(q)]);
    }
  });
}

template <class Columns, class Curvature>
void dense_hessian(const Columns& columns, Curvature h, const Problem& problem,
                   const ColumnSubset& subset, double total, CholeskyFactor& out) {
  constexpr Index width = CholeskyFactor::kTile, tiles_of_rows = 4, area = width * width;
  const Index n = problem.n(), m = subset.size(), n_tiles = CholeskyFactor::n_tiles_of(m);
  // Some rows of the centred columns at a time, scaled by √h, in tiles: (column tile, row tile).
  std::vector<float> panel(static_cast<std::size_t>(n_tiles * tiles_of_rows * area));
  for (Index top = 0; top < n; top += tiles_of_rows * width) {
    const Index height = std::min(n - top, tiles_of_rows * width);
    parallel_chunks(n_tiles, 1, problem.n_threads, [&](Index t, Index) {
      float* const target = panel.data() + t * tiles_of_rows * area;
      std::fill(target, target + tiles_of_rows * area, 0.0f);
      for (Index c = 0; c < width && t * width + c < m; ++c) {
        const Index k = t * width + c;
        const double mean =
            total > 0.0 ? subset.weighted_sum[static_cast<std::size_t>(k)] / total : 0.0;
        const auto* x = columns.slice(subset[k]) + top;
        for (Index i = 0; i < height; ++i)
          target[i / width * area + i % width * width + c] =
              static_cast<float>(std::sqrt(h(top + i)) * (static_cast<double>(x[i]) - mean));
      }
    });
    parallel_chunks(n_tiles * (n_tiles + 1) / 2, 4, problem.n_threads, [&](Index begin, Index end) {
      for (Index pair = begin; pair < end; ++pair) {
        auto i = static_cast<Index>((std::sqrt(8.0 * static_cast<double>(pair) + 1.0) - 1.0) / 2.0);
        while (i * (i + 1) / 2 > pair) --i;
        while ((i + 1) * (i + 2) / 2 <= pair) ++i;
        const Index j = pair - i * (i + 1) / 2;
        for (Index row_tile = 0; row_tile * width < height; ++row_tile)
          tiles::subtract_product(panel.data() + (i * tiles_of_rows + row_tile) * area,
                                  panel.data() + (j * tiles_of_rows + row_tile) * area,
                                  out.tile(i, j));
      }
    });
  }
  out.negate();
}

}  // namespace detail

inline CholeskyFactor hessian(const Problem& problem, const QuadraticModel& model,
                              const ColumnSubset& subset) {
  CholeskyFactor out(subset.size());
  const double total = problem.fit_intercept ? model.total : 0.0;
  problem.X.visit([&](const auto& columns) {
    visit_curvature(model, [&](auto h) {
      if constexpr (is_dense<std::decay_t<decltype(columns)>>) {
        detail::dense_hessian(columns, h, problem, subset, total, out);
      } else {
        detail::sparse_hessian(columns, h, problem, subset, total, out);
      }
    });
  });
  for (Index k = 0; k < subset.size(); ++k)
    out.at(k, k) += static_cast<float>(problem.penalty.l2(subset[k]));
  return out;
}

}  // namespace sparsecross
