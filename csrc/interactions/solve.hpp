// The optimum over all columns and all their products, of which only those that matter are built.
//
// Problem: problem.hpp over the columns of X and the products of a Space, to a relative duality gap
//          of `tol` over all of them.
// Given:   a Problem over X; the Space; the penalty factor of products; a start.
// Result:  weights by key, and a gap that is proved over all columns and products.
// Cost:    a round is a solve on the set of columns and products taken up so far (working_set.hpp),
//          and a pricing of all (pricing.hpp), whose hardest join the set. Memory: the Space, the
//          set, and what the solver has for a problem of the set's size.
// Sources: Nakagawa et al. 2016; Le Morvan & Vert 2018; Massias et al. 2018 (dual certificates of
//          working sets).
#pragma once

#include "interactions/cooccurrence.hpp"
#include "interactions/product_set.hpp"
#include "solve/solve.hpp"

namespace sparsecross {

struct InteractionCounts {
  Index co_occurring = 0;  // products with an entry; -1 where they are too many to count
  Index visited = 0;       // products looked at, each time it was
  Index built = 0;         // products ever taken into the set
  Index ties = 0;          // looks at hard products left out for an equal column
};

struct InteractionRound {
  Round round;
  InteractionCounts counts;
};

// Weights by key, none of them 0.
struct KeyedWeights {
  std::vector<Key> keys;  // increasing
  std::vector<double> values;
};

struct InteractionSolution {
  Solution solution;  // coef: of the set's columns
  KeyedWeights weights;
  std::vector<InteractionRound> history;
};

using OnInteractionRound =
    std::function<void(const InteractionRound&, const KeyedWeights&, double intercept)>;

// One problem at any strengths of its penalty: what is learnt at one serves the next.
class InteractionSolver {
 public:
  // `base` and `space` must live as long; `base.penalty` names factors and signs.
  InteractionSolver(const Space& space, const Loss& loss, const double* factor,
                    double product_factor, bool positive, bool fit_intercept, int n_threads)
      : space_(space),
        loss_(loss),
        factor_(factor),
        product_factor_(product_factor),
        positive_(positive),
        fit_intercept_(fit_intercept),
        n_threads_(n_threads),
        pricing_(space, factor, product_factor, positive,
                 space.n_pairs_of_entries() < kWorthThreads ? 1 : n_threads),
        set_(space),
        kept_(space.n()) {
    if (!(product_factor > 0.0) || std::isinf(product_factor))
      throw std::invalid_argument("the penalty factor of interactions must be positive and finite");
    std::vector<Key> unpenalised;
    for (Index j = 0; factor && j < space.X().n_cols(); ++j)
      if (factor[j] == 0.0) unpenalised.push_back(space.keys().of(j));
    take_up(unpenalised);
  }

  // Below this strength of the L1 penalty (ratio 1) some weight is not 0.
  double largest_strength(const Poll& poll) {
    const Design design = set_.design();
    std::vector<double> factors;
    const Penalty penalty = penalty_of_set(1.0, 0.0, {}, factors);
    const Problem problem{design, loss_, penalty, fit_intercept_, n_threads_};
    const NullModel null = null_model(problem, poll);
    std::vector<double> theta(static_cast<std::size_t>(space_.n()));
    problem.loss.residual(null.margins.data(), theta.data());
    if (fit_intercept_) balance(theta);
    const Priced priced =
        pricing_(theta, {0.0, 0.0, 0.0, 1, false, {}}, [&](Key) { return false; }, poll);
    if (priced.hardest.empty()) return 0.0;
    const Candidate& first = priced.hardest.front();
    const ColumnEntries column = std::move(set_.build({first.key}, 1).front());
    double terms = 0.0;  // what is left of them may be rounding
    for (std::size_t e = 0; e < column.rows.size(); ++e)
      terms += std::abs(theta[static_cast<std::size_t>(column.rows[e])] *
                        (column.values.empty() ? 1.0 : column.values[e]));
    constexpr double rounding = 64.0 * std::numeric_limits<double>::epsilon();
    return first.ratio * factor_of(first.key) <= rounding * terms ? 0.0 : first.ratio;
  }

  double null_objective(const Poll& poll) {
    const Design design = set_.design();
    std::vector<double> factors;
    const Penalty penalty = penalty_of_set(1.0, 0.0, {}, factors);
    return null_model({design, loss_, penalty, fit_intercept_, n_threads_}, poll).scale;
  }

  InteractionSolution solve(double l1, double l2, const Options& options, const KeyedWeights& start,
                            double intercept, const Parents& parents, const Poll& poll,
                            const OnInteractionRound& on_round) {
    using Clock = std::chrono::steady_clock;
    const auto started = Clock::now();
    if (counts_.co_occurring == 0) counts_.co_occurring = count_cooccurring(space_, n_threads_);
    InteractionSolution found;
    Solution& all = found.solution;
    take_up(start.keys);
    std::vector<double> coef(static_cast<std::size_t>(set_.size()), 0.0);
    for (std::size_t k = 0; k < start.keys.size(); ++k)
      coef[static_cast<std::size_t>(set_.find(start.keys[k]))] = start.values[k];
    double aim = 0.3 * options.tol;  // relative
    double best_gap = std::numeric_limits<double>::infinity();
    int idle = 0;

    for (;;) {
      const Design design = set_.design();
      std::vector<double> factors;
      const Penalty penalty = penalty_of_set(l1, l2, parents, factors);
      const Problem problem{
          design, loss_, penalty, fit_intercept_, threads_for(design, n_threads_), n_threads_};
      Options inner = options;
      inner.tol = aim;
      inner.room = static_cast<std::size_t>(set_.size()) + 1;  // all were chosen for their pull
      inner.max_iter = std::max<Index>(1, options.max_iter - all.n_iter);
      inner.resume = loss_.smooth() && !found.history.empty();
      const bool from_nothing = found.history.empty() && start.keys.empty();
      Solution part = sparsecross::solve(problem, inner, from_nothing ? nullptr : &coef, intercept,
                                         poll, {}, &kept_);
      coef = std::move(part.coef);
      intercept = part.intercept;
      all.n_iter += part.n_iter;
      all.peak.raise(part.peak + Footprint{bytes_of(part.dual_point, all.dual_point),
                                           set_.bytes() + pricing_.bytes()});
      all.scale = part.scale;
      all.primal = part.primal;

      // What is proved over all columns and products.
      if (!loss_.smooth()) stand_on_kinks(problem, coef, intercept, poll, part.dual_point);
      const std::vector<double>& theta = kept_.space.theta;
      const Priced priced = price(theta, l1, l2, parents, poll);
      counts_.visited += priced.n_visited;
      counts_.ties += priced.n_equal;
      if (kept_.standing.point.feasible && !priced.interrupted) {
        const DualBound bound =
            bound_over_all(problem, kept_.standing.point, kept_.standing.sight.room, theta, priced);
        if (bound.dual > all.dual) {
          all.dual = bound.dual;
          all.dual_point.resize(theta.size());
          for (std::size_t i = 0; i < theta.size(); ++i) all.dual_point[i] = bound.scale * theta[i];
        }
      }
      const Index n_active =
          std::count_if(coef.begin(), coef.end(), [](double w) { return w != 0.0; });
      found.history.push_back({{all.n_iter, set_.size(), n_active, all.primal, all.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()},
                               counts_});
      if (on_round) on_round(found.history.back(), weights_of(coef), intercept);

      const double gap = all.gap() / all.scale;
      if (part.status == Status::interrupted || priced.interrupted || (poll && poll())) {
        all.status = Status::interrupted;
      } else if (gap <= options.tol) {
        all.status = Status::converged;
      } else if (all.n_iter >= options.max_iter) {
        all.status = Status::max_iter;
      }
      if (all.status != Status::not_run) break;

      const std::size_t taken = take_hardest(priced.hardest, l2 == 0.0);
      coef.resize(static_cast<std::size_t>(set_.size()), 0.0);
      if (taken > 0) {
        idle = 0;
        aim = std::max(0.3 * options.tol, kPart * gap);
      } else {
        // What keeps the gap open is the accuracy on the set.
        idle = gap < 0.9 * best_gap ? 0 : idle + 1;
        if (part.status == Status::not_certified || idle >= 3) {
          all.status = part.status == Status::not_certified ? Status::not_certified
                                                            : Status::precision_limit;
          break;
        }
        aim = 0.1 * std::min(aim, gap);
      }
      best_gap = std::min(best_gap, gap);
    }
    found.weights = weights_of(coef);
    all.coef = std::move(coef);
    all.intercept = intercept;
    return found;
  }

  // The primal value at weights as they are, and the best bound that follows from them.
  Certificate certify(double l1, double l2, const KeyedWeights& weights, double intercept,
                      const Poll& poll) {
    take_up(weights.keys);
    const Design design = set_.design();
    std::vector<double> factors;
    const Penalty penalty = penalty_of_set(l1, l2, {}, factors);
    const Problem problem{design, loss_, penalty, fit_intercept_, n_threads_};
    Point at;
    at.coef.assign(static_cast<std::size_t>(set_.size()), 0.0);
    for (std::size_t k = 0; k < weights.keys.size(); ++k)
      at.coef[static_cast<std::size_t>(set_.find(weights.keys[k]))] = weights.values[k];
    at.intercept = intercept;
    at.margins.resize(static_cast<std::size_t>(space_.n()));
    const std::vector<Index> support = support_of(at.coef);
    refresh_margins(problem, support, at);
    const double primal = primal_value(problem, support, at);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (std::isnan(primal)) return {infinity, -infinity};
    settle_intercept(problem, at);
    std::vector<double> theta(at.margins.size()), curvature(at.margins.size());
    const DualPoint point =
        dual_point(problem, at, unpenalised_columns(problem), poll, theta, curvature);
    if (!point.feasible) return {primal, -infinity};
    const Priced priced = price(theta, l1, l2, {}, poll);
    const DualRoom room = room_of(problem, at.coef, theta);
    return {primal, bound_over_all(problem, point, room, theta, priced).dual};
  }

  const InteractionCounts& counts() const { return counts_; }

 private:
  static constexpr std::size_t kLeastJoining = 100;
  // Columns that are built at once, of which the last may be in vain.
  static constexpr std::size_t kLeastBatch = 64, kMostBatch = 1024;
  // Of the gap, to be left on the set: another pricing costs less than another round on the set.
  static constexpr double kPart = 0.8;

  double factor_of(Key key) const {
    if (space_.keys().is_product(key)) return product_factor_;
    return factor_ ? factor_[key] : 1.0;
  }

  // The penalty of the set's columns; `factors` is what it looks at.
  Penalty penalty_of_set(double l1, double l2, const Parents& parents,
                         std::vector<double>& factors) const {
    if (!factor_ && product_factor_ == 1.0 && !parents.in)
      return Penalty(l1, l2, nullptr, positive_);
    factors.resize(static_cast<std::size_t>(set_.size()));
    for (Index t = 0; t < set_.size(); ++t) {
      const Key key = set_.key(t);
      const bool allowed =
          !space_.keys().is_product(key) || parents.allow(space_.keys().factors(key));
      factors[static_cast<std::size_t>(t)] =
          allowed ? factor_of(key) : std::numeric_limits<double>::infinity();
    }
    return Penalty(l1, l2, factors.data(), positive_);
  }

  Priced price(const std::vector<double>& theta, double l1, double l2, const Parents& parents,
               const Poll& poll) {
    return pricing_(
        theta, {l1 / Screening::kLimit, l1, l2, 4 * room(), l2 == 0.0, parents},
        [this](Key key) { return set_.holds(key); }, poll);
  }

  // The best multiple of θ, in the room of the set's columns, over all columns and products.
  static DualBound bound_over_all(const Problem& problem, DualPoint point, DualRoom room,
                                  const std::vector<double>& theta, const Priced& priced) {
    const double limit = priced.largest > 0.0
                             ? std::min(Screening::kLimit, problem.penalty.l1() / priced.largest)
                             : Screening::kLimit;
    room.add({limit, priced.beyond});
    return bound_within(problem, point, room, theta);
  }

  // What the set's columns leave of the multiples of θ.
  static DualRoom room_of(const Problem& problem, const std::vector<double>& coef,
                          const std::vector<double>& theta) {
    std::vector<double> z(coef.size());
    transposed_product(problem.X, theta.data(), z.data(), problem.n_threads);
    DualRoom room{std::numeric_limits<double>::infinity()};
    for (std::size_t t = 0; t < z.size(); ++t)
      room.take(problem.penalty, static_cast<Index>(t), coef[t], z[t]);
    return room;
  }

  // Stands where a solve with kinks stopped, by the dual point that it found, or one near the
  // residual.
  void stand_on_kinks(const Problem& problem, const std::vector<double>& coef, double intercept,
                      const Poll& poll, const std::vector<double>& known) {
    std::vector<double>& theta = kept_.space.theta;
    if (!known.empty()) {
      theta = known;
      kept_.standing.point = {true, false};
    } else {
      Point at{coef, intercept, std::vector<double>(theta.size())};
      refresh_margins(problem, support_of(coef), at);
      std::vector<double> curvature(theta.size());
      kept_.standing.point =
          dual_point(problem, at, unpenalised_columns(problem), poll, theta, curvature);
    }
    kept_.standing.sight.room = room_of(problem, coef, theta);
  }

  KeyedWeights weights_of(const std::vector<double>& coef) const {
    KeyedWeights weights;
    std::vector<Index> support = support_of(coef);
    std::sort(support.begin(), support.end(),
              [&](Index a, Index b) { return set_.key(a) < set_.key(b); });
    for (const Index t : support) {
      weights.keys.push_back(set_.key(t));
      weights.values.push_back(coef[static_cast<std::size_t>(t)]);
    }
    return weights;
  }

  // Columns that must be in the set, whatever they pull.
  void take_up(const std::vector<Key>& keys) {
    std::vector<Key> missing;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(missing),
                 [&](Key key) { return !set_.holds(key); });
    std::vector<ColumnEntries> columns = set_.build(missing, n_threads_);
    std::vector<std::pair<Key, ColumnEntries>> fresh;
    for (std::size_t c = 0; c < missing.size(); ++c) {
      counts_.built += space_.keys().is_product(missing[c]);
      fresh.emplace_back(missing[c], std::move(columns[c]));
    }
    set_.append(fresh);
  }

  // How many columns may join the set in one round, at least.
  std::size_t room() const {
    return std::max<std::size_t>(kLeastJoining, static_cast<std::size_t>(set_.size()));
  }

  // Takes up the hardest that are not equal to a column of the set: as many as double it, and more
  // while their products take about as long as a pricing. Returns how many.
  std::size_t take_hardest(const std::vector<Candidate>& hardest, bool ties) {
    const std::size_t least = room();
    const double pricing =
        4.0 * static_cast<double>(space_.n()) * static_cast<double>(space_.n_pairs_of_entries());
    double entries = static_cast<double>(set_.n_entries());
    std::vector<std::pair<Key, ColumnEntries>> fresh;
    bool full = false;
    for (std::size_t first = 0, last; first < hardest.size() && !full; first = last) {
      last = std::min(hardest.size(), first + std::clamp(least - std::min(least, fresh.size()),
                                                         kLeastBatch, kMostBatch));
      std::vector<Key> keys;
      for (std::size_t c = first; c < last; ++c) keys.push_back(hardest[c].key);
      std::vector<ColumnEntries> columns = set_.build(keys, n_threads_);
      for (std::size_t c = 0; c < keys.size(); ++c) {
        full = fresh.size() >= least && entries * entries > pricing;
        if (full) break;
        if (const Index equal = ties ? set_.equal_to(columns[c]) : -1; equal >= 0) {
          // It must not hold back a column that is penalised less.
          if (factor_of(set_.key(equal)) <= factor_of(keys[c])) {
            ++counts_.ties;
            continue;
          }
        }
        entries += static_cast<double>(columns[c].rows.size());
        counts_.built += space_.keys().is_product(keys[c]);
        fresh.emplace_back(keys[c], std::move(columns[c]));
      }
    }
    set_.append(fresh);
    return fresh.size();
  }

  const Space& space_;
  const Loss& loss_;
  const double* factor_;
  double product_factor_;
  bool positive_, fit_intercept_;
  int n_threads_;
  Pricing pricing_;
  ProductSet set_;
  Kept kept_;
  InteractionCounts counts_;
};

}  // namespace sparsecross
