// Products of the columns of a quadratic model, in single precision.
//
// Problem: A_kq = (Σ_i h_i x_ik x_iq - H μ_k μ_q) / (s_k s_q)  for columns k and q of a list:
//          centred by their h-weighted means μ, in units of their norms s, so that A_kk = 1.
// Given:   the list, and the position from which its columns are new.
// Result:  the lower triangle's elements (k, q), q <= k, for new k, handed to a sink by columns.
// Cost:    sparse: one multiply-add for each pair of entries that share a row, after a copy of the
//          new columns by rows (8 bytes an entry). Dense: n m² / 2 multiply-adds by tiles.
// Source:  Gustavson 1978, "Two fast algorithms for sparse matrices" (row by row, one accumulator).
#pragma once

#include "solve/cholesky.hpp"
#include "solve/quadratic_model.hpp"

namespace sparsecross {

// Columns of X as a quadratic model has them: centred, and scaled to curvature 1.
struct ScaledColumns {
  std::vector<Index> columns;
  std::vector<double> mean;  // μ; 0 without an intercept
  std::vector<double> norm;  // s, positive
  Index size() const { return static_cast<Index>(columns.size()); }
  Index operator[](Index k) const { return columns[static_cast<std::size_t>(k)]; }
  void clear() {
    columns.clear();
    mean.clear();
    norm.clear();
  }
  void push_back(Index j, double its_mean, double its_norm) {
    columns.push_back(j);
    mean.push_back(its_mean);
    norm.push_back(its_norm);
  }
};

// Where products go, by columns of the lower triangle.
class ProductSink {
 public:
  virtual ~ProductSink() = default;
  // Elements (k, q) of column q for k in [first, last).
  virtual void set(Index q, Index first, Index last, const double* column) const = 0;
  virtual void clear_tile(Index i, Index j) const = 0;
  // Tile (i, j) += a bᵀ; -a is given.
  virtual void add(Index i, Index j, const float* minus_a, const float* b) const = 0;
};

// The tiles that a factorisation begins with.
class FactorSink final : public ProductSink {
 public:
  explicit FactorSink(CholeskyFactor& factor) : factor_(factor) {}
  void set(Index q, Index first, Index last, const double* column) const override {
    for (Index k = first; k < last; ++k) factor_.at(k, q) = static_cast<float>(column[k]);
  }
  void clear_tile(Index i, Index j) const override {
    std::fill_n(factor_.tile(i, j), tiles::kTile * tiles::kTile, 0.0f);
  }
  void add(Index i, Index j, const float* minus_a, const float* b) const override {
    tiles::subtract_product(minus_a, b, factor_.tile(i, j));
  }

 private:
  CholeskyFactor& factor_;
};

// A square of whole tiles, by columns.
class SquareSink final : public ProductSink {
 public:
  SquareSink(float* square, Index stride) : square_(square), stride_(stride) {}
  void set(Index q, Index first, Index last, const double* column) const override {
    for (Index k = first; k < last; ++k) square_[q * stride_ + k] = static_cast<float>(column[k]);
  }
  void clear_tile(Index i, Index j) const override {
    for (Index c = 0; c < tiles::kTile; ++c)
      std::fill_n(corner(i, j) + c * stride_, tiles::kTile, 0.0f);
  }
  void add(Index i, Index j, const float* minus_a, const float* b) const override {
    tiles::subtract_product(minus_a, b, corner(i, j), stride_);
  }

 private:
  float* corner(Index i, Index j) const {
    return square_ + j * tiles::kTile * stride_ + i * tiles::kTile;
  }

  float* square_;
  Index stride_;
};

namespace detail {

// √h, in the form of h.
inline UniformCurvature roots(UniformCurvature h, Index, std::vector<double>&) {
  return {std::sqrt(h.h)};
}
inline SampleCurvature roots(SampleCurvature h, Index n, std::vector<double>& values) {
  values.resize(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = std::sqrt(h(i));
  return {values.data()};
}

// A copy of the columns of a list from `first` on, by rows: entries begin[i] .. begin[i + 1] of row
// i, in increasing position. Values are √h x / s: no greater than 1, however small h may be.
struct ByRows {
  std::vector<Index> begin;            // n + 1
  std::vector<std::int32_t> position;  // in the list
  std::vector<float> value;
};

template <class Columns, class Root>
ByRows by_rows(const Columns& columns, Root root, Index n, const ScaledColumns& list, Index first) {
  ByRows rows;
  rows.begin.assign(static_cast<std::size_t>(n) + 1, 0);
  for (Index k = first; k < list.size(); ++k)
    columns.each(list[k], [&](Index i, double) { ++rows.begin[static_cast<std::size_t>(i) + 1]; });
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) rows.begin[i + 1] += rows.begin[i];
  const auto n_entries = static_cast<std::size_t>(rows.begin.back());
  rows.position.resize(n_entries);
  rows.value.resize(n_entries);
  for (Index k = first; k < list.size(); ++k) {
    const double inverse = 1.0 / list.norm[static_cast<std::size_t>(k)];
    columns.each(list[k], [&](Index i, double x) {
      const auto at = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i)]++);
      rows.position[at] = static_cast<std::int32_t>(k);
      rows.value[at] = static_cast<float>(root(i) * x * inverse);
    });
  }
  // begin[i] has moved to the end of row i, which is the beginning of row i + 1.
  std::copy_backward(rows.begin.begin(), rows.begin.end() - 1, rows.begin.end());
  rows.begin[0] = 0;
  return rows;
}

template <class Columns, class Curvature>
void sparse_products(const Columns& columns, Curvature h, const Problem& problem, double total,
                     const ScaledColumns& list, Index first_new, const ProductSink& sink) {
  std::vector<double> values;
  const auto root = roots(h, problem.n(), values);
  const ByRows rows = by_rows(columns, root, problem.n(), list, first_new);
  const Index m = list.size();
  parallel_chunks(m, 16, problem.n_threads, [&](Index begin, Index end) {
    std::vector<double> sum(static_cast<std::size_t>(m));
    for (Index q = begin; q < end; ++q) {
      const auto at_q = static_cast<std::size_t>(q);
      const Index first = std::max(q, first_new);
      std::fill(sum.begin() + first, sum.end(), 0.0);
      const double inverse = 1.0 / list.norm[at_q];
      columns.each(list[q], [&](Index i, double x) {
        const double hx = root(i) * x * inverse;
        const auto top = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i)]);
        auto at = static_cast<std::size_t>(rows.begin[static_cast<std::size_t>(i) + 1]);
        while (at-- > top && rows.position[at] >= first)
          sum[static_cast<std::size_t>(rows.position[at])] +=
              hx * static_cast<double>(rows.value[at]);
      });
      const double weight = total * list.mean[at_q] * inverse;
      if (weight != 0.0)
        for (auto k = static_cast<std::size_t>(first); k < sum.size(); ++k)
          sum[k] -= weight * list.mean[k] / list.norm[k];
      if (first == q) sum[at_q] = 1.0;
      sink.set(q, first, m, sum.data());
    }
  });
}

template <class Columns, class Curvature>
void dense_products(const Columns& columns, Curvature h, const Problem& problem,
                    const ScaledColumns& list, Index first_new, const ProductSink& sink) {
  constexpr Index width = tiles::kTile, tiles_of_rows = 4, area = width * width;
  const Index n = problem.n(), m = list.size(), n_tiles = CholeskyFactor::n_tiles_of(m);
  const Index first_tile = first_new / width;
  const Index known = first_tile * (first_tile + 1) / 2, pairs = n_tiles * (n_tiles + 1) / 2;
  // Some rows of the scaled columns at a time, in tiles: (column tile, row tile); then their
  // negatives, for the new ones.
  const std::size_t panel_size = static_cast<std::size_t>(n_tiles * tiles_of_rows * area);
  std::vector<float> panel(panel_size), minus(panel_size);
  for (Index top = 0; top < n; top += tiles_of_rows * width) {
    const Index height = std::min(n - top, tiles_of_rows * width);
    parallel_chunks(n_tiles, 1, problem.n_threads, [&](Index t, Index) {
      float* const target = panel.data() + t * tiles_of_rows * area;
      std::fill(target, target + tiles_of_rows * area, 0.0f);
      for (Index c = 0; c < width && t * width + c < m; ++c) {
        const Index k = t * width + c;
        const double mean = list.mean[static_cast<std::size_t>(k)];
        const double inverse = 1.0 / list.norm[static_cast<std::size_t>(k)];
        const auto* x = columns.slice(list[k]) + top;
        for (Index i = 0; i < height; ++i)
          target[i / width * area + i % width * width + c] = static_cast<float>(
              std::sqrt(h(top + i)) * (static_cast<double>(x[i]) - mean) * inverse);
      }
      if (t < first_tile) return;
      float* const negative = minus.data() + t * tiles_of_rows * area;
      for (Index e = 0; e < tiles_of_rows * area; ++e) negative[e] = -target[e];
    });
    parallel_chunks(pairs - known, 4, problem.n_threads, [&](Index begin, Index end) {
      for (Index pair = known + begin; pair < known + end; ++pair) {
        auto i = static_cast<Index>((std::sqrt(8.0 * static_cast<double>(pair) + 1.0) - 1.0) / 2.0);
        while (i * (i + 1) / 2 > pair) --i;
        while ((i + 1) * (i + 2) / 2 <= pair) ++i;
        const Index j = pair - i * (i + 1) / 2;
        if (top == 0) sink.clear_tile(i, j);
        for (Index row_tile = 0; row_tile * width < height; ++row_tile)
          sink.add(i, j, minus.data() + (i * tiles_of_rows + row_tile) * area,
                   panel.data() + (j * tiles_of_rows + row_tile) * area);
      }
    });
  }
}

}  // namespace detail

// The elements of new rows to the sink; where X is dense, of all rows of the tile they begin in.
inline void products(const Problem& problem, const QuadraticModel& model, const ScaledColumns& list,
                     Index first_new, const ProductSink& sink) {
  problem.X.visit([&](const auto& columns) {
    visit_curvature(model, [&](auto h) {
      if constexpr (is_dense<std::decay_t<decltype(columns)>>) {
        detail::dense_products(columns, h, problem, list, first_new, sink);
      } else {
        detail::sparse_products(columns, h, problem, problem.fit_intercept ? model.total : 0.0,
                                list, first_new, sink);
      }
    });
  });
}

}  // namespace sparsecross
