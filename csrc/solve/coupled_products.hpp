// The products of columns where a sample's curvature couples its outputs.
//
// Problem: the model  -⟨G, D⟩ + ½ ⟨D, H D⟩  over the weights of a working set in K outputs,
//              H_(jk),(ql) = Σ_i h_i^kl (x_ij - μ_j)(x_iq - μ_q) - Σ_ab B_j^ka T⁺_ab B_q^bl,
//          with B_j^kl = Σ_i h_i^kl (x_ij - μ_j) and T^kl = Σ_i h_i^kl: the intercepts' best move
//          e = T⁺ (S - Σ_j B_j D_j), S the residuals' sums, is taken out.
// Given:   the curvatures h^kl of all pairs of outputs; any μ.
// Result:  the gradient kept up as weights move, through H in single precision; e.
// Cost:    K (K + 1) / 2 times the products of the columns (gram.hpp), and 2 m² K³ for the
//          intercepts; 4 m² K² bytes.
// Source:  Friedman, Hastie & Tibshirani 2010, section 4, with the full Hessian in place of one
//          class's at a time.
#pragma once

#include "solve/group_model.hpp"

namespace sparsecross {

class CoupledCoordinates {
 public:
  static constexpr bool kCoupled = true;
  static constexpr Index kLargestOrder = 2048;

  // `at`'s margins are those of the model; `scratch` is K x n. Curvatures are raised by `damping`
  // of the largest.
  CoupledCoordinates(const GroupProblem& problem, const GroupPoint& at, const GroupModel& model,
                     const PackedSet& set, double damping, ByClass& scratch)
      : K_(problem.n_outputs()),
        m_(static_cast<Index>(set.columns.size())),
        order_(K_ * m_),
        h_(static_cast<std::size_t>(order_ * order_), 0.0f),
        between_(static_cast<std::size_t>(order_ * K_)) {
    measure(problem, set);
    problem.loss.chances(at.margins, scratch);
    add_pairs(problem, scratch);
    take_out_intercepts(problem, model, set);
    float largest = 0.0f;
    for (Index i = 0; i < order_; ++i) largest = std::max(largest, row(i)[i]);
    for (Index i = 0; i < order_; ++i) row(i)[i] += static_cast<float>(damping) * largest;
  }

  // The gradient, K for each column.
  std::vector<double> state;

  double gradient(Index c, Index k) const { return state[static_cast<std::size_t>(c * K_ + k)]; }
  void move(Index c, Index k, double step) { move(c, k, step, state); }
  void move(Index c, Index k, double step, std::vector<double>& its) const {
    rows::subtract(row(c * K_ + k), step, order_, its.data());
  }
  double gain(const std::vector<double>& ahead, const std::vector<double>& step) const {
    return ordered_sum(order_, [&](Index i) {
      const auto at = static_cast<std::size_t>(i);
      return 0.5 * (state[at] + ahead[at]) * step[at];
    });
  }
  // H of the columns from `first` on, in all outputs: s K x s K.
  void block(Index first, Index s, Index, std::vector<double>& out) const {
    out.clear();
    for (Index a = first * K_; a < (first + s) * K_; ++a)
      out.insert(out.end(), row(a) + first * K_, row(a) + (first + s) * K_);
  }
  std::size_t bytes() const {
    return bytes_of(h_, between_, state) + list_.bytes() + square_bytes_;
  }

  // The best moves of the intercepts for these steps of the weights.
  std::vector<double> shifts(const std::vector<double>& step) const {
    std::vector<double> left = sums_, moved(static_cast<std::size_t>(K_), 0.0);
    if (!centred_) return moved;
    for (Index i = 0; i < order_; ++i)
      for (Index l = 0; l < K_; ++l)
        left[static_cast<std::size_t>(l)] -= step[static_cast<std::size_t>(i)] * between(i, l);
    for (Index k = 0; k < K_; ++k) {
      for (Index l = 0; l < K_; ++l)
        moved[static_cast<std::size_t>(k)] += inverse(k, l) * left[static_cast<std::size_t>(l)];
      for (Index c = 0; c < m_; ++c)
        moved[static_cast<std::size_t>(k)] -=
            list_.mean[static_cast<std::size_t>(c)] * step[static_cast<std::size_t>(c * K_ + k)];
    }
    return moved;
  }

 private:
  float* row(Index i) { return h_.data() + i * order_; }
  const float* row(Index i) const { return h_.data() + i * order_; }
  double& between(Index i, Index l) { return between_[static_cast<std::size_t>(i * K_ + l)]; }
  double between(Index i, Index l) const { return between_[static_cast<std::size_t>(i * K_ + l)]; }
  double inverse(Index k, Index l) const { return inverse_[static_cast<std::size_t>(k * K_ + l)]; }

  // The columns' units, and where they are dense and there are intercepts, their means: squares in
  // single precision keep their digits.
  void measure(const GroupProblem& problem, const PackedSet& set) {
    centred_ = problem.fit_intercept();
    const auto n = static_cast<double>(problem.n());
    problem.X().visit([&](const auto& columns) {
      constexpr bool dense = is_dense<std::decay_t<decltype(columns)>>;
      for (const Index j : set.columns) {
        const auto [square, sum] = columns.template sums<2>(
            j, [](Index, double x) { return std::array<double, 2>{x * x, x}; });
        const double mean = dense && centred_ ? sum / n : 0.0;
        const double norm = std::sqrt(std::max(square / n - mean * mean, 1e-12 * square / n));
        list_.push_back(j, mean, norm > 0.0 ? norm : 1.0);
      }
    });
  }

  // H without intercepts, B and T, pair of outputs by pair.
  void add_pairs(const GroupProblem& problem, const ByClass& chances) {
    constexpr Index tile = tiles::kTile;
    const Index stride = (m_ + tile - 1) / tile * tile;
    std::vector<float> square(static_cast<std::size_t>(stride * stride));
    square_bytes_ = bytes_of(square);
    total_.assign(static_cast<std::size_t>(K_ * K_), 0.0);
    QuadraticModel pair;
    pair.curvature.resize(static_cast<std::size_t>(problem.n()));
    for (Index k = 0; k < K_; ++k)
      for (Index l = 0; l <= k; ++l) {
        problem.loss.curvature_between(chances, static_cast<std::size_t>(k),
                                       static_cast<std::size_t>(l), pair.curvature);
        const double sign = k == l ? 1.0 : -1.0;
        products(problem.columns, pair, list_, 0, SquareSink(square.data(), stride));
        for (Index c = 0; c < m_; ++c)
          for (Index q = 0; q < c; ++q) {  // the lower triangle, by columns
            const auto at_c = static_cast<std::size_t>(c), at_q = static_cast<std::size_t>(q);
            const auto value = static_cast<float>(
                sign * list_.norm[at_c] * list_.norm[at_q] *
                static_cast<double>(square[static_cast<std::size_t>(q * stride + c)]));
            row(c * K_ + k)[q * K_ + l] = row(c * K_ + l)[q * K_ + k] = value;
            row(q * K_ + l)[c * K_ + k] = row(q * K_ + k)[c * K_ + l] = value;
          }
        const double* const h = pair.curvature.data();
        const double sum = ordered_sum(problem.n(), [h](Index i) { return h[i]; });
        total_[static_cast<std::size_t>(k * K_ + l)] =
            total_[static_cast<std::size_t>(l * K_ + k)] = sign * sum;
        // The diagonal, which `products` takes to be 1, and B.
        problem.X().visit([&](const auto& columns) {
          parallel_chunks(m_, 16, problem.n_threads(), [&](Index begin, Index end) {
            for (Index c = begin; c < end; ++c) {
              const double mean = list_.mean[static_cast<std::size_t>(c)];
              const auto [square_sum, along] =
                  columns.template sums<2>(list_[c], [h, mean](Index i, double x) {
                    const double centred = h[i] * (x - mean);
                    return std::array<double, 2>{centred * (x - mean), h[i] * x};
                  });
              row(c * K_ + k)[c * K_ + l] = row(c * K_ + l)[c * K_ + k] =
                  static_cast<float>(sign * square_sum);
              between(c * K_ + k, l) = between(c * K_ + l, k) = sign * (along - mean * sum);
            }
          });
        });
      }
  }

  void take_out_intercepts(const GroupProblem& problem, const GroupModel& model,
                           const PackedSet& set) {
    state.assign(static_cast<std::size_t>(order_), 0.0);
    sums_.assign(static_cast<std::size_t>(K_), 0.0);
    for (Index k = 0; k < K_ && centred_; ++k)
      sums_[static_cast<std::size_t>(k)] =
          ordered_sum(problem.n(), [r = model.outputs[static_cast<std::size_t>(k)].residual.data()](
                                       Index i) { return r[i]; });
    problem.X().visit([&](const auto& columns) {
      parallel_chunks(m_, 16, problem.n_threads(), [&](Index begin, Index end) {
        for (Index c = begin; c < end; ++c)
          for (Index k = 0; k < K_; ++k) {
            const double* r = model.outputs[static_cast<std::size_t>(k)].residual.data();
            state[static_cast<std::size_t>(c * K_ + k)] =
                columns.sum(set.columns[static_cast<std::size_t>(c)],
                            [r](Index i, double x) { return x * r[i]; }) -
                list_.mean[static_cast<std::size_t>(c)] * sums_[static_cast<std::size_t>(k)];
          }
      });
    });
    if (!centred_) return;
    // T⁺: along the ones T is 0.
    const BlockCurvature apart = BlockCurvature::of_matrix(total_, K_);
    inverse_.assign(static_cast<std::size_t>(K_ * K_), 0.0);
    for (Index a = 0; a < K_; ++a) {
      const double value = apart.diagonal[static_cast<std::size_t>(a)];
      if (!(value > 1e-10 * apart.largest)) continue;
      const double* q = apart.basis.data() + a * K_;
      for (Index k = 0; k < K_; ++k)
        for (Index l = 0; l < K_; ++l)
          inverse_[static_cast<std::size_t>(k * K_ + l)] += q[k] * q[l] / value;
    }
    parallel_chunks(order_, 64, problem.n_threads(), [&](Index begin, Index end) {
      std::vector<double> turned(static_cast<std::size_t>(K_));
      for (Index i = begin; i < end; ++i) {
        std::fill(turned.begin(), turned.end(), 0.0);
        for (Index a = 0; a < K_; ++a)
          for (Index b = 0; b < K_; ++b)
            turned[static_cast<std::size_t>(b)] += between(i, a) * inverse(a, b);
        for (Index b = 0; b < K_; ++b)
          state[static_cast<std::size_t>(i)] -=
              turned[static_cast<std::size_t>(b)] * sums_[static_cast<std::size_t>(b)];
        for (Index other = 0; other < order_; ++other) {
          double along = 0.0;
          for (Index b = 0; b < K_; ++b)
            along += turned[static_cast<std::size_t>(b)] * between(other, b);
          row(i)[other] -= static_cast<float>(along);
        }
      }
    });
  }

  Index K_, m_, order_;
  bool centred_ = false;
  ScaledColumns list_;
  std::vector<float> h_;                        // H, by rows
  std::vector<double> between_;                 // B: K for each row of H
  std::vector<double> total_, inverse_, sums_;  // T, T⁺ (K x K) and S (K)
  std::size_t square_bytes_ = 0;
};

}  // namespace sparsecross
