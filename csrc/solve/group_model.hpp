// The quadratic model of a problem of groups over a working set, and its minimisation.
//
// Problem: quadratic_model.hpp for each of K outputs, with the penalty of groups.
// Given:   a model expanded at the present weights.
// Result:  the weights of the set, and the models' shifts, moved.
// Method:  block coordinate descent, each block to its best weights (block_curvature.hpp), and
//          extrapolation after every few sweeps. The gradient is kept up in the coordinates of the
//          set where the products of its columns are known (column_products.hpp), else through X.
// Cost:    a sweep takes m K multiply-adds for each weight that changes, or two passes over the
//          columns for each output.
// Sources: Yuan & Lin 2006; Friedman, Hastie & Tibshirani 2010; Bertrand & Massias 2021.
#pragma once

#include "model/group_certificate.hpp"
#include "solve/block_curvature.hpp"
#include "solve/column_products.hpp"
#include "solve/extrapolation.hpp"

namespace sparsecross {

// The models of all outputs at a point; where they share curvatures, those are the first one's.
struct GroupModel {
  std::vector<QuadraticModel> outputs;  // K
  bool shared = false;
  bool intercept = false;

  const QuadraticModel& curved(Index k) const {
    return outputs[shared ? 0 : static_cast<std::size_t>(k)];
  }
  Index n_curved() const { return shared ? 1 : static_cast<Index>(outputs.size()); }
  Footprint footprint() const {
    Footprint total;
    for (const QuadraticModel& model : outputs) total = total + model.footprint();
    return total;
  }
};

// The models at this point. Curvatures are at least `damping` of the largest.
inline void expand(const GroupProblem& problem, const GroupPoint& at, double damping,
                   GroupModel& model, ByClass& residual, ByClass& curvature) {
  const std::size_t K = problem.loss.n_outputs();
  const auto n = static_cast<std::size_t>(problem.n());
  model.outputs.resize(K);
  model.shared = problem.loss.shares_curvature();
  model.intercept = problem.fit_intercept();
  const double uniform = problem.loss.uniform_curvature();
  for (std::size_t k = 0; k < K; ++k) {
    model.outputs[k].residual.resize(n);
    residual[k].swap(model.outputs[k].residual);
    if (uniform == 0.0 && (k == 0 || !model.shared)) {
      model.outputs[k].curvature.resize(n);
      curvature[k].swap(model.outputs[k].curvature);
    }
  }
  problem.loss.expansion(at.margins, residual, curvature);
  for (std::size_t k = 0; k < K; ++k) {
    QuadraticModel& output = model.outputs[k];
    residual[k].swap(output.residual);
    output.uniform = uniform;
    if (uniform == 0.0 && (k == 0 || !model.shared)) {
      curvature[k].swap(output.curvature);
      const double least =
          damping * *std::max_element(output.curvature.begin(), output.curvature.end());
      for (double& h : output.curvature) h = std::max(h, least);
    }
    output.total = uniform > 0.0           ? uniform * static_cast<double>(n)
                   : model.shared && k > 0 ? model.outputs[0].total
                                           : ordered_sum(problem.n(), [&](Index i) {
                                               return output.curvature[static_cast<std::size_t>(i)];
                                             });
    const double sum = ordered_sum(
        problem.n(), [&](Index i) { return output.residual[static_cast<std::size_t>(i)]; });
    output.shift = model.intercept && output.total > 0.0 ? sum / output.total : 0.0;
  }
}

// A working set with its columns one group after the other, and their weights.
struct PackedSet {
  std::vector<Index> groups;
  std::vector<Index> columns;
  std::vector<Index> begin;     // of each group, among the columns; and the end
  std::vector<double> weights;  // K of each column

  void pack(const GroupProblem& problem, const std::vector<Index>& set) {
    groups = set;
    columns = columns_of(problem.groups, set);
    begin.assign(1, 0);
    for (const Index g : set) begin.push_back(begin.back() + problem.groups.size(g));
  }
  void load(const GroupProblem& problem, const std::vector<double>& coef) {
    const Index K = problem.n_outputs();
    weights.resize(columns.size() * static_cast<std::size_t>(K));
    for (std::size_t c = 0; c < columns.size(); ++c)
      std::copy_n(coef.data() + columns[c] * K, K, weights.data() + static_cast<Index>(c) * K);
  }
  void store(const GroupProblem& problem, std::vector<double>& coef) const {
    const Index K = problem.n_outputs();
    for (std::size_t c = 0; c < columns.size(); ++c)
      std::copy_n(weights.data() + static_cast<Index>(c) * K, K, coef.data() + columns[c] * K);
  }
  std::size_t bytes() const { return bytes_of(groups, columns, begin, weights); }
};

// The gradient by the products of columns.
class ProductCoordinates {
 public:
  static constexpr bool kCoupled = false;

  // For each model of its own curvature, made anew where it is not uniform.
  ProductCoordinates(const GroupProblem& problem, const GroupModel& model, const PackedSet& set,
                     std::vector<ColumnProducts>& products)
      : model_(model), products_(products), K_(problem.n_outputs()) {
    products_.resize(static_cast<std::size_t>(model.n_curved()));
    const Index m = static_cast<Index>(set.columns.size());
    slot_.assign(static_cast<std::size_t>(model.n_curved() * m), -1);
    for (Index k = 0; k < model.n_curved(); ++k) {
      ColumnProducts& its = products_[static_cast<std::size_t>(k)];
      its.prepare(problem.columns, model.curved(k), set.columns);
      std::size_t next = 0, constant = 0;
      for (Index c = 0; c < m; ++c) {
        if (constant < its.constant().size() && its.constant()[constant] == c) {
          ++constant;
        } else {
          slot_[static_cast<std::size_t>(k * m + c)] = its.members()[next++];
        }
      }
    }
    m_ = m;
    begin_.assign(1, 0);
    for (Index k = 0; k < K_; ++k) begin_.push_back(begin_.back() + of(k).order());
    state.assign(static_cast<std::size_t>(begin_.back()), 0.0);
    problem.X().visit([&](const auto& columns) {
      parallel_chunks(m, 64, problem.n_threads(), [&](Index first, Index last) {
        for (Index c = first; c < last; ++c)
          for (Index k = 0; k < K_; ++k) {
            const Index s = slot(c, k);
            if (s < 0) continue;
            const QuadraticModel& output = model.outputs[static_cast<std::size_t>(k)];
            const double* r = output.residual.data();
            const ScaledColumns& list = of(k).list();
            const auto at = static_cast<std::size_t>(s);
            state[static_cast<std::size_t>(begin_[static_cast<std::size_t>(k)] + s)] =
                (columns.sum(list[s], [r](Index i, double x) { return x * r[i]; }) -
                 output.shift * output.total * list.mean[at]) /
                list.norm[at];
          }
      });
    });
  }

  // By outputs and slots, in units in which columns have curvature 1.
  std::vector<double> state;

  double gradient(Index c, Index k) const {
    const Index s = slot(c, k);
    return s < 0 ? 0.0 : norm(s, k) * state[static_cast<std::size_t>(start(k) + s)];
  }
  void move(Index c, Index k, double step) { move(c, k, step, state); }
  void move(Index c, Index k, double step, std::vector<double>& its) const {
    const Index s = slot(c, k);
    if (s >= 0)
      rows::subtract(of(k).row(s), step * norm(s, k), of(k).order(), its.data() + start(k));
  }
  // How much the quadratic part falls on the way to `ahead`, `step` being that of the weights.
  double gain(const std::vector<double>& ahead, const std::vector<double>& step) const {
    double total = 0.0;
    for (Index c = 0; c < m_; ++c)
      for (Index k = 0; k < K_; ++k) {
        const Index s = slot(c, k);
        const double d = step[static_cast<std::size_t>(c * K_ + k)];
        if (s < 0 || d == 0.0) continue;
        const auto at = static_cast<std::size_t>(start(k) + s);
        total += 0.5 * (state[at] + ahead[at]) * norm(s, k) * d;
      }
    return total;
  }
  // H of the columns from `first` on, for one model: s x s.
  void block(Index first, Index s, Index k, std::vector<double>& out) const {
    out.assign(static_cast<std::size_t>(s * s), 0.0);
    for (Index a = 0; a < s; ++a) {
      const Index row = slot(first + a, k);
      if (row < 0) continue;
      for (Index b = 0; b < s; ++b) {
        const Index column = slot(first + b, k);
        if (column >= 0)
          out[static_cast<std::size_t>(b * s + a)] =
              static_cast<double>(of(k).row(row)[column]) * norm(row, k) * norm(column, k);
      }
    }
  }
  std::size_t bytes() const {
    std::size_t total = bytes_of(slot_, begin_, state);
    for (const ColumnProducts& each : products_) total += each.bytes();
    return total;
  }

 private:
  const ColumnProducts& of(Index k) const {
    return products_[model_.shared ? 0 : static_cast<std::size_t>(k)];
  }
  Index slot(Index c, Index k) const {
    return slot_[static_cast<std::size_t>((model_.shared ? 0 : k) * m_ + c)];
  }
  Index start(Index k) const { return begin_[static_cast<std::size_t>(k)]; }
  double norm(Index s, Index k) const { return of(k).list().norm[static_cast<std::size_t>(s)]; }

  const GroupModel& model_;
  std::vector<ColumnProducts>& products_;
  Index K_, m_ = 0;
  std::vector<Index> slot_;   // of column c in model k: k m + c; -1 where it is constant
  std::vector<Index> begin_;  // of each output's part of the state
};

// The gradient through X.
template <class Columns>
class SampleCoordinates {
 public:
  static constexpr bool kCoupled = false;

  SampleCoordinates(const GroupProblem& problem, const Columns& columns, const GroupModel& model,
                    const PackedSet& set)
      : columns_(columns), model_(model), set_(set), n_(problem.n()), K_(problem.n_outputs()) {
    for (const QuadraticModel& output : model.outputs)
      state.insert(state.end(), output.residual.begin(), output.residual.end());
    for (const QuadraticModel& output : model.outputs) state.push_back(output.shift);
  }

  // r̃ of each output, and then their shifts.
  std::vector<double> state;

  double gradient(Index c, Index k) const {
    const double* r = state.data() + k * n_;
    return columns_.sum(column(c), [r](Index i, double x) { return x * r[i]; }) -
           state[static_cast<std::size_t>(K_ * n_ + k)] * weighted_sum(c, k);
  }
  void move(Index c, Index k, double step) { move(c, k, step, state); }
  void move(Index c, Index k, double step, std::vector<double>& its) const {
    double* r = its.data() + k * n_;
    visit_curvature(model_.curved(k), [&](auto h) {
      columns_.each(column(c), [r, h, step](Index i, double x) { r[i] -= step * h(i) * x; });
    });
    if (model_.intercept)
      its[static_cast<std::size_t>(K_ * n_ + k)] -=
          step * weighted_sum(c, k) / model_.curved(k).total;
  }
  double gain(const std::vector<double>& ahead, const std::vector<double>&) const {
    double total = 0.0;
    for (Index k = 0; k < K_; ++k) {
      const double *r = state.data() + k * n_, *q = ahead.data() + k * n_;
      // With u = (r - q) / h: Σ r u - ½ Σ h u² = ½ Σ (r + q)(r - q) / h.
      total += visit_curvature(model_.curved(k), [&](auto h) {
        return ordered_sum(n_, [&](Index i) {
          const double bend = h(i);
          return bend > 0.0 ? 0.5 * (r[i] + q[i]) * (r[i] - q[i]) / bend : 0.0;
        });
      });
      const auto at = static_cast<std::size_t>(K_ * n_ + k);
      total -= 0.5 * model_.curved(k).total * (state[at] + ahead[at]) * (state[at] - ahead[at]);
    }
    return total;
  }
  void block(Index first, Index s, Index k, std::vector<double>& out) const {
    const QuadraticModel& model = model_.curved(k);
    out.assign(static_cast<std::size_t>(s * s), 0.0);
    std::vector<double> column(static_cast<std::size_t>(n_), 0.0);
    for (Index a = 0; a < s; ++a) {
      const Index j = this->column(first + a);
      columns_.each(j, [&](Index i, double x) { column[static_cast<std::size_t>(i)] = x; });
      visit_curvature(model, [&](auto h) {
        for (Index b = 0; b <= a; ++b) {
          const double centred =
              model_.intercept && model.total > 0.0
                  ? weighted_sum(first + a, k) * weighted_sum(first + b, k) / model.total
                  : 0.0;
          const double sum = columns_.sum(this->column(first + b), [&](Index i, double x) {
            return h(i) * x * column[static_cast<std::size_t>(i)];
          });
          out[static_cast<std::size_t>(b * s + a)] = out[static_cast<std::size_t>(a * s + b)] =
              sum - centred;
        }
      });
      columns_.each(j, [&](Index i, double) { column[static_cast<std::size_t>(i)] = 0.0; });
    }
  }
  std::size_t bytes() const { return bytes_of(state); }

 private:
  Index column(Index c) const { return set_.columns[static_cast<std::size_t>(c)]; }
  double weighted_sum(Index c, Index k) const {
    return model_.curved(k).weighted_sum[static_cast<std::size_t>(c)];
  }

  const Columns& columns_;
  const GroupModel& model_;
  const PackedSet& set_;
  Index n_, K_;
};

}  // namespace sparsecross
