// The curvature of a quadratic model within one block of weights, and the block's best weights.
//
// Problem: argmin_W -⟨U, W⟩ + ½ Σ_k W_kᵀ H_k W_k + l1 ‖W‖₁ + norm ‖W‖₂ + ½ l2 ‖W‖₂²
//          over the weights of s columns in K outputs, with H_k = Q (D - v vᵀ) Qᵀ.
// Given:   H_k: a diagonal D; a rank v where the columns have no row in common (those of one
// field),
//          which an intercept takes off; else the eigenvectors Q. For large blocks, a multiple of
//          the identity that is no less than H_k.
// Result:  W. Without L1 part, or with it where H is a multiple of the identity, the minimum: it is
//          W_k = (H_k + μ + l2)⁻¹ U_k with μ ‖W‖ = norm, an equation in one unknown, for which
//          Newton's steps on 1/‖W‖, nearly linear in μ, take few rounds. Else steps of accelerated
//          proximal gradient from the present W, which lower the objective.
// Cost:    O(s K) a round, and 2 s² K where there are eigenvectors. To make these: O(s³).
// Sources: Moré & Sorensen 1983 (the equation of a trust region); Golub & Van Loan 2013, section
//          8.5 (Jacobi's rotations); Beck & Teboulle 2009 (FISTA).
#pragma once

#include <vector>

#include "model/group_penalty.hpp"
#include "support/footprint.hpp"

namespace sparsecross {

// One H: D - v vᵀ in the basis Q.
struct BlockCurvature {
  std::vector<double> diagonal;  // s
  std::vector<double> rank;      // v (s), or empty
  std::vector<double> basis;     // Q (s x s) by columns, or empty: the identity
  double largest = 0.0;          // an upper bound of the eigenvalues

  Index size() const { return static_cast<Index>(diagonal.size()); }
  std::size_t bytes() const { return bytes_of(diagonal, rank, basis); }

  // A diagonal, less the square of a vector where one is given.
  static BlockCurvature of_diagonal(std::vector<double> diagonal, std::vector<double> rank = {}) {
    BlockCurvature made;
    made.largest = *std::max_element(diagonal.begin(), diagonal.end());
    made.diagonal = std::move(diagonal);
    made.rank = std::move(rank);
    return made;
  }

  // A full matrix (s x s), which is taken apart.
  static BlockCurvature of_matrix(std::vector<double> matrix, Index s) {
    BlockCurvature made;
    made.basis.assign(matrix.size(), 0.0);
    for (Index k = 0; k < s; ++k) made.basis[static_cast<std::size_t>(k * s + k)] = 1.0;
    rotate_to_diagonal(matrix, made.basis, s);
    for (Index k = 0; k < s; ++k)
      made.diagonal.push_back(std::max(0.0, matrix[static_cast<std::size_t>(k * s + k)]));
    made.largest = *std::max_element(made.diagonal.begin(), made.diagonal.end());
    return made;
  }

  // out = Qᵀ x, or Q x.
  void to_basis(const double* x, double* out) const {
    const Index s = size();
    if (basis.empty()) {
      std::copy_n(x, s, out);
      return;
    }
    for (Index k = 0; k < s; ++k) {
      const double* q = basis.data() + k * s;
      double sum = 0.0;
      for (Index i = 0; i < s; ++i) sum += q[i] * x[i];
      out[k] = sum;
    }
  }
  void from_basis(const double* x, double* out) const {
    const Index s = size();
    if (basis.empty()) {
      std::copy_n(x, s, out);
      return;
    }
    std::fill_n(out, s, 0.0);
    for (Index k = 0; k < s; ++k) {
      const double* q = basis.data() + k * s;
      for (Index i = 0; i < s; ++i) out[i] += q[i] * x[k];
    }
  }

  // In the basis: out = (D - v vᵀ) x, and x replaced by (D - v vᵀ + μ)⁻¹ x (Sherman & Morrison).
  void multiply(const double* x, double* out) const {
    double along = 0.0;
    if (!rank.empty())
      for (std::size_t k = 0; k < rank.size(); ++k) along += rank[k] * x[k];
    for (std::size_t k = 0; k < diagonal.size(); ++k)
      out[k] = diagonal[k] * x[k] - (rank.empty() ? 0.0 : rank[k] * along);
  }
  void solve(double mu, double* x) const {
    if (rank.empty()) {
      for (std::size_t k = 0; k < diagonal.size(); ++k) x[k] /= diagonal[k] + mu;
      return;
    }
    double along = 0.0, left = 1.0;
    for (std::size_t k = 0; k < diagonal.size(); ++k) {
      x[k] /= diagonal[k] + mu;
      along += rank[k] * x[k];
      left -= rank[k] * rank[k] / (diagonal[k] + mu);
    }
    const double factor = along / std::max(left, std::numeric_limits<double>::epsilon());
    for (std::size_t k = 0; k < diagonal.size(); ++k) x[k] += factor * rank[k] / (diagonal[k] + mu);
  }

 private:
  // Cyclic rotations, each of which makes one element beside the diagonal 0.
  static void rotate_to_diagonal(std::vector<double>& a, std::vector<double>& q, Index s) {
    const auto at = [s](Index i, Index j) { return static_cast<std::size_t>(j * s + i); };
    for (int round = 0; round < 30; ++round) {
      double off = 0.0, on = 0.0;
      for (Index j = 0; j < s; ++j)
        for (Index i = 0; i <= j; ++i) (i < j ? off : on) += a[at(i, j)] * a[at(i, j)];
      if (!(off > 1e-28 * on)) return;
      for (Index j = 1; j < s; ++j)
        for (Index i = 0; i < j; ++i) {
          const double between = a[at(i, j)];
          if (between == 0.0) continue;
          const double slope = (a[at(j, j)] - a[at(i, i)]) / (2.0 * between);
          const double t =
              std::copysign(1.0, slope) / (std::abs(slope) + std::sqrt(slope * slope + 1.0));
          const double c = 1.0 / std::sqrt(t * t + 1.0), d = c * t;
          const auto rotate = [c, d](double& x, double& y) {
            const double first = c * x - d * y;
            y = d * x + c * y;
            x = first;
          };
          for (Index k = 0; k < s; ++k) rotate(a[at(k, i)], a[at(k, j)]);
          for (Index k = 0; k < s; ++k) rotate(a[at(i, k)], a[at(j, k)]);
          for (Index k = 0; k < s; ++k) rotate(q[at(k, i)], q[at(k, j)]);
        }
    }
  }
};

// The best weights of a block, with the work space that it takes.
class BlockStep {
 public:
  std::size_t bytes() const {
    return bytes_of(present_, force_, next_, momentum_, image_, solved_, again_, in_basis_,
                    turned_);
  }

  // w (s x K, by columns of X): the block's weights, replaced; g: the negative gradient there, of
  // the model without the penalty. `curvature` has K elements, or one for all outputs.
  void operator()(const BlockCurvature* curvature, bool shared, Index K, double l1, double norm,
                  double l2, const double* g, double* w) {
    const Index s = curvature[0].size();
    s_ = s;
    K_ = K;
    shared_ = shared;
    curvature_ = curvature;
    double largest = 0.0;
    for (Index k = 0; k < (shared ? 1 : K); ++k) largest = std::max(largest, curvature[k].largest);
    const auto n = static_cast<std::size_t>(s * K);
    if (!(largest > 0.0)) {  // no weight has an effect
      std::fill_n(w, n, 0.0);
      return;
    }
    if (s == 1 && shared) {
      for (std::size_t k = 0; k < n; ++k) w[k] = g[k] + largest * w[k];
      shrink_group(w, K, l1, norm);
      for (std::size_t k = 0; k < n; ++k) w[k] /= largest + l2;
      return;
    }
    transpose(w, present_);
    transpose(g, force_);
    if (l1 > 0.0) {
      iterate(l1, norm, l2, largest);
    } else {
      settle(norm, l2, largest);
    }
    for (Index k = 0; k < K; ++k)
      for (Index c = 0; c < s; ++c) w[c * K + k] = present_[static_cast<std::size_t>(k * s + c)];
  }

 private:
  static constexpr int kSteps = 10, kRounds = 50;
  static constexpr double kHold = 1e-5;  // of the curvature: roundings stay small beside it

  const BlockCurvature& of(Index k) const { return curvature_[shared_ ? 0 : k]; }

  // By outputs, as H asks for.
  void transpose(const double* x, std::vector<double>& out) const {
    out.resize(static_cast<std::size_t>(s_ * K_));
    for (Index c = 0; c < s_; ++c)
      for (Index k = 0; k < K_; ++k) out[static_cast<std::size_t>(k * s_ + c)] = x[c * K_ + k];
  }

  // The minimum, without an L1 part.
  void settle(double norm, double l2, double largest) {
    const auto n = present_.size();
    // Where nothing else holds weights back, what moves nothing stays where it is.
    const double hold = norm == 0.0 && l2 == 0.0 ? kHold * largest : 0.0;
    next_.resize(n);
    image_.resize(n);
    double square = 0.0;
    for (Index k = 0; k < K_; ++k) {  // next_ = U in the basis
      const auto from = static_cast<std::size_t>(k * s_);
      const BlockCurvature& H = of(k);
      H.to_basis(present_.data() + from, image_.data() + from);
      H.multiply(image_.data() + from, next_.data() + from);
      for (std::size_t i = from; i < from + static_cast<std::size_t>(s_); ++i)
        next_[i] += hold * image_[i];
      H.to_basis(force_.data() + from, image_.data() + from);
      for (std::size_t i = from; i < from + static_cast<std::size_t>(s_); ++i) {
        next_[i] += image_[i];
        square += next_[i] * next_[i];
      }
    }
    const double force = std::sqrt(square);
    if (!(force > norm)) {
      std::fill(present_.begin(), present_.end(), 0.0);
      return;
    }
    double mu = hold;
    if (norm > 0.0) {
      // To the right of the root: ‖W‖ is at least that of the largest curvature.
      const double most = norm * (largest + l2) / (force - norm);
      double length = 0.0;
      for (const double v : present_) length += v * v;
      mu = length > 0.0 ? std::min(most, norm / std::sqrt(length)) : most;
      for (int round = 0; round < kRounds; ++round) {
        const auto [size, slope] = length_at(mu + l2);
        const double beyond = mu / norm - 1.0 / size;  // convex in mu: from the right it comes down
        const double next =
            beyond < 0.0 && round == 0
                ? most
                : std::min(mu - beyond / (1.0 / norm - slope / (size * size * size)), most);
        const bool done = !(std::abs(next - mu) > 1e-13 * mu);
        mu = next;
        if (done) break;
      }
    }
    for (Index k = 0; k < K_; ++k) {
      const auto from = static_cast<std::size_t>(k * s_);
      of(k).solve(mu + l2, next_.data() + from);
      of(k).from_basis(next_.data() + from, present_.data() + from);
    }
  }

  // ‖W‖ at (H + μ)⁻¹ U, and Wᵀ (H + μ)⁻¹ W.
  std::pair<double, double> length_at(double mu) {
    double square = 0.0, slope = 0.0;
    solved_ = next_;
    for (Index k = 0; k < K_; ++k) of(k).solve(mu, solved_.data() + k * s_);
    again_ = solved_;
    for (Index k = 0; k < K_; ++k) of(k).solve(mu, again_.data() + k * s_);
    for (std::size_t i = 0; i < solved_.size(); ++i) {
      square += solved_[i] * solved_[i];
      slope += solved_[i] * again_[i];
    }
    return {std::sqrt(square), slope};
  }

  // Steps of accelerated proximal gradient from the present weights, until they are short.
  void iterate(double l1, double norm, double l2, double largest) {
    const auto n = static_cast<Index>(present_.size());
    solved_ = present_;    // where the force was taken
    momentum_ = present_;  // where the next one is
    image_.resize(present_.size());
    again_.resize(present_.size());
    double t = 1.0, first = 0.0;
    for (int round = 0; round < kSteps; ++round) {
      for (Index i = 0; i < n; ++i) again_[at(i)] = momentum_[at(i)] - solved_[at(i)];
      apply(again_, image_);
      next_.resize(present_.size());
      for (Index i = 0; i < n; ++i)
        next_[at(i)] = momentum_[at(i)] + (force_[at(i)] - image_[at(i)]) / largest;
      shrink_group(next_.data(), n, l1 / largest, norm / largest);
      double moved = 0.0, uphill = 0.0;
      for (Index i = 0; i < n; ++i) {
        next_[at(i)] /= 1.0 + l2 / largest;
        const double step = next_[at(i)] - present_[at(i)];
        moved += step * step;
        uphill += (momentum_[at(i)] - next_[at(i)]) * step;
      }
      // Momentum that points uphill is dropped (O'Donoghue & Candes 2015).
      const double t_next = uphill > 0.0 ? 1.0 : 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * t * t));
      const double pace = uphill > 0.0 ? 0.0 : (t - 1.0) / t_next;
      t = t_next;
      for (Index i = 0; i < n; ++i)
        momentum_[at(i)] = next_[at(i)] + pace * (next_[at(i)] - present_[at(i)]);
      present_.swap(next_);
      first = std::max(first, moved);
      if (moved <= 1e-4 * first) break;
    }
  }

  // out = H x of all outputs.
  void apply(const std::vector<double>& x, std::vector<double>& out) {
    in_basis_.resize(static_cast<std::size_t>(s_));
    turned_.resize(static_cast<std::size_t>(s_));
    for (Index k = 0; k < K_; ++k) {
      of(k).to_basis(x.data() + k * s_, in_basis_.data());
      of(k).multiply(in_basis_.data(), turned_.data());
      of(k).from_basis(turned_.data(), out.data() + k * s_);
    }
  }

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  Index s_ = 0, K_ = 0;
  bool shared_ = true;
  const BlockCurvature* curvature_ = nullptr;
  // By outputs: W, the negative gradient there, and work space.
  std::vector<double> present_, force_, next_, momentum_, image_, solved_, again_;
  std::vector<double> in_basis_, turned_;  // s
};

}  // namespace sparsecross
