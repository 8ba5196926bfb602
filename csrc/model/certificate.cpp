#include "model/certificate.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace sparsecross {

void balance(std::vector<double>& theta) {
  const Index n = static_cast<Index>(theta.size());
  const auto [up, down] = ordered_sums<2>(n, 1, [t = theta.data()](Index i) {
    return std::array<double, 2>{std::max(t[i], 0.0), std::max(-t[i], 0.0)};
  });
  const double shrink = up > down ? down / up : down > 0.0 ? up / down : 1.0;
  for (double& v : theta)
    if ((v > 0.0) == (up > down)) v *= shrink;
}

void balance_with_kinks(const Problem& problem, const Point& at, std::vector<double>& theta) {
  const Index n = problem.n();
  std::vector<double> kink(theta.size());
  problem.loss.second_derivative(at.margins.data(), kink.data());
  const double room = ordered_sum(n, [k = kink.data()](Index i) { return k[i]; });
  const double sum = ordered_sum(n, [t = theta.data()](Index i) { return t[i]; });
  const double share = room > 0.0 ? std::clamp(-sum / room, -1.0, 1.0) : 0.0;
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] += share * kink[i];
  balance(theta);
}

bool project_out(const Problem& problem, const std::vector<Index>& unpenalised,
                 const std::vector<double>& curvature, const Poll& poll,
                 std::vector<double>& theta) {
  return problem.X.visit([&](const auto& columns) {
    const std::size_t n = theta.size(), q = unpenalised.size();
    const std::size_t size = q + (problem.fit_intercept ? 1 : 0);
    const auto apply = [&](const std::vector<double>& v, std::vector<double>& out) {  // A v
      std::fill(out.begin(), out.end(), problem.fit_intercept ? v[q] : 0.0);
      for (std::size_t k = 0; k < q; ++k)
        columns.each(unpenalised[k],
                     [&](Index i, double x) { out[static_cast<std::size_t>(i)] += x * v[k]; });
    };
    const auto apply_transposed = [&](const std::vector<double>& u, std::vector<double>& out) {
      for (std::size_t k = 0; k < q; ++k)
        out[k] = columns.sum(unpenalised[k],
                             [&](Index i, double x) { return x * u[static_cast<std::size_t>(i)]; });
      if (problem.fit_intercept)
        out[q] = ordered_sum(static_cast<Index>(n),
                             [&](Index i) { return u[static_cast<std::size_t>(i)]; });
    };

    std::vector<double> inverse_diagonal(size, 0.0), norm(size);
    for (std::size_t k = 0; k < size; ++k) {
      norm[k] = std::sqrt(k < q ? columns.sum(
                                      unpenalised[k], [](Index, double x) { return x * x; })
                                : static_cast<double>(n));
      const double d = k < q ? columns.sum(
                                   unpenalised[k],
                                   [&](Index i, double x) {
                                     return curvature[static_cast<std::size_t>(i)] * x * x;
                                   })
                             : ordered_sum(
                                   static_cast<Index>(n),
                                   [&](Index i) { return curvature[static_cast<std::size_t>(i)]; });
      if (d > 0.0) inverse_diagonal[k] = 1.0 / d;
    }

    std::vector<double> residual(size), direction(size), image(n), product(size), scaled(size);
    const double length = std::sqrt(
        ordered_sum(static_cast<Index>(n), [t = theta.data()](Index i) { return t[i] * t[i]; }));
    double previous = 0.0;
    const std::size_t rounds = std::min<std::size_t>(2 * size + 20, 500);
    for (std::size_t round = 0; round < rounds && !(poll && poll()); ++round) {
      apply_transposed(theta, residual);  // anew each round: no drift away from the constraint
      // Further rounds would follow rounding noise, along columns that others span without bound.
      bool settled = true;
      double now = 0.0;
      for (std::size_t k = 0; k < size; ++k) {
        settled &= std::abs(residual[k]) <= 1e-13 * norm[k] * length;
        scaled[k] = inverse_diagonal[k] * residual[k];
        now += residual[k] * scaled[k];
      }
      if (settled) return true;
      const double beta = round == 0 ? 0.0 : now / previous;
      for (std::size_t k = 0; k < size; ++k) direction[k] = scaled[k] + beta * direction[k];
      apply(direction, image);
      for (std::size_t i = 0; i < n; ++i) image[i] *= curvature[i];
      apply_transposed(image, product);
      double bend = 0.0;
      for (std::size_t k = 0; k < size; ++k) bend += direction[k] * product[k];
      if (!(bend > 0.0)) return false;
      const double step = now / bend;
      for (std::size_t i = 0; i < n; ++i) theta[i] -= step * image[i];
      previous = now;
    }
    return false;
  });
}

DualPoint dual_point(const Problem& problem, const Point& at, const std::vector<Index>& unpenalised,
                     const Poll& poll, std::vector<double>& theta, std::vector<double>& curvature) {
  problem.loss.residual(at.margins.data(), theta.data());
  // They ask for z = 0; where positive and at 0, for z <= 0 only (slack).
  std::vector<Index> tight, slack;
  for (const Index j : unpenalised)
    (!problem.penalty.positive() || at.coef[static_cast<std::size_t>(j)] > 0.0 ? tight : slack)
        .push_back(j);
  bool feasible = true;
  for (bool grown = true; grown && feasible;) {
    if (!tight.empty()) {
      problem.loss.second_derivative(at.margins.data(), curvature.data());
      feasible = project_out(problem, tight, curvature, poll, theta);
    } else if (problem.fit_intercept && problem.loss.smooth()) {
      balance(theta);
    } else if (problem.fit_intercept) {
      balance_with_kinks(problem, at, theta);
    }
    const auto obeyed = std::partition(slack.begin(), slack.end(), [&](Index j) {
      return problem.X.visit([&](const auto& slices) {
        return slices.sum(
            j, [&](Index i, double x) { return x * theta[static_cast<std::size_t>(i)]; });
      }) <= 0.0;
    });
    grown = obeyed != slack.end();  // those that are not are held at 0: one round more, at least
    tight.insert(tight.end(), obeyed, slack.end());
    slack.erase(obeyed, slack.end());
  }
  return {feasible, !tight.empty()};
}

void correlate(const Problem& problem, const std::vector<Index>& columns,
               const std::vector<double>& theta, std::vector<double>& z) {
  z.resize(columns.size());
  problem.X.visit([&](const auto& slices) {
    parallel_chunks(
        static_cast<Index>(columns.size()), 256, problem.n_threads, [&](Index begin, Index end) {
          const double* t = theta.data();
          for (Index k = begin; k < end; ++k)
            z[static_cast<std::size_t>(k)] = slices.sum(
                columns[static_cast<std::size_t>(k)], [t](Index i, double x) { return x * t[i]; });
        });
  });
}

DualBound bound_within(const Problem& problem, DualPoint point, DualRoom room,
                       const std::vector<double>& theta) {
  if (!point.feasible) return {};
  // A scale without limit would blow noise up to a point that is not feasible.
  if (point.projected) room.limit = std::min(room.limit, 10.0);
  // Weights whose squares overflow prove nothing.
  if (!std::isfinite(room.extra)) room.limit = room.extra = 0.0;
  DualBound bound;
  const ScaledDual best = problem.loss.best_dual(theta.data(), room.extra, room.limit);
  bound.scale = best.scale;
  bound.dual = best.dual - 0.5 * best.scale * best.scale * room.extra;
  if (problem.penalty.has_l2()) {
    const double direct = problem.loss.dual(theta.data(), 1.0) - room.conjugate;
    if (direct > bound.dual) bound = {direct, 1.0};
  }
  return bound;
}

DualBound bound_along(const Problem& problem, const Point& at, DualPoint point, DualRoom room,
                      const std::vector<Index>& columns, const std::vector<double>& theta,
                      const std::vector<double>& z) {
  for (std::size_t k = 0; k < columns.size(); ++k)
    room.take(problem.penalty, columns[k], at.coef[static_cast<std::size_t>(columns[k])], z[k]);
  return bound_within(problem, point, room, theta);
}

std::vector<Index> unpenalised_of(const Penalty& penalty, const std::vector<Index>& columns) {
  std::vector<Index> found;
  if (penalty.any_unpenalised())
    std::copy_if(columns.begin(), columns.end(), std::back_inserter(found),
                 [&](Index j) { return penalty.unpenalised(j); });
  return found;
}

DualBound dual_bound(const Problem& problem, const Point& at, const std::vector<Index>& columns,
                     const Poll& poll, std::vector<double>& theta, std::vector<double>& curvature,
                     std::vector<double>& z) {
  const DualPoint point =
      dual_point(problem, at, unpenalised_of(problem.penalty, columns), poll, theta, curvature);
  correlate(problem, columns, theta, z);
  return bound_along(problem, at, point, {std::numeric_limits<double>::infinity()}, columns, theta,
                     z);
}

Certificate certify_smooth(const Problem& problem, Point at, const Poll& poll) {
  at.margins.resize(static_cast<std::size_t>(problem.n()));
  const std::vector<Index> support = support_of(at.coef);
  refresh_margins(problem, support, at);
  const double primal = primal_value(problem, support, at);
  if (std::isnan(primal)) {  // infinite margins of both signs
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {infinity, -infinity};
  }
  settle_intercept(problem, at);
  std::vector<Index> all(static_cast<std::size_t>(problem.p()));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<double> theta(at.margins.size()), curvature(at.margins.size()), z;
  return {primal, dual_bound(problem, at, all, poll, theta, curvature, z).dual};
}

}  // namespace sparsecross
