// The sums over samples that a Loss consists of, for each pointwise loss (pointwise.hpp).
#include "model/losses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "model/pointwise.hpp"

namespace sparsecross {
namespace {

template <class Pointwise>
class SampleLoss final : public Loss {
 public:
  SampleLoss(Pointwise pointwise, const Samples& samples, int n_threads)
      : pointwise_(pointwise),
        y_(samples.y),
        offset_(samples.offset),
        weights_(samples.weights),
        n_(samples.n),
        n_threads_(n_ < (Pointwise::transcendental ? 16384 : 131072) ? 1 : n_threads),
        scale_(1.0 / static_cast<double>(n_)) {}

  Index n_samples() const override { return n_; }
  bool quadratic() const override { return Pointwise::quadratic; }
  bool smooth() const override { return Pointwise::smooth; }
  double saturated() const override {
    return sum([this](Index i) { return c(i) > 0.0 ? c(i) * pointwise_.saturated(y_[i]) : 0.0; });
  }
  double uniform_curvature() const override {
    return Pointwise::quadratic && !weights_ ? scale_ : 0.0;
  }

  double value(const double* margins, double shift) const override {
    return weighted_sum(margins, shift,
                        [this](double y, double m) { return pointwise_.value(y, m); });
  }
  void residual(const double* margins, double* out) const override {
    weighted(margins, out,
             [this](double y, double m) { return pointwise_.negative_gradient(y, m); });
  }
  void expansion(const double* margins, double* residual, double* curvature) const override {
    on_samples([&](auto weight, auto offset) {
      parallel_chunks(n_, 4096, n_threads_, [=](Index begin, Index end) {
        widely<Pointwise::transcendental>([=, y = y_, pointwise = pointwise_] {
          for (Index i = begin; i < end; ++i) {
            const double c = weight(i), m = margins[i] + offset(i);
            const double slope = pointwise.negative_gradient(y[i], m);
            const double bend = pointwise.curvature(y[i], m);
            residual[i] = c > 0.0 ? c * slope : 0.0;
            curvature[i] = c > 0.0 ? c * bend : 0.0;
          }
        });
      });
    });
  }
  void second_derivative(const double* margins, double* out) const override {
    weighted(margins, out,
             [this](double y, double m) { return pointwise_.second_derivative(y, m); });
  }
  void largest_curvature(double* out) const override {
    for (Index i = 0; i < n_; ++i)
      out[i] = c(i) > 0.0 ? c(i) * pointwise_.largest_curvature() : 0.0;
  }
  // With v = m + o, f*(-θ) = sup -θ m - c ℓ(m + o) = θ o + (c ℓ)*(-θ).
  double dual(const double* theta, double scale) const override {
    return on_samples([&](auto weight, auto offset) {
      return sum([=](Index i) {
        const double c = weight(i), t = scale * theta[i];
        const double each = c * pointwise_.dual(y_[i], t / c) - t * offset(i);
        return c > 0.0 ? each : 0.0;
      });
    });
  }
  ScaledDual best_dual(const double* theta, double extra, double limit) const override {
    if constexpr (!Pointwise::quadratic_dual) {
      // Residuals lie in the domain: only points that were moved need another look.
      const double t = std::min(1.0, limit), value = dual(theta, t);
      if (std::isfinite(value)) return {t, value};
      const double within = inside(theta, t);
      return {within, dual(theta, within)};
    } else {
      if constexpr (Pointwise::bounded_dual) limit = inside(theta, limit);
      const auto [linear, square] = on_samples([&](auto weight, auto offset) {
        return ordered_sums<2>(n_, n_threads_, [=](Index i) {
          const double c = weight(i), t = theta[i];
          return std::array<double, 2>{t * (y_[i] - offset(i)), c > 0.0 ? t * t / c : 0.0};
        });
      });
      if (!std::isfinite(linear) || !std::isfinite(square)) return {0.0, 0.0};
      const double own = pointwise_.dual_curvature() * square, bend = own + extra;
      double t = linear > 0.0 && std::isfinite(limit) ? limit : 0.0;
      if (bend > 0.0) t = std::clamp(linear / bend, 0.0, limit);
      return {t, t * (linear - 0.5 * t * own)};
    }
  }

  double best_shift(const double* margins) const override {
    if constexpr (Pointwise::shift_rule == ShiftRule::log_ratio) return log_ratio(margins);
    if constexpr (Pointwise::shift_rule == ShiftRule::median) return weighted_median(margins);
    if constexpr (Pointwise::shift_rule == ShiftRule::mean) return mean_residual(margins);
    if constexpr (Pointwise::shift_rule == ShiftRule::newton) return newton_shift(margins);
  }

  std::unique_ptr<Loss> smoothed(double delta) const override {
    if constexpr (Pointwise::smooth) return nullptr;
    return std::make_unique<SampleLoss<HuberLoss>>(HuberLoss(delta, 1.0 / delta),
                                                   Samples{y_, offset_, weights_, n_}, n_threads_);
  }

 private:
  double c(Index i) const { return weights_ ? weights_[i] * scale_ : scale_; }
  double m(const double* margins, Index i) const {
    return offset_ ? margins[i] + offset_[i] : margins[i];
  }
  // The largest scale up to `limit` that keeps θ in the domain.
  double inside(const double* theta, double limit) const {
    for (Index i = 0; i < n_; ++i)
      if (c(i) > 0.0) limit = std::min(limit, pointwise_.furthest(y_[i], theta[i] / c(i)));
    return limit;
  }
  template <class Term>
  double sum(const Term& term) const {
    return ordered_sum<Pointwise::transcendental>(n_, term, n_threads_);
  }
  // f(c, o), both functions of i: a loop is compiled for each of what may be absent, so that it has
  // no branch.
  template <class F>
  auto on_samples(const F& f) const {
    const auto with_offset = [&](auto weight) {
      if (offset_) return f(weight, [o = offset_](Index i) { return o[i]; });
      return f(weight, [](Index) { return 0.0; });
    };
    if (weights_) return with_offset([w = weights_, s = scale_](Index i) { return w[i] * s; });
    return with_offset([s = scale_](Index) { return s; });
  }
  // Σ c term(y, m + o + shift). A sample without weight has no say, be its loss infinite.
  template <class Term>
  double weighted_sum(const double* margins, double shift, const Term& term) const {
    return on_samples([&](auto weight, auto offset) {
      return sum([=](Index i) {
        const double c = weight(i), each = term(y_[i], margins[i] + offset(i) + shift);
        return c > 0.0 ? c * each : 0.0;
      });
    });
  }
  template <class Term>
  void weighted(const double* margins, double* out, const Term& term) const {
    on_samples([&](auto weight, auto offset) {
      parallel_chunks(n_, 4096, n_threads_, [=](Index begin, Index end) {
        widely<Pointwise::transcendental>([=, y = y_] {
          for (Index i = begin; i < end; ++i) {
            const double c = weight(i), each = term(y[i], margins[i] + offset(i));
            out[i] = c > 0.0 ? c * each : 0.0;
          }
        });
      });
    });
  }

  // Σ c (y - m) / Σ c, twice: the second time for the digits that the first has lost.
  double mean_residual(const double* margins) const {
    const double total = sum([this](Index i) { return c(i); });
    double shift = 0.0;
    for (int k = 0; k < 2; ++k)
      shift += weighted_sum(margins, shift, [](double y, double m) { return y - m; }) / total;
    return std::isfinite(shift) ? shift : 0.0;
  }

  // Newton on the scalar equation Σ c ℓ'(m + shift) = 0, whose left side is monotone: a step that
  // leaves the bracket found so far is replaced by its middle, as is every fourth (a curvature that
  // jumps may lead to steps that shrink the bracket little), and one that trusts a vanishing
  // curvature by a reach that grows.
  double newton_shift(const double* margins) const {
    const auto slope_and_bend = [&](double shift) {
      return on_samples([&](auto weight, auto offset) {
        return ordered_sums<2, Pointwise::transcendental>(n_, n_threads_, [=](Index i) {
          const double c = weight(i), y = y_[i], at = margins[i] + offset(i) + shift;
          const double slope = pointwise_.negative_gradient(y, at);
          const double bend = pointwise_.curvature(y, at);
          return std::array<double, 2>{c > 0.0 ? c * slope : 0.0, c > 0.0 ? c * bend : 0.0};
        });
      });
    };
    const double unit = pointwise_.unit();  // within which the curvature stays what it is
    double low = -detail::kInfinity, high = detail::kInfinity, reach = unit;
    double shift = 0.0, best = shift;
    auto [at, bend] = slope_and_bend(shift);
    double least = std::abs(at);
    for (int k = 0; k < 200 && at != 0.0; ++k) {
      (at > 0.0 ? low : high) = shift;
      double step = bend > 0.0 ? at / bend : std::copysign(detail::kInfinity, at);
      if (std::abs(step) > reach) {
        step = std::copysign(reach, at);
        reach *= 4.0;
      }
      double next = shift + step;
      const bool inside = low < next && next < high;
      const bool halve =
          !inside || (!Pointwise::quadratic && k % 4 == 3 && std::isfinite(high - low));
      if (halve) next = 0.5 * (low + high);
      const double moved = std::abs(next - shift);
      if (!std::isfinite(next) || moved == 0.0) break;
      shift = next;
      // Newton's steps shrink quadratically: what is left after this one is rounding.
      if (!halve && moved <= 1e-8 * unit) return shift;
      std::tie(at, bend) = std::tuple_cat(slope_and_bend(shift));
      const double small = 1e-8 * std::min(unit, 1.0) + 1e-14 * std::abs(shift);
      if (std::abs(at) < least) {
        best = shift;
        least = std::abs(at);
      } else if (inside && moved <= small) {
        break;  // a small Newton step that gains nothing: rounding is all that is left
      }
    }
    return best;
  }

  // Σ c y = exp(shift) Σ c exp(m); 0 where y is 0 throughout, which no shift is best for.
  double log_ratio(const double* margins) const {
    double largest = -detail::kInfinity;
    for (Index i = 0; i < n_; ++i)
      if (c(i) > 0.0) largest = std::max(largest, m(margins, i));
    const double total = sum([this](Index i) { return c(i) > 0.0 ? c(i) * y_[i] : 0.0; });
    const double fitted =
        weighted_sum(margins, -largest, [](double, double m) { return std::exp(m); });
    const double shift = std::log(total) - std::log(fitted) - largest;
    return std::isfinite(shift) ? shift : 0.0;
  }

  // The median of y - m; where it is an interval, the middle.
  double weighted_median(const double* margins) const {
    std::vector<Index> order(static_cast<std::size_t>(n_));
    std::iota(order.begin(), order.end(), Index{0});
    const auto residual = [&](Index i) { return y_[i] - m(margins, i); };
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      const double at = residual(a), other = residual(b);
      return at < other || (at == other && a < b);
    });
    const double half = 0.5 * sum([this](Index i) { return c(i); });
    double below = 0.0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      below += c(order[k]);
      if (below < half * (1.0 - 1e-12)) continue;
      if (below > half * (1.0 + 1e-12)) return residual(order[k]);
      std::size_t next = k + 1;
      while (next < order.size() && !(c(order[next]) > 0.0)) ++next;
      return next < order.size() ? 0.5 * (residual(order[k]) + residual(order[next]))
                                 : residual(order[k]);
    }
    return 0.0;
  }

  Pointwise pointwise_;
  const double* y_;
  const double* offset_;
  const double* weights_;
  Index n_;
  int n_threads_;
  double scale_;
};

}  // namespace

std::unique_ptr<Loss> make_loss(LossKind kind, const Samples& samples, int n_threads,
                                double delta) {
  const auto over = [&](auto pointwise) -> std::unique_ptr<Loss> {
    return std::make_unique<SampleLoss<decltype(pointwise)>>(pointwise, samples, n_threads);
  };
  switch (kind) {
    case LossKind::squared:
      return over(SquaredLoss());
    case LossKind::logistic:
      return over(LogisticLoss());
    case LossKind::huber:
      return over(HuberLoss(delta));
    case LossKind::absolute:
      return over(AbsoluteLoss());
    case LossKind::poisson:
      return over(PoissonLoss());
  }
  return nullptr;
}

}  // namespace sparsecross
