// One proximal gradient step over the columns that are left, in one pass over them.
//
// Problem: from y = w + β (w - w₋) and the residual r at the margins of y,
//
//     w₊ = argmin_v  -zᵀ(v - y) + ½ L |v - y|² + penalty(v),      z = Xᵀr,
//
//   and the margins X w₊.
// Cost:    every column is fetched from memory once: its product with r, its new weight and, where
//          that is not 0, its share of the new margins follow one another while it is in the cache.
//          The columns are cut into parts that sum their margins apart, added in order: the result
//          does not depend on the number of threads.
// Source:  Beck & Teboulle 2009, "A fast iterative shrinkage-thresholding algorithm", eq. 1.5.
#pragma once

#include "model/problem.hpp"

namespace sparsecross {

// The columns that may carry a weight. Vectors are by position in `index`.
struct Columns {
  std::vector<Index> index;         // increasing
  std::vector<double> bend;         // a bound of the loss's curvature along the (centred) column
  std::vector<double> now, before;  // w and w₋
  std::vector<double> next;         // w₊
  std::vector<double> z;            // x_jᵀr
  std::vector<std::size_t> cuts;    // part k: positions cuts[k] to cuts[k + 1]
  std::vector<std::vector<double>> parts;  // the margins of each part (n)

  std::size_t bytes() const {
    return bytes_of(index, bend, now, before, next, z, cuts) + bytes_of(parts);
  }
};

struct Step {
  double penalty = 0.0;  // of w₊
  double square = 0.0;   // |w₊ - y|²
  double along = 0.0;    // (w₊ - y)ᵀ(w₊ - w): negative where momentum points uphill
};

// What a step reads of X and of its own vectors, in stored entries.
inline Index work(const Problem& problem, const std::vector<Index>& columns) {
  return problem.X.visit([&](const auto& slices) {
    Index total = 4 * problem.n();
    for (const Index j : columns) total += slices.size(j) + 4;
    return total;
  });
}

// Cuts the columns into parts of equal work, so few that the sums over n of all parts are a small
// share of it: a power of two up to 16, which depends on the columns alone.
inline void cut(const Problem& problem, Columns& columns) {
  const Index total = work(problem, columns.index);
  std::size_t n_parts = 1;
  while (n_parts < 16 && static_cast<Index>(32 * n_parts) * problem.n() <= total) n_parts *= 2;
  columns.cuts.assign(1, 0);
  columns.parts.resize(n_parts);
  for (auto& part : columns.parts) part.resize(static_cast<std::size_t>(problem.n()));
  problem.X.visit([&](const auto& slices) {
    const Index own = total - 4 * problem.n();
    Index done = 0;
    for (std::size_t k = 0; k < columns.index.size(); ++k) {
      done += slices.size(columns.index[k]) + 4;
      while (columns.cuts.size() < n_parts &&
             done * static_cast<Index>(n_parts) >= own * static_cast<Index>(columns.cuts.size()))
        columns.cuts.push_back(k + 1);
    }
  });
  columns.cuts.resize(n_parts, columns.index.size());
  columns.cuts.push_back(columns.index.size());
}

// Given:  β, L, r (n); z at y where `known`, as after a step with another L.
// Result: columns.next and z; margins (n) of w₊ with this intercept.
inline Step proximal_step(const Problem& problem, double momentum, double lipschitz,
                          const std::vector<double>& residual, bool known, double intercept,
                          Columns& columns, std::vector<double>& margins) {
  const Penalty& penalty = problem.penalty;
  const std::size_t n_parts = columns.parts.size();
  std::vector<Step> steps(n_parts);
  problem.X.visit([&](const auto& slices) {
    parallel_chunks(static_cast<Index>(n_parts), 1, problem.n_threads, [&](Index part, Index) {
      const auto at_part = static_cast<std::size_t>(part);
      const double* r = residual.data();
      double* m = columns.parts[at_part].data();
      std::fill(m, m + problem.n(), 0.0);
      Step step;
      for (std::size_t k = columns.cuts[at_part]; k < columns.cuts[at_part + 1]; ++k) {
        const Index j = columns.index[k];
        const double z =
            known ? columns.z[k] : slices.sum(j, [r](Index i, double x) { return x * r[i]; });
        columns.z[k] = z;
        const double w = columns.now[k], y = w + momentum * (w - columns.before[k]);
        if (y == 0.0 && penalty.counted(z) <= penalty.l1(j)) {  // stays at 0, as nearly all do
          columns.next[k] = 0.0;
          continue;
        }
        const double v = penalty.minimise(j, lipschitz, lipschitz * y + z);
        columns.next[k] = v;
        step.square += (v - y) * (v - y);
        step.along += (v - y) * (v - w);
        if (v == 0.0) continue;
        step.penalty += penalty.value(j, v);
        slices.each(j, [m, v](Index i, double x) { m[i] += x * v; });
      }
      steps[at_part] = step;
    });
  });
  parallel_chunks(problem.n(), 8192, problem.n_threads, [&](Index begin, Index end) {
    std::fill(margins.data() + begin, margins.data() + end, intercept);
    for (const auto& part : columns.parts)
      for (Index i = begin; i < end; ++i)
        margins[static_cast<std::size_t>(i)] += part[static_cast<std::size_t>(i)];
  });
  Step sum;
  for (const Step& step : steps) {
    sum.penalty += step.penalty;
    sum.square += step.square;
    sum.along += step.along;
  }
  return sum;
}

}  // namespace sparsecross
