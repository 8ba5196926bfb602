// Pairs of the commonest columns, row by row.
//
// Problem: for each two of the columns of the greatest ranks, a number that every row in which both
//          have an entry adds to.
// Given:   a Space.
// Result:  a square table, in which a pair stands by its owner, of the smaller rank, and its
//          partner. Its terms come in the order of rows, as in a walk along the owner: the same
//          bits, by any number of threads.
// Cost:    an addition for each two such entries of a row, into a table that stays in the cache,
//          and a few more for each row. A walk along owners takes about kEntry more for each entry
//          of an owner, whose row is looked up and has an end that nobody can foretell. Memory:
//          kMost² elements.
// Source:  Gustavson 1978, with the rows as the outer loop.
#pragma once

#include <numeric>

#include "interactions/space.hpp"

namespace sparsecross {

template <class Number>
class HeavyPairs {
 public:
  // So many columns have a table of doubles of half a megabyte.
  static constexpr Index kMost = 256;

  explicit HeavyPairs(const Space& space)
      : space_(space), first_(std::max<Index>(0, space.n_ranks() - kMost)) {
    // Pairs that each owns, were entries spread evenly over the rows.
    pairs_.resize(static_cast<std::size_t>(space.n_ranks() - first_));
    double later = 0.0;
    for (Index r = space.n_ranks(); r-- > first_;) {
      const auto size = static_cast<double>(space.size(r));
      pairs_[static_cast<std::size_t>(r - first_)] =
          size * later / static_cast<double>(std::max<Index>(space.n(), 1));
      later += size;
    }
  }

  // The least rank in the table.
  Index first() const { return first_; }

  std::size_t bytes() const { return bytes_of(pairs_, table_); }

  // Whether to fill it takes less time than walks along these owners.
  bool pays(const std::vector<Index>& owners) const {
    double walks = 0.0, filling = kEntry * static_cast<double>(space_.n());
    for (const Index r : owners) walks += kEntry * static_cast<double>(space_.size(r)) + pairs(r);
    for (Index r = first_; r < space_.n_ranks(); ++r)
      filling += static_cast<double>(space_.size(r)) + pairs(r);
    return filling < walks;
  }

  // Fills it anew: add(element, own(i, e), f) for entries e < f of row i.
  template <class Own, class Add>
  void fill(int n_threads, const Own& own, const Add& add) {
    table_.assign(static_cast<std::size_t>(kMost * kMost), Number{});
    const std::vector<Index> border = shares(effective_threads(n_threads));
    parallel_chunks(static_cast<Index>(border.size()) - 1, 1, n_threads, [&](Index share, Index) {
      fill_between(border[static_cast<std::size_t>(share)],
                   border[static_cast<std::size_t>(share) + 1], own, add);
    });
  }
  // Of the last filling.
  Number of(Index owner, Index partner) const { return table_[place(owner, partner)]; }

 private:
  static constexpr double kEntry = 10.0;  // additions

  std::size_t place(Index owner, Index partner) const {
    return static_cast<std::size_t>((owner - first_) * kMost + (partner - first_));
  }
  double pairs(Index owner) const { return pairs_[static_cast<std::size_t>(owner - first_)]; }

  // Cuts the owners into at most so many ranges, with about as many pairs in each.
  std::vector<Index> shares(Index n_shares) const {
    const double all = std::accumulate(pairs_.begin(), pairs_.end(), 0.0);
    std::vector<Index> border{first_};
    double until = 0.0;
    for (Index r = first_; r < space_.n_ranks(); ++r) {
      until += pairs(r);
      const auto n_cut = static_cast<Index>(border.size());
      if (n_cut < n_shares &&
          until * static_cast<double>(n_shares) >= all * static_cast<double>(n_cut))
        border.push_back(r + 1);
    }
    border.push_back(space_.n_ranks());
    return border;
  }

  template <class Own, class Add>
  void fill_between(Index low, Index high, const Own& own, const Add& add) {
    const Index* begin = space_.begin();
    const std::int32_t* ranks = space_.ranks();
    Number* const table = table_.data();
    for (Index i = 0; i < space_.n(); ++i) {
      const Index end = begin[i + 1];
      Index e = end;
      while (e > begin[i] && ranks[e - 1] >= high) --e;
      while (e-- > begin[i] && ranks[e] >= low) {
        const std::size_t row = place(ranks[e], 0);  // may wrap around, and back again
        const auto mine = own(i, e);
        for (Index f = e + 1; f < end; ++f)
          add(table[row + static_cast<std::size_t>(ranks[f])], mine, f);
      }
    }
  }

  const Space& space_;
  Index first_;
  std::vector<double> pairs_;  // by rank
  std::vector<Number> table_;
};

}  // namespace sparsecross
