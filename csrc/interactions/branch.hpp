// A look at the products of one column.
//
// Problem: for the column of a rank, all its products with columns of greater ranks, and of three
//          that may matter: tell of those that are beyond what is asked, and how large they all are
//          at most.
// Given:   what is priced (Priceable), and what is asked (Ask).
// Cost:    an addition for each entry that shares a row with the column and has a greater rank,
//          into an accumulator by rank; none where a table has the sums already (heavy_pairs.hpp).
// Source:  Gustavson 1978 (one accumulator).
#pragma once

#include "interactions/ask.hpp"
#include "interactions/heavy_pairs.hpp"
#include "interactions/scratch.hpp"
#include "model/penalties.hpp"

namespace sparsecross {

// The columns and products, and what each costs a model.
struct Priceable {
  const Space& space;
  Penalty penalty;        // of the columns, at strength 1
  double product_factor;  // of all products

  // What the further factors of a product can be at most in row i.
  double peak(Index i) const {
    const double one = space.row_peak()[i];
    return space.order() == 3 ? std::max(one, one * one) : one;
  }

  // The largest |Σ| of terms of sum s and of sizes u, of which each may be shrunk, or, where values
  // may be negative, turned.
  double bound_of(double s, double u) const {
    if (!space.nonnegative()) return u;
    return 0.5 * (u + penalty.counted(s) - (penalty.positive() && s < 0.0 ? -s : 0.0));
  }
};

// Whether a bound, which rounding may have made too small, may be beyond a value.
inline bool may_exceed(double bound, double value) {
  return !(bound * (1.0 + 1e-10) <= value) || bound != bound;
}

// What one chunk of branches finds.
struct Finding {
  std::vector<Candidate> candidates;
  double largest = 0.0;
  Index n_visited = 0;
};

// Tells of a column or product; `beyond` where those beyond the strength are summed up.
inline void tell(double ratio, double factor, Key key, const Ask& ask, const InSet& in_set,
                 Finding& found, double* beyond) {
  if (ratio <= ask.level || in_set(key)) return;
  found.largest = std::max(found.largest, ratio);
  if (!(ratio > ask.strength)) return;
  if (beyond) {
    const double excess = ratio - ask.strength;
    *beyond += factor * excess * excess / (2.0 * ask.l2);
  }
  found.candidates.push_back({ratio, key});
}

// The walk through one branch: a column with the products that belong to it.
template <class Values>
struct Visit {
  const Priceable& what;
  const Values& values;
  const double* theta;
  const HeavyPairs<double>* heavy;  // null where no table was filled
  const Ask& ask;
  const InSet& in_set;
  double floor;
  detail::Scratch& scratch;
  Finding& found;
  double* beyond;

  // The largest ratio, or bound of one, in the branch.
  template <class Columns>
  double branch(const Columns& columns, Index r) {
    const Space& space = what.space;
    const Index j = space.column(r);
    const auto own_entries = [&](const auto& f) { space.each_entry(columns, j, f); };
    double reach = 0.0;
    if (space.has_square(r)) {
      const double z = columns.sum(j, [t = theta](Index i, double x) { return t[i] * x * x; });
      reach = consider(z, {{j, j, -1}});
    }
    const auto pair = [j](Index k) { return Factors{{j, k, -1}}; };
    if (heavy && r >= heavy->first())
      return std::max(reach, judge(
                                 space.n_ranks() - r - 1, [&](Index q) { return r + 1 + q; },
                                 [&](Index k) { return heavy->of(r, k); }, pair));
    const Index n_entries = columns.size(j);
    if (space.order() == 2)
      return std::max(reach, leaf(scratch.pairs, r, n_entries, own_entries, pair));
    return std::max(reach, pairs_and_triples(r, n_entries, own_entries));
  }

 private:
  // Entries of row i beyond rank r, from the last one on.
  template <class F>
  void beyond_rank(Index i, Index r, const F& f) const {
    const Space& space = what.space;
    const std::int32_t* ranks = space.ranks();
    const Index top = space.begin()[i];
    for (Index at = space.begin()[i + 1]; at-- > top && ranks[at] > r;)
      f(static_cast<std::size_t>(ranks[at]), static_cast<double>(values[at]));
  }

  // The ratio of a product, which is told of where it is beyond the level.
  double consider(double z, Factors f) {
    ++found.n_visited;
    const double ratio = what.penalty.counted(z) / what.product_factor;
    if (ratio > ask.level) offer(ratio, f);
    return ratio;
  }

  void offer(double ratio, Factors f) {
    const int order = f.order();
    std::sort(f.column.begin(), f.column.begin() + order);
    const Space& space = what.space;
    const bool square = order == 2 && f.column[0] == f.column[1];
    const bool exists =
        square || (order == 2 ? space.allows(f.column[0], f.column[1])
                              : space.allows(f.column[0], f.column[1], f.column[2]));
    if (!exists || !ask.parents.allow(f)) return;
    if (ratio < floor) {  // beyond the level, and below the hardest
      found.largest = std::max(found.largest, ratio);
      return;
    }
    tell(ratio, what.product_factor, space.keys().of(f), ask, in_set, found, beyond);
  }

  // Entries for each rank beyond, from which on accumulators need no marks.
  static constexpr double kCrowded = 4.0;

  // All products of the `n_entries` entries with one more column beyond rank r. A function of its
  // own, whose loops have the registers to themselves.
  template <class Entries, class Product>
  [[gnu::noinline]] double leaf(detail::Sums& sums, Index r, Index n_entries,
                                const Entries& entries, const Product& product) {
    const Space& space = what.space;
    const Index width = space.n_ranks() - r - 1;
    if (static_cast<double>(n_entries) * space.mean_row() > kCrowded * static_cast<double>(width)) {
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
    const Space& space = what.space;
    const bool plain = !space.has_fields() && !ask.parents.in;
    const double factor = what.product_factor;
    // A little below the floor: it divides by the factor, and of its equals a smaller key counts.
    const double cut = factor * (plain ? std::max(ask.strength, floor * (1.0 - 1e-14)) : ask.level);
    double reach = 0.0, below = 0.0;
    for (Index q = 0; q < n; ++q) {
      const Index k = rank(q);
      const double size = what.penalty.counted(sum(k));
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
    const Space& space = what.space;
    const Index j = space.column(r);
    double reach = 0.0;
    if (space.has_pairs())
      reach = leaf(scratch.pairs, r, n_own, entries, [&](Index k) { return Factors{{j, k, -1}}; });

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
      const double bound = what.bound_of(o.sum, o.size) / what.product_factor;
      const bool may = space.extends(j, column) && may_exceed(bound, std::max(ask.level, floor)) &&
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
          list[static_cast<std::size_t>(scratch.opened[k].next++)] = {static_cast<std::int32_t>(i),
                                                                      x * v};
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

}  // namespace sparsecross
