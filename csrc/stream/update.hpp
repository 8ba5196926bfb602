// Rules by which a weight learns from the gradient of one row's loss.
//
// The state of a coordinate is two numbers: r = √Σ g², which makes its own learning rate
//
//     η = learning_rate / (beta + r),
//
// and, by rule, z or the weight w itself. (The root and not the sum is kept, since a row needs the
// roots before and after it: that is one root to take and not two.) From the gradient g of a row,
// r⁺ = √(r² + g²) and
//
//   ftrl         z⁺ = z + g - σ w, σ = (r⁺ - r) / learning_rate
//                w  = 0 where |z| <= l1, else -(z - l1 sign z) / (1 / η + l2)
//   proximal     w⁺ = S(w - η⁺ g, η⁺ l1) / (1 + 2 η⁺ l2), S(v, t) = sign v max(|v| - t, 0)
//   subgradient  w⁺ = w - η⁺ (g + l1 sign w + 2 l2 w)
//
// so l1 |w| and l2 w² (½ l2 w² for ftrl) are added once to the sum of all losses for ftrl, and for
// the two others to the loss of each row that has the coordinate. ftrl at l1 = l2 = 0, begun at 0,
// is w⁺ = w - η⁺ g.
//
// Sources: McMahan et al. 2013, algorithm 1; Langford, Li & Zhang 2009 (truncated gradient);
//          Duchi & Singer 2009 (the step as a proximal one); Duchi, Hazan & Singer 2011 (rates).
#pragma once

#include <cmath>
#include <cstddef>

#include "support/wide.hpp"

namespace sparsecross {

enum class UpdateRule { ftrl, proximal, subgradient };

struct UpdateOptions {
  UpdateRule rule = UpdateRule::ftrl;
  double learning_rate = 0.1, beta = 1.0, l1 = 1.0, l2 = 1.0;
};

// Of one coordinate: z or w, and r, side by side in a cache line.
struct alignas(16) SlotState {
  double value, root;
};

// Where several threads learn, another may be at the same state: whole numbers are read and
// written, old or new.
inline SlotState loaded(const SlotState& state) {
  SlotState now;
  __atomic_load(&state.value, &now.value, __ATOMIC_RELAXED);
  __atomic_load(&state.root, &now.root, __ATOMIC_RELAXED);
  return now;
}
inline void store(SlotState& state, SlotState next) {
  __atomic_store(&state.value, &next.value, __ATOMIC_RELAXED);
  __atomic_store(&state.root, &next.root, __ATOMIC_RELAXED);
}

// r⁺ after a gradient g.
inline double root_after(double root, double g) { return std::sqrt(root * root + g * g); }

namespace detail {

struct FtrlRule {
  double slowness, beta, l1, l2;  // 1 / learning_rate

  bool at_zero(double z) const { return std::abs(z) <= l1; }
  double weight(double z, double root) const {
    const double shrunk = std::copysign(std::abs(z) - l1, z);
    const double w = -shrunk / ((beta + root) * slowness + l2);
    return at_zero(z) ? 0.0 : w;
  }
  double next(double z, double w, double g, double root, double root_next) const {
    return z + (g - (root_next - root) * slowness * w);
  }
};

// η, or 0 where nothing was learnt yet and beta would not hold it back.
inline double step_size(double rate, double beta, double root) {
  const double divisor = beta + root;
  return divisor > 0.0 ? rate / divisor : 0.0;
}

struct ProximalRule {
  double rate, beta, l1, l2;

  bool at_zero(double w) const { return w == 0.0; }
  double weight(double w, double) const { return w; }
  double next(double w, double, double g, double, double root_next) const {
    const double eta = step_size(rate, beta, root_next);
    const double v = w - eta * g, size = std::abs(v) - eta * l1;
    return size > 0.0 ? std::copysign(size, v) / (1.0 + 2.0 * eta * l2) : 0.0;
  }
};

struct SubgradientRule {
  double rate, beta, l1, l2;

  bool at_zero(double w) const { return w == 0.0; }
  double weight(double w, double) const { return w; }
  double next(double w, double, double g, double, double root_next) const {
    const double eta = step_size(rate, beta, root_next);
    const double sign = static_cast<double>((w > 0.0) - (w < 0.0));
    return w - eta * (g + l1 * sign + 2.0 * l2 * w);
  }
};

}  // namespace detail

// Calls f with the rule's formulas.
template <class F>
auto with_rule(const UpdateOptions& o, const F& f) {
  switch (o.rule) {
    case UpdateRule::proximal:
      return f(detail::ProximalRule{o.learning_rate, o.beta, o.l1, o.l2});
    case UpdateRule::subgradient:
      return f(detail::SubgradientRule{o.learning_rate, o.beta, o.l1, o.l2});
    default:
      return f(detail::FtrlRule{1.0 / o.learning_rate, o.beta, o.l1, o.l2});
  }
}

}  // namespace sparsecross
