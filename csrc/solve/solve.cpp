// Where the solvers are compiled: what the borders call, whatever the layout and the loss.
#include "solve/solve.hpp"

#include "solve/smoothing.hpp"

namespace sparsecross {

NullModel null_model(const Problem& problem, const Poll& poll) {
  Point at;
  at.margins.assign(static_cast<std::size_t>(problem.n()), 0.0);
  settle_intercept(problem, at);
  double value = problem.loss.value(at.margins.data()), lower = value;
  bool interrupted = false;
  const std::vector<Index> unpenalised = unpenalised_columns(problem);
  std::vector<double> weights;
  if (!unpenalised.empty()) {
    at.coef.assign(static_cast<std::size_t>(problem.p()), 0.0);
    detail::Workspace space(problem.n());
    space.curvature.resize(static_cast<std::size_t>(problem.n()));
    Index n_iter = 0;
    const detail::Inner inner =
        detail::solve_on(problem, unpenalised, std::numeric_limits<double>::infinity(),
                         1e-14 * value, 10000, poll, space, at, n_iter);
    refresh_margins(problem, unpenalised, at);
    settle_intercept(problem, at);
    value = problem.loss.value(at.margins.data());
    lower = dual_bound(problem, at, unpenalised, poll, space.theta, space.curvature, space.z).dual;
    interrupted = inner == detail::Inner::interrupted;
    for (const Index j : unpenalised) weights.push_back(at.coef[static_cast<std::size_t>(j)]);
  }
  const double scale = objective_scale(problem, value, lower);
  return {unpenalised, std::move(weights), at.intercept, std::move(at.margins), value,
          scale,       interrupted};
}

Solution solve(const Problem& problem, const Options& options, const std::vector<double>* coef_init,
               double intercept_init, const Poll& poll, const OnRound& on_round, Kept* kept) {
  if (problem.loss.smooth())
    return solve_smooth(problem, options, coef_init, intercept_init, poll, on_round, kept);

  const KinkedNull null = kinked_null(problem, poll);
  const double scale = null.scale, target = options.tol * scale;
  const Point& zero = null.at;
  Solution solution;
  solution.scale = scale;
  solution.coef = zero.coef;
  solution.intercept = zero.intercept;
  const std::vector<Index> support = support_of(zero.coef);
  solution.primal = primal_value(problem, support, zero);
  std::vector<Index> all(static_cast<std::size_t>(problem.p()));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<double> theta(zero.margins.size()), curvature(zero.margins.size()), z;
  const DualBound bound = dual_bound(problem, zero, all, poll, theta, curvature, z);
  if (bound.dual > solution.dual) {
    solution.dual = bound.dual;
    solution.dual_point = std::move(theta);
    for (double& t : solution.dual_point) t *= bound.scale;
  }
  solution.history.push_back(
      {0, 0, static_cast<Index>(support.size()), solution.primal, solution.dual, 0.0});
  if (on_round) on_round(solution.history.back(), zero);
  if (null.interrupted || (poll && poll())) {
    solution.status = Status::interrupted;
  } else if (solution.gap() <= target) {
    solution.status = Status::converged;
  }
  if (solution.status != Status::not_run) return solution;

  Point start = zero;
  if (coef_init) {
    start.coef = *coef_init;
    start.intercept = intercept_init;
  }
  Solution found = detail::approach(problem, target, std::max(solution.primal, scale),
                                    options.max_iter, std::move(start), poll, on_round);
  found.scale = scale;
  found.peak.vectors += zero.bytes() + bytes_of(all, theta, curvature, null.theta, solution.coef,
                                                solution.dual_point);
  return found;
}

double null_objective(const Problem& problem, const Poll& poll) {
  return problem.loss.smooth() ? null_model(problem, poll).scale : kinked_null(problem, poll).scale;
}

double largest_strength(const Problem& problem, const Poll& poll) {
  if (problem.loss.smooth()) return largest_strength(problem, null_model(problem, poll));
  const KinkedNull null = kinked_null(problem, poll);
  return null.theta.empty() ? 0.0 : strength_against(problem, null.theta);
}

Certificate certify(const Problem& problem, Point at, const Poll& poll) {
  if (problem.loss.smooth()) return certify_smooth(problem, std::move(at), poll);
  at.margins.resize(static_cast<std::size_t>(problem.n()));
  const std::vector<Index> support = support_of(at.coef);
  refresh_margins(problem, support, at);
  std::vector<Index> all(static_cast<std::size_t>(problem.p()));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<double> theta(at.margins.size()), curvature(at.margins.size()), z;
  Certificate certificate{primal_value(problem, support, at),
                          -std::numeric_limits<double>::infinity()};
  const double first = detail::first_delta(problem);
  if (!(first > 0.0)) return {certificate.primal, 0.0};
  for (double delta = first; delta > 1e-9 * first && !(poll && poll());
       delta *= detail::kQuartered) {
    const auto loss = problem.loss.smoothed(delta);
    const Problem smooth = problem.with(*loss);
    settle_intercept(smooth, at);
    const DualBound bound = dual_bound(smooth, at, all, poll, theta, curvature, z);
    if (bound.dual > -std::numeric_limits<double>::infinity())
      certificate.dual = std::max(certificate.dual,
                                  detail::lifted(problem, *loss, bound.dual, theta, bound.scale));
  }
  settle_intercept(problem, at);
  certificate.dual =
      std::max(certificate.dual, dual_bound(problem, at, all, poll, theta, curvature, z).dual);
  return certificate;
}

}  // namespace sparsecross
