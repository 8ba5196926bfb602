// What a solver returns.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "model/problem.hpp"

namespace sparsecross {

enum class Status {
  not_run,
  converged,        // relative gap <= tol
  max_iter,         // out of sweeps or iterations
  precision_limit,  // no step changes the objective any more, in double precision
  not_certified,    // stationary, but no dual-feasible point is known
  interrupted       // the user stopped it; the point is a usable start
};

enum class Method { cd, ista, fista };

struct Options {
  double tol = 1e-4;        // on gap / (P0 - Psat)
  Index max_iter = 100000;  // of n_iter
  Method method = Method::cd;
  bool spare_digits = true;  // more digits than asked for where they take no time
  bool single = true;        // products of columns in single precision, where they pay
  std::size_t room = 100;    // violators that may join the working set at once, at least
  bool resume = false;       // the start is where the solve before stopped, which left `kept`
};

// One look at all columns.
struct Round {
  Index n_iter;       // sweeps or iterations so far
  Index working_set;  // columns in it; of proximal gradient: those that are left
  Index n_active;     // non-zero weights
  double primal, dual, seconds;
  Index restarts = 0;  // of momentum, so far
};

// Told of each look at all columns: the round, and the point it looked at.
using OnRound = std::function<void(const Round&, const Point&)>;

struct Solution {
  std::vector<double> coef;  // p
  double intercept = 0.0;
  std::vector<double> dual_point;  // n, feasible; empty where none is known
  double primal = std::numeric_limits<double>::quiet_NaN();
  double dual = -std::numeric_limits<double>::infinity();
  double scale = 1.0;  // P0 - Psat, at least of rounding size: the unit of `tol`
  Index n_iter = 0;    // sweeps and Newton steps, or iterations of proximal gradient
  Status status = Status::not_run;
  std::vector<Round> history;
  Footprint peak;  // of the moment at which most was held, among looks at all columns

  // Both are values of feasible points: a negative difference is rounding, a few units in the last
  // place of `scale`.
  double gap() const { return primal <= dual ? 0.0 : primal - dual; }
};

}  // namespace sparsecross
