// All columns and their products against a dual point.
//
// Problem: over all columns c and products of columns c, find the largest |z_cᵀθ| / ω_c and the
//          hardest of those beyond a level, where z_c is the column's or the product's vector.
// Given:   a Space; factors ω of the columns, one for all products; θ (n).
// Result:  Priced. A branch is a column with the products that belong to it. Skipped are
//          - branches asleep: |z_cᵀθ| <= |z_cᵀθ'| + ‖z_c‖ ‖θ - θ'‖, as in solve/screening.hpp, of
//            which the largest over a branch is remembered from θ', when it was last visited, and
//            the norm bounded by the owner's;
//          - branches below their bound: for x >= 0, Σ_i θ_i x_ij x_ik.. lies between the sums of
//            its negative and its positive terms with every further factor at its row's peak;
//            else it is at most the sum of the terms' sizes;
//          - where only the hardest matter, branches whose bound is below all of those found.
// Cost:    two numbers a branch; for those awake a pass over the owner's entries; for those visited
//          a walk (branch.hpp), or for most of the commonest columns one pass over the rows
//          (heavy_pairs.hpp). Memory: 3 numbers a column, a copy of θ and half a megabyte; for each
//          thread 28 bytes a column, and 60 more for triples; contents (contents.hpp).
// Sources: Nakagawa et al. 2016, "Safe pattern pruning" (skipped branches); Le Morvan & Vert 2018,
//          "WHInter" (bounds kept from visit to visit).
#pragma once

#include <cmath>

#include "interactions/branch.hpp"

namespace sparsecross {

class Pricing {
 public:
  // `factor` (p, or null) of the columns, `product_factor` > 0 of all products.
  Pricing(const Space& space, const double* factor, double product_factor, bool positive,
          int n_threads)
      : space_(space),
        what_{space, Penalty(1.0, 0.0, factor, positive), product_factor},
        n_threads_(n_threads),
        pool_(space.n_ranks(), space.order() == 3),
        heavy_(space),
        contents_(space, n_threads) {}

  // `in_set(key)`: columns that somebody else looks after.
  Priced operator()(const std::vector<double>& theta, const Ask& ask, const InSet& in_set,
                    const Poll& poll) {
    return space_.X().visit([&](const auto& columns) {
      return price(columns, space_.values_of(columns), theta, ask, in_set, poll);
    });
  }

  // Bytes of what it has learnt and of its threads' scratch.
  std::size_t bytes() const {
    return pool_.bytes() + heavy_.bytes() + contents_.bytes() + bytes_of(norm_, reach_, last_);
  }

 private:
  struct Branch {
    double bound;
    Index rank;
    std::size_t at;  // among those awake
  };
  static bool more_promising(const Branch& a, const Branch& b) {
    return a.bound != b.bound ? a.bound > b.bound : a.rank < b.rank;
  }

  template <class Columns, class Values>
  Priced price(const Columns& columns, const Values& values, const std::vector<double>& theta,
               const Ask& ask, const InSet& in_set, const Poll& poll) {
    if (norm_.empty()) measure(columns);
    const std::vector<Index> awake = rouse(theta, ask.level);
    Hardest hardest(ask.how_many, ask.distinct ? &contents_ : nullptr);
    Priced priced;
    std::vector<double> beyond(ask.l2 > 0.0 ? awake.size() : 0, 0.0);
    std::mutex guard;
    const auto report = [&](const Finding& found) {
      hardest.take(found.candidates);
      const std::lock_guard<std::mutex> lock(guard);
      priced.largest = std::max(priced.largest, found.largest);
      priced.n_visited += found.n_visited;
    };

    // The columns themselves, and what their products can be at most.
    std::vector<double> bounds(awake.size()), own(awake.size(), 0.0);
    const Index n_awake = static_cast<Index>(awake.size());
    parallel_chunks(n_awake, grain_of(n_awake), n_threads_, [&](Index begin, Index end) {
      Finding found;
      for (Index a = begin; a < end; ++a) {
        const auto at = static_cast<std::size_t>(a);
        const Index r = awake[at], j = space_.column(r);
        const OfColumn sums = sums_of(columns, j, theta);
        if (const Penalty& penalty = what_.penalty;
            !penalty.excluded(j) && !penalty.unpenalised(j)) {
          own[at] = penalty.counted(sums.z) / penalty.factor(j);
          tell(own[at], penalty.factor(j), space_.keys().of(j), ask, in_set, found,
               beyond.empty() ? nullptr : &beyond[at]);
        }
        bounds[at] =
            space_.interacts(j) ? what_.bound_of(sums.s, sums.u) / what_.product_factor : 0.0;
        remember(r, std::max(own[at], bounds[at]));
      }
      report(found);
    });

    std::vector<Branch> visits;
    visits.reserve(awake.size());
    for (std::size_t a = 0; a < awake.size(); ++a)
      if (space_.interacts(space_.column(awake[a])) && may_exceed(bounds[a], ask.level) &&
          !(ask.parents.in && ask.parents.all && !ask.parents.in[space_.column(awake[a])]))
        visits.push_back({bounds[a], awake[a], a});
    const HeavyPairs<double>* const heavy = fill_heavy(values, theta, visits);
    // The most promising first, block by block: what they find lets others be skipped.
    auto next = visits.begin();
    for (std::ptrdiff_t block = 64; next != visits.end(); block *= 2) {
      if (poll && poll()) {
        priced.interrupted = true;
        break;
      }
      hardest.prune();
      const double floor =
          ask.l2 > 0.0 ? -std::numeric_limits<double>::infinity() : hardest.floor();
      const auto stop = next + std::min(block, visits.end() - next);
      if (stop != visits.end()) std::nth_element(next, stop - 1, visits.end(), more_promising);
      if (!may_exceed(std::min_element(next, stop, more_promising)->bound, floor)) break;
      parallel_chunks(stop - next, grain_of(stop - next), n_threads_, [&](Index begin, Index end) {
        auto scratch = pool_.take();
        Finding found;
        for (auto branch = next + begin; branch != next + end; ++branch) {
          const std::size_t at = branch->at;
          Visit<Values> visit{
              what_,  values, theta.data(), heavy, ask,
              in_set, floor,  *scratch,     found, beyond.empty() ? nullptr : &beyond[at]};
          remember(branch->rank, std::max(own[at], visit.branch(columns, branch->rank)));
        }
        report(found);
        pool_.give(std::move(scratch));
      });
      next = stop;
    }
    hardest.prune();
    priced.n_equal = static_cast<Index>(hardest.n_equal());
    priced.hardest = std::move(hardest.found());
    for (const double part : beyond) priced.beyond += part;
    return priced;
  }

  // Columns differ in length by orders of magnitude: small chunks share them out evenly.
  static Index grain_of(Index n) { return std::max<Index>(1, n / 256); }

  // Of a column: Σ θ x; and with each term times what further factors can be at most, the sum and
  // the sum of sizes.
  struct OfColumn {
    double z = 0.0, s = 0.0, u = 0.0;
  };

  template <class Columns>
  OfColumn sums_of(const Columns& columns, Index j, const std::vector<double>& theta) const {
    OfColumn sums;
    const double* t = theta.data();
    if (!space_.valued()) {
      columns.each(j, [&](Index i, double) {
        sums.z += t[i];
        sums.u += std::abs(t[i]);
      });
      sums.s = sums.z;
    } else {
      columns.each(j, [&](Index i, double x) {
        const double own = t[i] * x, most = own * what_.peak(i);
        sums.z += own;
        sums.s += most;
        sums.u += std::abs(most);
      });
    }
    return sums;
  }

  // The table of pairs of the commonest columns, where most of these are to be visited; else null.
  template <class Values>
  const HeavyPairs<double>* fill_heavy(const Values& values, const std::vector<double>& theta,
                                       const std::vector<Branch>& visits) {
    if (space_.order() > 2) return nullptr;
    std::vector<Index> owners;
    for (const Branch& branch : visits)
      if (branch.rank >= heavy_.first()) owners.push_back(branch.rank);
    if (!heavy_.pays(owners)) return nullptr;
    heavy_.fill(
        n_threads_,
        [&values, t = theta.data()](Index i, Index e) {
          return t[i] * static_cast<double>(values[e]);
        },
        [&values](double& sum, double own, Index f) {
          sum += own * static_cast<double>(values[f]);
        });
    return &heavy_;
  }

  // Branches of which it is not known that they obey.
  std::vector<Index> rouse(const std::vector<double>& theta, double level) {
    const Index m = space_.n_ranks();
    if (reach_.empty()) {
      reach_.assign(static_cast<std::size_t>(m), std::numeric_limits<double>::infinity());
    } else {
      way_ += std::sqrt(ordered_sum(space_.n(), [t = theta.data(), u = last_.data()](Index i) {
        return (t[i] - u[i]) * (t[i] - u[i]);
      }));
    }
    last_ = theta;
    std::vector<Index> awake;
    for (Index r = 0; r < m; ++r) {
      const auto at = static_cast<std::size_t>(r);
      if (!(reach_[at] + way_ * norm_[at] <= level)) awake.push_back(r);
    }
    return awake;
  }

  void remember(Index r, double reach) {
    const auto at = static_cast<std::size_t>(r);
    reach_[at] = reach - way_ * norm_[at];
  }

  // In the units of ratios: the largest norm of a column or product of each branch.
  template <class Columns>
  void measure(const Columns& columns) {
    const Index m = space_.n_ranks();
    norm_.resize(static_cast<std::size_t>(m));
    parallel_chunks(m, grain_of(m), n_threads_, [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const Index j = space_.column(r);
        double own = 0.0, products = 0.0;
        if (space_.valued()) {
          columns.each(j, [&](Index i, double x) {
            own += x * x;
            products += x * what_.peak(i) * (x * what_.peak(i));
          });
        } else {
          own = products = static_cast<double>(columns.size(j));
        }
        double norm = std::sqrt(products) / what_.product_factor;
        if (!what_.penalty.excluded(j) && !what_.penalty.unpenalised(j))
          norm = std::max(norm, std::sqrt(own) / what_.penalty.factor(j));
        norm_[static_cast<std::size_t>(r)] = norm;
      }
    });
  }

  const Space& space_;
  Priceable what_;
  int n_threads_;
  detail::ScratchPool pool_;
  HeavyPairs<double> heavy_;
  Contents contents_;
  std::vector<double> norm_, reach_;  // by rank
  std::vector<double> last_;          // the last θ (n)
  double way_ = 0.0;                  // the length of the way so far
};

}  // namespace sparsecross
