// Products of dense columns (gram.hpp), by tiles in single precision.
//
// Cost: n m² / 2 multiply-adds for m columns.
#pragma once

#include "solve/product_sink.hpp"

namespace sparsecross::detail {

template <class Columns, class Curvature>
std::size_t dense_products(const Columns& columns, Curvature h, const Problem& problem,
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
    std::array<double, tiles_of_rows * width> root;
    for (Index i = 0; i < height; ++i) root[static_cast<std::size_t>(i)] = std::sqrt(h(top + i));
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
              root[static_cast<std::size_t>(i)] * (static_cast<double>(x[i]) - mean) * inverse);
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
  return bytes_of(panel, minus);
}

}  // namespace sparsecross::detail
