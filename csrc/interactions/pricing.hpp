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
//          an addition for each entry that shares a row with the owner and has a greater rank,
//          into an accumulator by rank. Memory: 3 numbers a column and a copy of θ; for each thread
//          28 bytes a column, and 60 more for triples.
// Sources: Gustavson 1978 (one accumulator); Nakagawa et al. 2016, "Safe pattern pruning" (skipped
//          branches); Le Morvan & Vert 2018, "WHInter" (bounds kept from visit to visit).
#pragma once

#include <cmath>

#include "interactions/ask.hpp"
#include "interactions/entries.hpp"
#include "interactions/scratch.hpp"
#include "interactions/space.hpp"
#include "model/penalties.hpp"

namespace sparsecross {

class Pricing {
  // Entries for each rank beyond, from which on accumulators need no marks.
  static constexpr double kCrowded = 4.0;

 public:
  // `factor` (p, or null) of the columns, `product_factor` > 0 of all products.
  Pricing(const Space& space, const double* factor, double product_factor, bool positive,
          int n_threads)
      : space_(space),
        penalty_(1.0, 0.0, factor, positive),
        product_factor_(product_factor),
        n_threads_(n_threads),
        pool_(space.n_ranks(), space.order() == 3) {}

  // `in_set(key)`: columns that somebody else looks after.
  Priced operator()(const std::vector<double>& theta, const Ask& ask, const InSet& in_set,
                    const Poll& poll) {
    return space_.X().visit([&](const auto& columns) {
      return price(columns, space_.values_of(columns), theta, ask, in_set, poll);
    });
  }

 private:
  struct Branch {
    double bound;
    Index rank;
  };

  // What one chunk of branches finds.
  struct Finding {
    std::vector<Candidate> candidates;
    double largest = 0.0;
    Index n_visited = 0;
  };

  template <class Columns, class Values>
  Priced price(const Columns& columns, const Values& values, const std::vector<double>& theta,
               const Ask& ask, const InSet& in_set, const Poll& poll) {
    if (norm_.empty()) measure(columns);
    const std::vector<Index> awake = rouse(theta, ask.level);
    Content content;
    if (ask.distinct)
      content = [&](Key key) {
        std::uint64_t sum = 0;
        walk_(columns, space_.keys().factors(key), [&](Index i, double x) {
          if (x != 0.0) sum += detail::mixed(i, x);
        });
        return sum;
      };
    Hardest hardest(ask.how_many, content);
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
        if (!penalty_.excluded(j) && !penalty_.unpenalised(j)) {
          own[at] = penalty_.counted(sums.z) / penalty_.factor(j);
          tell(own[at], penalty_.factor(j), space_.keys().of(j), ask, in_set, found,
               beyond.empty() ? nullptr : &beyond[at]);
        }
        bounds[at] = space_.interacts(j) ? bound_of(sums.s, sums.u) / product_factor_ : 0.0;
        remember(r, std::max(own[at], bounds[at]));
      }
      report(found);
    });

    std::vector<std::pair<Branch, std::size_t>> visits;
    for (std::size_t a = 0; a < awake.size(); ++a)
      if (space_.interacts(space_.column(awake[a])) && may_exceed(bounds[a], ask.level) &&
          !(ask.parents.in && ask.parents.all && !ask.parents.in[space_.column(awake[a])]))
        visits.push_back({{bounds[a], awake[a]}, a});
    // The most promising first: then what they find lets others be skipped.
    std::sort(visits.begin(), visits.end(), [](const auto& a, const auto& b) {
      return a.first.bound != b.first.bound ? a.first.bound > b.first.bound
                                            : a.first.rank < b.first.rank;
    });
    Index block = 64;
    for (Index done = 0; done < static_cast<Index>(visits.size());) {
      if (poll && poll()) {
        priced.interrupted = true;
        break;
      }
      hardest.prune();
      const double floor =
          ask.l2 > 0.0 ? -std::numeric_limits<double>::infinity() : hardest.floor();
      if (!may_exceed(visits[static_cast<std::size_t>(done)].first.bound, floor)) break;
      const Index stop = std::min(done + block, static_cast<Index>(visits.size()));
      parallel_chunks(stop - done, grain_of(stop - done), n_threads_, [&](Index begin, Index end) {
        auto scratch = pool_.take();
        Finding found;
        for (Index v = done + begin; v < done + end; ++v) {
          const auto& [branch, at] = visits[static_cast<std::size_t>(v)];
          Visit<Values> visit{*this,    values, theta.data(),
                              ask,      in_set, floor,
                              *scratch, found,  beyond.empty() ? nullptr : &beyond[at]};
          remember(branch.rank, std::max(own[at], visit.branch(columns, branch.rank)));
        }
        report(found);
        pool_.give(std::move(scratch));
      });
      done = stop;
      block *= 2;
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
        const double own = t[i] * x, most = own * peak(i);
        sums.z += own;
        sums.s += most;
        sums.u += std::abs(most);
      });
    }
    return sums;
  }

  // What the further factors of a product can be at most in row i.
  double peak(Index i) const {
    const double one = space_.row_peak()[i];
    return space_.order() == 3 ? std::max(one, one * one) : one;
  }

  // The largest |Σ| of terms of which each may be shrunk, or, where values may be negative, turned.
  double bound_of(double s, double u) const {
    if (!space_.nonnegative()) return u;
    return 0.5 * (u + penalty_.counted(s) - (penalty_.positive() && s < 0.0 ? -s : 0.0));
  }

  // Whether a bound, which rounding may have made too small, may be beyond a value.
  static bool may_exceed(double bound, double value) {
    return !(bound * (1.0 + 1e-10) <= value) || bound != bound;
  }

  // Tells of a column or product.
  void tell(double ratio, double factor, Key key, const Ask& ask, const InSet& in_set,
            Finding& found, double* beyond) const {
    if (ratio <= ask.level || in_set(key)) return;
    found.largest = std::max(found.largest, ratio);
    if (!(ratio > ask.strength)) return;
    if (beyond) {
      const double excess = ratio - ask.strength;
      *beyond += factor * excess * excess / (2.0 * ask.l2);
    }
    found.candidates.push_back({ratio, key});
  }

  // The walk through one branch.
  template <class Values>
  struct Visit {
    const Pricing& pricing;
    const Values& values;
    const double* theta;
    const Ask& ask;
    const InSet& in_set;
    double floor;
    detail::Scratch& scratch;
    Finding& found;
    double* beyond;

    // The largest ratio, or bound of one, in the branch.
    template <class Columns>
    double branch(const Columns& columns, Index r) {
      const Space& space = pricing.space_;
      const Index j = space.column(r);
      const auto own_entries = [&](const auto& f) {
        columns.each(j, [&](Index i, double x) {
          if (x != 0.0) f(i, x);
        });
      };
      double reach = 0.0;
      if (space.has_square(r)) {
        const double z = columns.sum(j, [t = theta](Index i, double x) { return t[i] * x * x; });
        reach = consider(z, {{j, j, -1}});
      }
      const Index n_entries = columns.size(j);
      if (space.order() == 2)
        return std::max(reach, leaf(scratch.pairs, r, n_entries, own_entries,
                                    [&](Index k) { return Factors{{j, k, -1}}; }));
      return std::max(reach, pairs_and_triples(r, n_entries, own_entries));
    }

   private:
    // Entries of row i beyond rank r, from the last one on.
    template <class F>
    void beyond_rank(Index i, Index r, const F& f) const {
      const Space& space = pricing.space_;
      const std::int32_t* ranks = space.ranks();
      const Index top = space.begin()[i];
      for (Index at = space.begin()[i + 1]; at-- > top && ranks[at] > r;)
        f(static_cast<std::size_t>(ranks[at]), static_cast<double>(values[at]));
    }

    // The ratio of a product, which is told of where it is beyond the level.
    double consider(double z, Factors f) {
      ++found.n_visited;
      const double ratio = pricing.penalty_.counted(z) / pricing.product_factor_;
      if (ratio > ask.level) offer(ratio, f);
      return ratio;
    }

    void offer(double ratio, Factors f) {
      const int order = f.order();
      std::sort(f.column.begin(), f.column.begin() + order);
      const Space& space = pricing.space_;
      const bool square = order == 2 && f.column[0] == f.column[1];
      const bool exists =
          square || (order == 2 ? space.allows(f.column[0], f.column[1])
                                : space.allows(f.column[0], f.column[1], f.column[2]));
      if (!exists || !ask.parents.allow(f)) return;
      if (ratio < floor) {  // beyond the level, and below the hardest
        found.largest = std::max(found.largest, ratio);
        return;
      }
      pricing.tell(ratio, pricing.product_factor_, space.keys().of(f), ask, in_set, found, beyond);
    }

    // All products of the `n_entries` entries with one more column beyond rank r.
    template <class Entries, class Product>
    double leaf(detail::Sums& sums, Index r, Index n_entries, const Entries& entries,
                const Product& product) {
      const Space& space = pricing.space_;
      const Index width = space.n_ranks() - r - 1;
      if (static_cast<double>(n_entries) * space.mean_row() >
          kCrowded * static_cast<double>(width)) {
        // Most ranks are met: cheaper without asking which are.
        double* const sum = sums.plain.data();
        std::fill(sum + r + 1, sum + space.n_ranks(), 0.0);
        entries([&](Index i, double x) {
          const double t = theta[i] * x;
          beyond_rank(i, r, [&](std::size_t k, double v) { sum[k] += t * v; });
        });
        return judge(
            width, [&](Index q) { return r + 1 + q; },
            [&](Index k) { return sum[static_cast<std::size_t>(k)]; }, product);
      }
      const std::uint32_t epoch = scratch.next_epoch();
      std::size_t n_touched = 0;
      detail::Cell* const cell = sums.cells.data();
      std::int32_t* const list = sums.touched.data();
      entries([&](Index i, double x) {
        const double t = theta[i] * x;
        beyond_rank(i, r, [&](std::size_t k, double v) {
          detail::Cell& c = cell[k];
          const bool fresh = c.epoch != epoch;
          list[n_touched] = static_cast<std::int32_t>(k);  // there is room for one more
          n_touched += fresh;
          c.sum = fresh ? t * v : c.sum + t * v;
          c.epoch = epoch;
        });
      });
      return judge(
          static_cast<Index>(n_touched), [&](Index q) { return static_cast<Index>(list[q]); },
          [&](Index k) { return cell[k].sum; }, product);
    }

    // The largest ratio of products of ranks rank(0) .. rank(n - 1), of which those that matter are
    // told of.
    template <class Rank, class Sum, class Product>
    double judge(Index n, const Rank& rank, const Sum& sum, const Product& product) {
      found.n_visited += n;
      // Where all products exist and may enter, only candidates need be looked at one by one.
      const Space& space = pricing.space_;
      const bool plain = !space.has_fields() && !ask.parents.in;
      const double factor = pricing.product_factor_;
      // A little below the floor: it divides by the factor, and of its equals a smaller key counts.
      const double cut =
          factor * (plain ? std::max(ask.strength, floor * (1.0 - 1e-14)) : ask.level);
      double reach = 0.0, below = 0.0;
      for (Index q = 0; q < n; ++q) {
        const Index k = rank(q);
        const double size = pricing.penalty_.counted(sum(k));
        if (size > cut) {
          reach = std::max(reach, size);
          offer(size / factor, product(space.column(k)));
        } else {
          below = std::max(below, size);
        }
      }
      reach = std::max(reach, below) / factor;
      if (plain && below > ask.level * factor)
        found.largest = std::max(found.largest, below / factor);
      return reach;
    }

    // The products of a column with one more, and of those with a third that are not skipped.
    template <class Entries>
    double pairs_and_triples(Index r, Index n_own, const Entries& entries) {
      const Space& space = pricing.space_;
      const Index j = space.column(r);
      double reach = 0.0;
      if (space.has_pairs())
        reach =
            leaf(scratch.pairs, r, n_own, entries, [&](Index k) { return Factors{{j, k, -1}}; });

      const std::uint32_t epoch = scratch.next_epoch();
      std::size_t n_touched = 0;
      entries([&](Index i, double x) {
        const double own = theta[i] * x;
        const double most = space.valued() ? own * space.row_peak()[i] : own;
        beyond_rank(i, r, [&](std::size_t k, double v) {
          detail::Opened& o = scratch.opened[k];
          if (scratch.pairs.cells[k].epoch != epoch) {
            scratch.pairs.cells[k].epoch = epoch;
            scratch.pairs.touched[n_touched++] = static_cast<std::int32_t>(k);
            o = {0.0, 0.0, 0, 0};
          }
          o.sum += most * v;
          o.size += std::abs(most * v);
          ++o.count;
        });
      });
      Index n_entries = 0;
      std::size_t n_open = 0;  // the first so many of `touched` are opened
      for (std::size_t q = 0; q < n_touched; ++q) {
        const std::int32_t k = scratch.pairs.touched[q];
        detail::Opened& o = scratch.opened[static_cast<std::size_t>(k)];
        const Index column = space.column(k);
        const double bound = pricing.bound_of(o.sum, o.size) / pricing.product_factor_;
        const bool may = space.extends(j, column) &&
                         may_exceed(bound, std::max(ask.level, floor)) &&
                         !(ask.parents.in && ask.parents.all && !ask.parents.in[column]);
        if (!may) {
          if (space.extends(j, column)) reach = std::max(reach, bound);
          scratch.pairs.cells[static_cast<std::size_t>(k)].epoch = 0;
          continue;
        }
        o.next = n_entries;
        n_entries += o.count;
        scratch.pairs.touched[n_open++] = k;
      }
      if (n_open == 0) return reach;
      auto& list = scratch.entries;
      list.resize(static_cast<std::size_t>(n_entries));
      entries([&](Index i, double x) {
        beyond_rank(i, r, [&](std::size_t k, double v) {
          if (scratch.pairs.cells[k].epoch == epoch)
            list[static_cast<std::size_t>(scratch.opened[k].next++)] = {
                static_cast<std::int32_t>(i), x * v};
        });
      });
      for (std::size_t q = 0; q < n_open; ++q) {
        const std::int32_t k = scratch.pairs.touched[q];
        const detail::Opened& o = scratch.opened[static_cast<std::size_t>(k)];
        const Index column = space.column(k);
        const auto of_pair = [&](const auto& f) {
          for (Index at = o.next - o.count; at < o.next; ++at) {
            const auto& [i, x] = list[static_cast<std::size_t>(at)];
            f(static_cast<Index>(i), x);
          }
        };
        reach = std::max(reach, leaf(scratch.leaves, k, o.count, of_pair,
                                     [&](Index l) { return Factors{{j, column, l}}; }));
      }
      return reach;
    }
  };

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
            products += x * peak(i) * (x * peak(i));
          });
        } else {
          own = products = static_cast<double>(columns.size(j));
        }
        double norm = std::sqrt(products) / product_factor_;
        if (!penalty_.excluded(j) && !penalty_.unpenalised(j))
          norm = std::max(norm, std::sqrt(own) / penalty_.factor(j));
        norm_[static_cast<std::size_t>(r)] = norm;
      }
    });
  }

  const Space& space_;
  Penalty penalty_;  // of the columns, at strength 1
  double product_factor_;
  int n_threads_;
  detail::ScratchPool pool_;
  ProductWalk walk_;
  std::vector<double> norm_, reach_;  // by rank
  std::vector<double> last_;          // the last θ (n)
  double way_ = 0.0;                  // the length of the way so far
};

}  // namespace sparsecross
