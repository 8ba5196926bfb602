// What a solver asks of a block of rows: pure functions, whose results are summed over the blocks.
//
// Problem: the loss, the gradient over all columns, the quadratic model over some, and the dual
//          value, at a point that is told by the few columns that have weights.
// Given:   a block (rows of X, sliced by rows, and their loss), the columns and their weights, and
//          units of columns in which no |x| is above 1: whatever the columns' scales, one bound of
//          Σ |r| then serves all of them.
// Result:  sums over the rows of s_i ℓ and of what follows from it: those of one number for the
//          caller to add up, vectors added to arrays by exact sums (exact_sum.hpp), so that they
//          are the same in whatever order blocks come, on however many machines.
// Cost:    one pass over the block's entries, each a look-up of 12 bytes for 64 columns; for the
//          model k² / 2 multiply-adds a row of k entries in its columns; 3 vectors as long as the
//          block has rows.
// Source:  the working sets of solve/working_set.hpp; Zinkevich et al. 2010 and Smith et al. 2018
//          (what distributed solvers exchange), of which this exchanges only active columns.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "matrix/design.hpp"
#include "model/losses.hpp"
#include "scale/chosen.hpp"
#include "scale/exact_sum.hpp"
#include "support/ranked_bits.hpp"
#include "support/wide.hpp"

namespace sparsecross {

// Rows of X and what is asked of their margins. The loss counts its samples as equal parts of the
// block; sums here are over s_i, so that blocks of all lengths add up.
struct RowBlockProblem {
  const Design& X;  // sliced by rows
  const Loss& loss;
  double n() const { return static_cast<double>(X.n_rows()); }
};

// Weights of chosen columns, and an intercept: a point, or a way from one.
struct Weights {
  const double* of_columns;
  double intercept;
};

// Sums over the rows of a block.
struct BlockSums {
  double loss = 0.0;
  double up = 0.0, down = 0.0;  // of the positive and the negative parts of the residual
  double curvature = 0.0;       // Σ h
};

// margins (n) of one or more sets of weights, in one pass.
template <std::size_t K>
void margins_of(const Design& X, const ChosenColumns& chosen, const std::array<Weights, K>& w,
                std::array<std::vector<double>, K>& margins) {
  for (std::size_t k = 0; k < K; ++k)
    margins[k].assign(static_cast<std::size_t>(X.n_rows()), w[k].intercept);
  if (chosen.size() == 0) return;
  X.visit([&](const auto& rows) {
    widely([&] {
      ChosenColumns::Reader reader(chosen);
      for (Index i = 0; i < rows.n_slices(); ++i) {
        std::array<double, K> sums{};
        reader.each(rows, i, [&](Index at, double x) {
          for (std::size_t k = 0; k < K; ++k) sums[k] += x * w[k].of_columns[at];
        });
        for (std::size_t k = 0; k < K; ++k)
          margins[k][static_cast<std::size_t>(i)] = sums[k] + w[k].intercept;
      }
    });
  });
}

namespace detail {

// s_i times the residual and the curvature at these margins, on grids; curvatures as they are
// without one. With `off` the residual loses h_i (X off)_i, which takes it out of the way of
// unpenalised columns.
struct Expansion {
  std::vector<double> residual, curvature;
  BlockSums sums;
};

inline Expansion expand(const RowBlockProblem& block, const std::vector<double>& margins,
                        const std::vector<double>* off, const Grid& of_residuals,
                        const Grid* of_curvatures) {
  Expansion found;
  found.residual.resize(margins.size());
  found.curvature.resize(margins.size());
  block.loss.expansion(margins.data(), found.residual.data(), found.curvature.data());
  const double n = block.n();
  found.sums.loss = n * block.loss.value(margins.data());
  for (std::size_t i = 0; i < margins.size(); ++i) {
    double& r = found.residual[i];
    double& h = found.curvature[i];
    r *= n;
    h *= n;
    if (off) r -= h * (*off)[i];
    r = of_residuals.cut(r);
    if (of_curvatures) h = of_curvatures->round(h);
    found.sums.up += std::max(r, 0.0);
    found.sums.down += std::max(-r, 0.0);
    found.sums.curvature += h;
  }
  return found;
}

// The same at weights of chosen columns.
inline Expansion expansion_at(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                              const Weights* off, const Grid& of_residuals,
                              const Grid* of_curvatures) {
  if (off) {
    std::array<std::vector<double>, 2> margins;
    margins_of<2>(block.X, chosen, {w, *off}, margins);
    return expand(block, margins[0], &margins[1], of_residuals, of_curvatures);
  }
  std::array<std::vector<double>, 1> margins;
  margins_of<1>(block.X, chosen, {w}, margins);
  return expand(block, margins[0], nullptr, of_residuals, of_curvatures);
}

}  // namespace detail

// Sums are those of exact_sum.hpp for a bound of Σ |r|, so many doubles each as it has grids.

// z (p, grids) += Xᵀr.
inline BlockSums add_gradient(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                              const Weights* off, double bound, double* z) {
  const Units& units = chosen.units();
  const ExactSums exact(bound, units.n_terms);
  const Index grids = exact.n_grids();
  const detail::Expansion at = detail::expansion_at(block, chosen, w, off, exact.coarse(), nullptr);
  block.X.visit([&](const auto& rows) {
    using Rows = std::decay_t<decltype(rows)>;
    const double* residual = at.residual.data();
    if constexpr (is_dense<Rows>) {
      for (Index i = 0; i < rows.n_slices(); ++i)
        rows.each(i, [&, r = residual[i]](Index j, double x) {
          exact.add(units.of(j, x) * r, z + grids * j);
        });
    } else {
      constexpr Index ahead = 64;  // entries, whose sums are fetched before they are added to
      const auto* columns = rows.indices();
      const Index last = std::max(rows.n_stored() - 1, Index{0});
      // f(e, r) for every entry.
      const auto each_entry = [&](const auto& f) {
        for (Index i = 0; i < rows.n_slices(); ++i) {
          const Index end = rows.offsets()[i + 1];
          for (Index e = rows.offsets()[i]; e < end; ++e) {
            __builtin_prefetch(z + grids * columns[std::min(e + ahead, last)], 1);
            f(e, residual[i]);
          }
        }
      };
      if (is_valueless<Rows> && units.plain() && grids == 1) {
        each_entry([&](Index e, double r) { z[columns[e]] += r; });
      } else {
        each_entry([&](Index e, double r) {
          if (units.factor) __builtin_prefetch(units.factor + columns[std::min(e + ahead, last)]);
          const double x = static_cast<double>(rows.values()[e]);
          exact.add(units.of(columns[e], x) * r, z + grids * columns[e]);
        });
      }
    }
  });
  return at.sums;
}

// parts (p, 2, grids) += Σ of the positive x r, and of the negative ones without their sign: z, and
// what bounds the sum over the rows that a column shares with others.
inline BlockSums add_gradient_parts(const RowBlockProblem& block, const ChosenColumns& chosen,
                                    Weights w, const Weights* off, double bound, double* parts) {
  const Units& units = chosen.units();
  const ExactSums exact(bound, units.n_terms);
  const Index grids = exact.n_grids();
  const detail::Expansion at = detail::expansion_at(block, chosen, w, off, exact.coarse(), nullptr);
  block.X.visit([&](const auto& rows) {
    for (Index i = 0; i < rows.n_slices(); ++i)
      rows.each(i, [&, r = at.residual[static_cast<std::size_t>(i)]](Index j, double x) {
        const double term = units.of(j, x) * r;
        exact.add(std::abs(term), parts + grids * (2 * j + (term < 0.0)));
      });
  });
  return at.sums;
}

// sums (last - first, |A|, grids) += Σ_i r_i x_ia x_ib for the pairs a < b of the columns A whose a
// lies in [first, last); A has no products.
inline void add_pairs(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                      const Weights* off, double bound, const ChosenColumns& A, Index first,
                      Index last, double* sums) {
  const ExactSums exact(bound, chosen.units().n_terms);
  const Index grids = exact.n_grids();
  const detail::Expansion at = detail::expansion_at(block, chosen, w, off, exact.coarse(), nullptr);
  block.X.visit([&](const auto& rows) {
    ChosenColumns::Reader reader(A);
    std::vector<std::pair<Index, double>> entries;
    entries.reserve(static_cast<std::size_t>(A.size()));
    for (Index i = 0; i < rows.n_slices(); ++i) {
      const double r = at.residual[static_cast<std::size_t>(i)];
      if (r == 0.0) continue;
      entries.clear();
      reader.each(rows, i, [&](Index a, double x) {
        if (x != 0.0) entries.emplace_back(a, x);
      });
      for (std::size_t e = 0; e < entries.size(); ++e) {
        const auto [a, x] = entries[e];
        if (a < first) continue;
        if (a >= last) break;
        double* const row = sums + grids * (a - first) * A.size();
        for (std::size_t other = e + 1; other < entries.size(); ++other)
          exact.add(r * x * entries[other].second, row + grids * entries[other].first);
      }
    }
  });
}

// The quadratic model over some of the chosen columns: gradient (m, grids) += X_Aᵀr, weighted (m,
// grids) += X_Aᵀh, products (m, m, grids), symmetric, += X_Aᵀ diag(h) X_A. Column k of the chosen
// stands at place[k] in A, or nowhere (-1); of the products only those of places from `first_new`
// on are made.
struct ModelSums {
  Index order;
  double* gradient;
  double* weighted;
  double* products;
};

namespace detail {

// As add_model, of an Expansion; of `ones` on one grid nothing has to be rounded.
template <bool ones, class Rows>
void add_products(const Rows& rows, const ChosenColumns& chosen, const Index* place,
                  Index first_new, const Expansion& at, const ExactSums& of_residuals,
                  const ExactSums& of_curvatures, const ModelSums& into) {
  const Index m = into.order, grids = of_residuals.n_grids();
  const auto add = [](const ExactSums& exact, double term, double* sum) {
    if constexpr (ones)
      *sum += term;
    else
      exact.add(term, sum);
  };
  ChosenColumns::Reader reader(chosen);
  std::vector<std::pair<Index, double>> entries(static_cast<std::size_t>(chosen.size()));
  for (Index i = 0; i < rows.n_slices(); ++i) {
    const double r = at.residual[static_cast<std::size_t>(i)];
    const double h = at.curvature[static_cast<std::size_t>(i)];
    std::size_t n_entries = 0;
    reader.each(rows, i, [&](Index k, double x) {
      if (place[k] >= 0 && x != 0.0) entries[n_entries++] = {place[k], x};
    });
    for (std::size_t a = 0; a < n_entries; ++a) {
      const auto [at_a, x] = entries[a];
      add(of_residuals, x * r, into.gradient + grids * at_a);
      const double hx = h * x;
      add(of_curvatures, hx, into.weighted + grids * at_a);
      const bool fresh = at_a >= first_new;
      for (std::size_t b = 0; b <= a; ++b) {
        const auto [at_b, other] = entries[b];
        if (!fresh && at_b < first_new) continue;
        add(of_curvatures, hx * other, into.products + grids * (at_a * m + at_b));
        if (at_a != at_b) add(of_curvatures, hx * other, into.products + grids * (at_b * m + at_a));
      }
    }
  }
}

}  // namespace detail

inline BlockSums add_model(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                           const Index* place, Index first_new, double bound_of_residuals,
                           double bound_of_curvatures, const ModelSums& into) {
  const Index n_terms = chosen.units().n_terms;
  const ExactSums of_residuals(bound_of_residuals, n_terms);
  const ExactSums of_curvatures(bound_of_curvatures, n_terms);
  const detail::Expansion at = detail::expansion_at(block, chosen, w, nullptr,
                                                    of_residuals.coarse(), &of_curvatures.coarse());
  block.X.visit([&](const auto& rows) {
    using Rows = std::decay_t<decltype(rows)>;
    const auto add = [&](auto ones) {
      widely([&] {
        detail::add_products<decltype(ones)::value>(rows, chosen, place, first_new, at,
                                                    of_residuals, of_curvatures, into);
      });
    };
    if constexpr (is_valueless<Rows>) {
      if (chosen.units().plain() && n_terms == 0) return add(std::true_type{});
    }
    add(std::false_type{});
  });
  return at.sums;
}

// values[k] = Σ s_i ℓ at w + t_k d.
inline void losses_along(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                         Weights d, const std::vector<double>& t, double* values) {
  std::array<std::vector<double>, 2> margins;
  margins_of<2>(block.X, chosen, {w, d}, margins);
  const auto& [here, way] = margins;
  std::vector<double> there(here.size());
  for (std::size_t k = 0; k < t.size(); ++k) {
    for (std::size_t i = 0; i < here.size(); ++i) there[i] = here[i] + t[k] * way[i];
    values[k] = block.n() * block.loss.value(there.data());
  }
}

// values[k] = Σ_i -f_i*(-t_k θ_i), for the θ whose products add_gradient has made with the same
// arguments, after its positive parts have shrunk to `up` and its negative ones to `down` of it.
inline void duals_along(const RowBlockProblem& block, const ChosenColumns& chosen, Weights w,
                        const Weights* off, double bound, double up, double down,
                        const std::vector<double>& t, double* values) {
  detail::Expansion at = detail::expansion_at(block, chosen, w, off, Grid(bound), nullptr);
  for (double& r : at.residual) r *= (r > 0.0 ? up : down) / block.n();
  for (std::size_t k = 0; k < t.size(); ++k)
    values[k] = block.n() * block.loss.dual(at.residual.data(), t[k]);
}

}  // namespace sparsecross
