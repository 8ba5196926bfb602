// Anderson's extrapolation of the iterates of a sweep.
//
// Problem: from iterates x_0, ..., x_K that converge linearly, a point nearer to their limit.
// Given:   the iterates, one after the other, in units in which the model's curvatures are 1.
// Result:  Σ c_k x_k over k = 1, ..., K, with Σ c_k = 1 and ‖Σ c_k (x_k - x_{k-1})‖ least. It may
// be
//          a worse point than x_K: whoever takes it compares.
// Cost:    K² / 2 products of vectors, and K + 1 vectors kept, twice where there are images.
// Sources: Anderson 1965; Bertrand & Massias 2021, "Anderson acceleration of coordinate descent"
//          (offline, after every K sweeps).
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "support/footprint.hpp"
#include "support/parallel.hpp"

namespace sparsecross {

class Extrapolation {
 public:
  static constexpr std::size_t kDifferences = 5;

  void forget() { n_seen_ = 0; }

  std::size_t bytes() const {
    std::size_t total = 0;
    for (const Iterates* of : {&seen_, &images_})
      for (const auto& iterate : *of) total += bytes_of(iterate);
    return total;
  }

  // Takes the next iterate, and an affine image of it where one is wanted too. Whether there are
  // enough now.
  bool see(const std::vector<double>& x, const std::vector<double>& image = {}) {
    if (n_seen_ > kDifferences || x.size() != seen_[0].size()) n_seen_ = 0;
    images_[n_seen_] = image;
    seen_[n_seen_++] = x;
    return n_seen_ > kDifferences;
  }

  // The extrapolated point and its image. False where the differences tell nothing.
  bool operator()(std::vector<double>& out, std::vector<double>* image = nullptr) const {
    Square gram;
    double trace = 0.0;
    const auto n = static_cast<Index>(seen_[0].size());
    for (std::size_t a = 0; a < kDifferences; ++a) {
      for (std::size_t b = 0; b <= a; ++b)
        gram[a][b] = gram[b][a] = ordered_sum(n, [&, this](Index i) {
          const auto at = static_cast<std::size_t>(i);
          return (seen_[a + 1][at] - seen_[a][at]) * (seen_[b + 1][at] - seen_[b][at]);
        });
      trace += gram[a][a];
    }
    // Differences that are nearly multiples of one another leave the weights to rounding.
    for (std::size_t a = 0; a < kDifferences; ++a) gram[a][a] += kShift * trace;
    std::array<double, kDifferences> weights;
    if (!(trace > 0.0) || !solve_for_ones(gram, weights)) return false;
    combine(weights, seen_, out);
    if (image) combine(weights, images_, *image);
    return true;
  }

 private:
  static constexpr double kShift = 1e-12;
  using Square = std::array<std::array<double, kDifferences>, kDifferences>;

  using Iterates = std::array<std::vector<double>, kDifferences + 1>;

  static void combine(const std::array<double, kDifferences>& weights, const Iterates& seen,
                      std::vector<double>& out) {
    out.assign(seen[0].size(), 0.0);
    for (std::size_t k = 0; k < kDifferences; ++k)
      for (std::size_t i = 0; i < out.size(); ++i) out[i] += weights[k] * seen[k + 1][i];
  }

  // w with A w a multiple of the ones and Σ w = 1, by elimination; A is positive definite.
  static bool solve_for_ones(Square a, std::array<double, kDifferences>& w) {
    w.fill(1.0);
    for (std::size_t k = 0; k < kDifferences; ++k) {
      if (!(a[k][k] > 0.0)) return false;
      for (std::size_t r = k + 1; r < kDifferences; ++r) {
        const double factor = a[r][k] / a[k][k];
        for (std::size_t c = k; c < kDifferences; ++c) a[r][c] -= factor * a[k][c];
        w[r] -= factor * w[k];
      }
    }
    double sum = 0.0;
    for (std::size_t k = kDifferences; k-- > 0;) {
      for (std::size_t c = k + 1; c < kDifferences; ++c) w[k] -= a[k][c] * w[c];
      w[k] /= a[k][k];
      sum += w[k];
    }
    if (!std::isfinite(sum) || sum == 0.0) return false;
    for (double& value : w) value /= sum;
    return true;
  }

  Iterates seen_, images_;
  std::size_t n_seen_ = 0;
};

// An extrapolated weight, held at 0 where the present one is and where it would change its sign.
inline double within_orthant(double extrapolated, double present) {
  return extrapolated * present > 0.0 ? extrapolated : 0.0;
}

}  // namespace sparsecross
