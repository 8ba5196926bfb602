// The outer loop: solve on few blocks, look at all, add those that pull hardest.
//
// Problem: one whose weights come in blocks, single columns (working_set.hpp) or groups
//          (group_working_set.hpp), to a relative duality gap of `tol`.
// Given:   the blocks, at a point; a working set that holds all that are not 0 or unpenalised; how
//          the search for a start has ended.
// Result:  the Solution's gap, proved over all blocks, with its history; the point moved.
// Method:  a round looks at all blocks, takes violators into the set and solves on it, to a tenth
//          of the gap. For squared loss a set that is crowded (it has many columns for its rows) is
//          solved at a stronger penalty as long as violators are left out, and the strength falls
//          from round to round.
// Cost:    a round is one pass over the blocks that are not known to obey, and what solving on the
//          set takes.
// Sources: Massias, Gramfort & Salmon 2018, "Celer" (working sets with dual certificates);
//          Bertrand et al. 2022, "Beyond L1: skglm" (growth by the support's size);
//          Johnson & Guestrin 2015, "Blitz".
//
// Blocks offer
//   point(), X(), bytes held: footprint();
//   primal(set): the objective;
//   look(set, stands): a bound by a dual point near the residual, the last one if it `stands`, and
//     with it sight() and dual_point(scale);
//   n_active(set), n_columns(set), rests(block): whether it is 0 and penalised;
//   take_hardest(room, set): adds violators, sorted by pull as far as they are taken, and tells the
//     strength of the penalty, as a multiple, that those left out obey;
//   strengthens(): whether a stronger penalty may come first, strength_of(violator): where it would
//     not be one;
//   solve(strength, set, gap, target, max_iter, n_iter): moves the point on the set, whose gap is
//     at most `gap`, until it is at most `target`; the penalty is so many times as strong.
#pragma once

#include <chrono>
#include <tuple>

#include "solve/progress.hpp"
#include "solve/screening.hpp"
#include "solve/solution.hpp"

namespace sparsecross {

namespace detail {

using Clock = std::chrono::steady_clock;

// Data of up to so many entries are solved to many more digits than asked for.
constexpr Index kSmall = 20000;
constexpr double kSpareDigits = 1e-10;
// Working sets of more columns for each row than this are crowded: they fit nearly anything. Their
// strengths fall by a part each round, fast where the support has few columns for each row.
constexpr double kCrowded = 0.25, kFew = 0.05;
constexpr double kFall = 0.4, kFastFall = 0.1;
constexpr double kNear = 1.1;  // up to here it is that of the problem
constexpr double kStrongest = 1e4;

// The order in which violators are taken.
inline bool harder(const Violator& a, const Violator& b) {
  return std::tie(a.pull, a.block) > std::tie(b.pull, b.block);
}

template <class Blocks, class OnLook>
void run_rounds(Blocks& blocks, const Options& options, std::vector<Index> working_set, Inner inner,
                Clock::time_point started, const Poll& poll, const OnLook& on_round,
                Solution& solution) {
  const double target = options.tol * solution.scale;
  const auto n = static_cast<double>(blocks.X().n_rows());
  const auto columns_of_set = [&] { return static_cast<double>(blocks.n_columns(working_set)); };
  Index n_chosen = 0;     // blocks in the last working set
  double strength = 0.0;  // of the penalty in the last round, as a multiple
  Progress progress;
  for (bool stands = options.resume;; stands = false) {
    // What is proved so far, over all blocks.
    const double primal = blocks.primal(working_set);
    const DualBound bound = blocks.look(working_set, stands);
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point = blocks.dual_point(bound.scale);
    }
    solution.primal = primal;
    solution.history.push_back({solution.n_iter, n_chosen, blocks.n_active(working_set), primal,
                                solution.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()});
    solution.peak.raise(blocks.footprint() +
                        Footprint{bytes_of(solution.dual_point), bytes_of(working_set)});
    if (on_round) on_round(solution.history.back(), blocks.point());
    const double gap = solution.gap();
    const bool stuck = progress.look(primal, gap) >= 2;
    if (inner == Inner::interrupted || (poll && poll())) {
      solution.status = Status::interrupted;
    } else if (gap <= target) {
      solution.status = Status::converged;
    } else if (solution.n_iter >= options.max_iter) {
      solution.status = Status::max_iter;
    } else if (stuck || (inner == Inner::stalled && blocks.sight().violators.empty())) {
      solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                            ? Status::precision_limit
                            : Status::not_certified;
    }
    if (solution.status != Status::not_run) return;

    // The support, the unpenalised blocks, and the violators that pull hardest.
    working_set.erase(std::remove_if(working_set.begin(), working_set.end(),
                                     [&](Index block) { return blocks.rests(block); }),
                      working_set.end());
    const bool few = columns_of_set() < kFew * n;
    const double obeyed = blocks.take_hardest(options.room, working_set);
    std::sort(working_set.begin(), working_set.end());
    n_chosen = static_cast<Index>(working_set.size());

    // Where a crowded set leaves violators out, its solution would have next to nothing in common
    // with that of all blocks. At the strength that those obey it has.
    if (blocks.strengthens()) {
      if (strength == 0.0)
        for (const Violator& violator : blocks.sight().violators)
          strength = std::clamp(blocks.strength_of(violator), strength, kStrongest);
      strength = std::min(obeyed, strength * (few ? kFastFall : kFall));
      if (strength > kNear && std::isfinite(gap) && columns_of_set() > kCrowded * n) {
        inner = blocks.solve(strength, working_set, std::numeric_limits<double>::infinity(),
                             0.1 * gap, options.max_iter, solution.n_iter);
        progress = Progress();  // what was reached at another strength
        if (inner == Inner::stalled) inner = Inner::reached;
        continue;
      }
    }

    // Without a bound yet there is no gap to take a part of.
    const double wanted = std::isfinite(gap) ? std::max(0.3 * target, 0.1 * gap) : 0.3 * target;
    const bool spare = options.spare_digits && blocks.X().n_stored() <= kSmall;
    inner = blocks.solve(1.0, working_set, gap, wanted * (spare ? kSpareDigits : 1.0),
                         options.max_iter, solution.n_iter);
  }
}

}  // namespace detail

}  // namespace sparsecross
