// Problems of single columns, by rounds on working sets (rounds.hpp).
//
// Problem: problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (coef of length p, intercept); from another strength of the penalty on the same
//          problem, if there was one, what it has kept.
// Result:  a Solution whose gap is proved over all columns.
// Cost:    a round is one pass over the columns that are not known to obey (shared among the
//          threads), and sweeps and Newton steps over the working set. Memory, beside the result:
//          at most 11 vectors of length n (margins, dual points, the null model's, and the
//          workspace) and 7 of length p (start, what is known of the columns, and the violators);
//          products of the set's columns, at most 36 MB, and 8 bytes an entry of new columns and 8
//          MB while they are made; a factor of half their size, and half as much again where
//          columns are held. Where the set is too large for products: 3 vectors of length n and a
//          factor of at most 48 MiB, and half as much again, instead. To extrapolate sweeps: 8
//          vectors of the set's length, at most 8 MB, and 14 more of the products' order.
#pragma once

#include <optional>

#include "model/certificate.hpp"
#include "solve/null_model.hpp"
#include "solve/proximal_newton.hpp"
#include "solve/rounds.hpp"
#include "solve/start.hpp"

namespace sparsecross {

// Where a solve stopped; the point's weights are in its Solution, the dual point in Kept::space.
struct Standing {
  std::vector<double> margins;  // n
  DualPoint point{false, false};
  Sight sight;  // of all columns
};

// What a solve leaves for the next one, at another strength of the penalty on the same problem, or
// on one with more columns behind those it had.
struct Kept {
  explicit Kept(Index n) : space(n) {}
  detail::Workspace space;
  Screening screening;
  std::optional<NullModel> origin;
  Standing standing;
};

namespace detail {

constexpr double kProductsPerLook = 2.0;  // multiply-adds, for each entry of X

// Columns as the blocks of rounds.hpp. The dual point is kept.space.theta, before scaling.
class ColumnBlocks {
 public:
  ColumnBlocks(const Problem& problem, const Poll& poll, Kept& kept, Point start)
      : at(std::move(start)),
        problem_(problem),
        poll_(poll),
        kept_(kept),
        unpenalised_(unpenalised_columns(problem)) {}

  Point at;

  const Point& point() const { return at; }
  const Design& X() const { return problem_.X; }
  const std::vector<Index>& unpenalised() const { return unpenalised_; }
  Footprint footprint() const {
    return kept_.space.footprint() +
           Footprint{at.bytes() + kept_.screening.bytes() + sight().bytes() +
                         bytes_of(kept_.standing.margins) +
                         (kept_.origin ? kept_.origin->bytes() : 0),
                     bytes_of(unpenalised_)};
  }

  double primal(const std::vector<Index>& set) const { return primal_value(problem_, set, at); }

  DualBound look(const std::vector<Index>& set, bool stands) {
    auto& [space, screening, origin, standing] = kept_;
    if (!stands)
      standing.point =
          sparsecross::dual_point(problem_, at, unpenalised_, poll_, space.theta, space.curvature);
    standing.sight =
        stands ? screening.look_at_more(problem_, at, space.theta, std::move(standing.sight))
               : screening.look(problem_, at, set, space.theta, standing.point.feasible);
    return bound_within(problem_, standing.point, standing.sight.room, space.theta);
  }
  const Sight& sight() const { return kept_.standing.sight; }
  std::vector<double> dual_point(double scale) const {
    std::vector<double> scaled = kept_.space.theta;
    for (double& t : scaled) t *= scale;
    return scaled;
  }

  Index n_active(const std::vector<Index>& set) const { return count_active(set, at.coef); }
  Index n_columns(const std::vector<Index>& set) const { return static_cast<Index>(set.size()); }
  bool rests(Index j) const {
    return at.coef[static_cast<std::size_t>(j)] == 0.0 && !problem_.penalty.unpenalised(j);
  }
  // As many as double the set, so that the rounds are few; and more, up to the number of rows,
  // while the products of its columns (gram.hpp, were the entries spread evenly over the rows) take
  // about as long as a look at all columns. The strength holds if all have the same penalty.
  double take_hardest(std::size_t room, std::vector<Index>& working_set) {
    std::vector<Violator>& violators = kept_.standing.sight.violators;
    const std::size_t least = std::max(room, working_set.size());
    const auto room_to = [&](Index order) {
      const auto size = static_cast<std::size_t>(order);
      return size - std::min(size, working_set.size());
    };
    std::size_t most = std::max(least, room_to(problem_.n()));
    if (room_to(GramModel::kLargestOrder) >= room)
      most = std::min(most, room_to(GramModel::kLargestOrder));
    most = std::min(most, violators.size());
    const auto cut = violators.begin() + static_cast<std::ptrdiff_t>(most);
    std::nth_element(violators.begin(), cut, violators.end(), harder);
    std::sort(violators.begin(), cut, harder);
    std::size_t n_taken = 0;
    problem_.X.visit([&](const auto& columns) {
      const double per_product =
          is_dense<std::decay_t<decltype(columns)>> ? 1.0 / cost::kGather : 1.0;
      const double entries = kProductsPerLook / per_product * static_cast<double>(problem_.n()) *
                             static_cast<double>(problem_.X.n_stored());
      double taken = 0.0;
      for (const Index j : working_set) taken += static_cast<double>(columns.size(j));
      for (; n_taken < most; ++n_taken) {
        const Index j = violators[n_taken].block;
        taken += static_cast<double>(columns.size(j));
        if (n_taken >= least && taken * taken > entries) break;
        working_set.push_back(j);
      }
    });
    return n_taken == violators.size() ? 1.0 : strength_of(violators[n_taken - 1]);
  }
  bool strengthens() const { return problem_.loss.quadratic() && problem_.penalty.l1() > 0.0; }
  double strength_of(const Violator& violator) const {
    return 1.0 + violator.pull / problem_.penalty.l1(violator.block);
  }

  Inner solve(double strength, const std::vector<Index>& set, double gap, double target,
              Index max_iter, Index& n_iter) {
    const Penalty penalty = problem_.penalty.times(strength);
    const Inner inner = solve_on(problem_.with(penalty), set, gap, target, max_iter, poll_,
                                 kept_.space, at, n_iter);
    settle_intercept(problem_, at);
    return inner;
  }

 private:
  const Problem& problem_;
  const Poll& poll_;
  Kept& kept_;
  std::vector<Index> unpenalised_;
};

}  // namespace detail

inline Solution solve_working_set(const Problem& problem, const Options& options,
                                  const std::vector<double>* coef_init, double intercept_init,
                                  const Poll& poll, const OnRound& on_round = {},
                                  Kept* kept = nullptr) {
  const auto started = detail::Clock::now();
  const Penalty& penalty = problem.penalty;
  std::optional<Kept> own;
  Kept& known = kept ? *kept : own.emplace(problem.n());
  auto& [space, screening, origin, standing] = known;
  const bool free = penalty.l1() == 0.0 && penalty.l2() == 0.0;  // another null model than the rest
  if (!origin || free) origin = null_model(problem, poll);
  Solution solution;
  solution.scale = origin->scale;
  const detail::Inner inner =
      origin->interrupted ? detail::Inner::interrupted : detail::Inner::reached;
  Point at = options.resume ? Point{*coef_init, intercept_init, std::move(standing.margins)}
             : coef_init    ? start_from(problem, *coef_init, intercept_init, *origin)
                            : origin->point(problem.p());
  if (!options.resume) standing = Standing();
  if (origin->interrupted || free) origin.reset();
  space.single = options.single;
  if (penalty.any_unpenalised()) space.curvature.resize(static_cast<std::size_t>(problem.n()));
  detail::ColumnBlocks blocks(problem, poll, known, std::move(at));
  const std::vector<Index> support = support_of(blocks.at.coef);
  std::vector<Index> working_set;  // at all times with the support and the unpenalised columns
  std::set_union(support.begin(), support.end(), blocks.unpenalised().begin(),
                 blocks.unpenalised().end(), std::back_inserter(working_set));
  detail::run_rounds(blocks, options, std::move(working_set), inner, started, poll, on_round,
                     solution);
  if (coef_init) solution.peak.vectors += bytes_of(*coef_init);
  solution.coef = std::move(blocks.at.coef);
  solution.intercept = blocks.at.intercept;
  standing.margins = std::move(blocks.at.margins);
  return solution;
}

}  // namespace sparsecross
