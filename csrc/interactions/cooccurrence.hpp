// How many products have an entry at all.
//
// Problem: count the products of a Space whose columns are 1 or more times in one row together.
// Result:  the count; -1 where it would take more than kMostVisits visits (triples of long rows).
// Cost:    for pairs a visit for each two entries of a row, for triples for each three; of pairs of
//          the commonest columns a table is kept (heavy_pairs.hpp).
#pragma once

#include <atomic>

#include "interactions/heavy_pairs.hpp"

namespace sparsecross {

constexpr double kMostVisits = 4e9;

namespace detail {

// Marks of what was seen, without clearing: a number per round.
class Marks {
 public:
  explicit Marks(Index n) : round_of_(static_cast<std::size_t>(n), 0) {}
  void next_round() {
    if (++round_ == 0) {
      std::fill(round_of_.begin(), round_of_.end(), 0);
      round_ = 1;
    }
  }
  // Whether it was not seen in this round before.
  bool fresh(std::int32_t k) {
    auto& mark = round_of_[static_cast<std::size_t>(k)];
    const bool is_fresh = mark != round_;
    mark = round_;
    return is_fresh;
  }

 private:
  std::vector<std::uint32_t> round_of_;
  std::uint32_t round_ = 0;
};

// Adds the products of two that common columns own, where that is all they may own. Returns the
// first of their ranks, or one beyond the last rank.
inline Index count_heavy_pairs(const Space& space, int n_threads, std::atomic<Index>& total) {
  HeavyPairs<std::uint8_t> pairs(space);
  std::vector<Index> owners(static_cast<std::size_t>(space.n_ranks() - pairs.first()));
  std::iota(owners.begin(), owners.end(), pairs.first());
  if (space.order() > 2 || !pairs.pays(owners)) return space.n_ranks();
  pairs.fill(
      n_threads, [](Index, Index) { return std::uint8_t{1}; },
      [](std::uint8_t& seen, std::uint8_t one, Index) { seen = one; });
  Index count = 0;
  for (const Index r : owners) {
    count += space.has_square(r);
    for (Index k = r + 1; k < space.n_ranks(); ++k)
      count += pairs.of(r, k) && space.allows(space.column(r), space.column(k));
  }
  total += count;
  return pairs.first();
}

}  // namespace detail

inline Index count_cooccurring(const Space& space, int n_threads) {
  const Index* begin = space.begin();
  const std::int32_t* ranks = space.ranks();
  double visits = 0.0;
  for (Index i = 0; i < space.n(); ++i) {
    const auto length = static_cast<double>(begin[i + 1] - begin[i]);
    visits += space.order() == 2 ? length * length / 2 : length * length * length / 6;
  }
  if (visits > kMostVisits) return -1;
  std::atomic<Index> total{0};
  const Index first_heavy = detail::count_heavy_pairs(space, n_threads, total);
  space.X().visit([&](const auto& columns) {
    // The longest columns, which take longest, have the last ranks: they come first.
    const Index grain = std::max<Index>(1, first_heavy / 256), n_ranks = space.n_ranks();
    parallel_chunks(first_heavy, grain, n_threads, [&](Index begin_rank, Index end_rank) {
      const Index first = first_heavy - end_rank, last = first_heavy - begin_rank;
      detail::Marks pairs(n_ranks), triples(space.order() == 3 ? n_ranks : 0);
      std::vector<std::int32_t> partners(static_cast<std::size_t>(n_ranks) + 1);
      Index count = 0;
      for (Index r = first; r < last; ++r) {
        const Index j = space.column(r);
        if (!space.interacts(j)) continue;
        pairs.next_round();
        std::int32_t* next = partners.data();  // nobody could foretell which are new
        space.each_entry(columns, j, [&](Index i, double) {
          for (Index at = begin[i + 1]; at-- > begin[i] && ranks[at] > r;) {
            *next = ranks[at];
            next += pairs.fresh(ranks[at]);
          }
        });
        const auto allowed = [&](std::int32_t k) { return space.allows(j, space.column(k)); };
        if (space.has_pairs())
          count += space.has_fields() ? std::count_if(partners.data(), next, allowed)
                                      : next - partners.data();
        count += space.has_square(r);
        if (space.order() == 2) continue;
        for (const std::int32_t* partner = partners.data(); partner < next; ++partner) {
          const std::int32_t k = *partner;
          const Index other = space.column(k);
          if (!space.extends(j, other)) continue;
          triples.next_round();
          space.each_entry(columns, j, [&](Index i, double) {
            if (!std::binary_search(ranks + begin[i], ranks + begin[i + 1], k)) return;
            for (Index at = begin[i + 1]; at-- > begin[i] && ranks[at] > k;)
              if (triples.fresh(ranks[at]))
                count += space.allows(j, other, space.column(ranks[at]));
          });
        }
      }
      total += count;
    });
  });
  return total;
}

}  // namespace sparsecross
