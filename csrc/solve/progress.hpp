// How the inner loops of working sets end, and how one sees that nothing moves any more.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsecross {

namespace detail {

constexpr int kPatience = 10;        // with the damping, which grows tenfold at each useless step
constexpr double kRounding = 1e-15;  // of the objective, relative
constexpr double kModelReduction = 1e-2;  // of the forces of a model, in its own coordinates

// Counts looks at the problem that found no progress: neither a fall of the objective beyond
// rounding nor of the gap (which still falls, like the square root, when the objective no longer
// can) by a hundredth.
class Progress {
 public:
  // The number of looks in a row without progress, this one included.
  int look(double primal, double gap) {
    const bool forward = !(primal >= primal_ - kRounding * std::abs(primal)) || gap < 0.99 * gap_;
    primal_ = std::min(primal_, primal);
    gap_ = std::min(gap_, gap);
    return idle_ = forward ? 0 : idle_ + 1;
  }

 private:
  double primal_ = std::numeric_limits<double>::infinity();
  double gap_ = std::numeric_limits<double>::infinity();
  int idle_ = 0;
};

// `reduced`: sweeps have brought the forces of a model down to a part.
enum class Inner { reached, reduced, stalled, out_of_sweeps, interrupted };

}  // namespace detail

}  // namespace sparsecross
