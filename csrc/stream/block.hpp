// Some rows of a stream as the coordinates that they have, columns and crosses alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "support/parallel.hpp"

namespace sparsecross {

// Row r of the block has entries ends[r - 1] .. ends[r] (from 0 for the first).
struct StreamBlock {
  std::vector<std::uint64_t> keys;
  std::vector<double> values;
  std::vector<Index> places;  // of the keys' states; -1 for none
  std::vector<Index> ends;

  void clear() {
    keys.clear();
    values.clear();
    ends.clear();
  }
  Index n_rows() const { return static_cast<Index>(ends.size()); }
  Index begin(Index row) const { return row == 0 ? 0 : ends[static_cast<std::size_t>(row) - 1]; }
  Index end(Index row) const { return ends[static_cast<std::size_t>(row)]; }
};

// Problem: leave of the entries of each row that share a place the first.
// Cost:    a few operations an entry; a sort of the entries of rows where two may share one.
class Distinct {
 public:
  void operator()(StreamBlock& block) {
    Index kept = 0, begin = 0;
    for (Index& end_of_row : block.ends) {
      const Index end = end_of_row;
      const Index* const places = block.places.data();
      if (may_repeat(places + begin, end - begin)) {
        order_.clear();
        for (Index e = begin; e < end; ++e) order_.push_back({places[e], e});
        std::sort(order_.begin(), order_.end());
        // Repetitions are marked by the place that none has.
        for (std::size_t k = 1; k < order_.size(); ++k)
          if (order_[k].first == order_[k - 1].first)
            block.places[static_cast<std::size_t>(order_[k].second)] = kRepeated;
      }
      for (Index e = begin; e < end; ++e) {
        const auto from = static_cast<std::size_t>(e), to = static_cast<std::size_t>(kept);
        block.places[to] = block.places[from];
        block.keys[to] = block.keys[from];
        block.values[to] = block.values[from];
        kept += block.places[to] != kRepeated;
      }
      begin = end;
      end_of_row = kept;
    }
    block.places.resize(static_cast<std::size_t>(kept));
    block.keys.resize(static_cast<std::size_t>(kept));
    block.values.resize(static_cast<std::size_t>(kept));
  }

 private:
  static constexpr Index kRepeated = -2;

  // False only where all places differ.
  bool may_repeat(const Index* places, Index n) {
    met_.fill(0);
    bool twice = false;
    for (Index e = 0; e < n; ++e) {
      const std::uint64_t bit = static_cast<std::uint64_t>(places[e]) * 0x9E3779B97F4A7C15ull >> 52;
      std::uint64_t& word = met_[bit / 64];
      twice |= (word >> (bit % 64) & 1) != 0;
      word |= std::uint64_t{1} << (bit % 64);
    }
    return twice;
  }

  std::array<std::uint64_t, 64> met_;  // 4096 bits, by some of those of the place
  std::vector<std::pair<Index, Index>> order_;
};

}  // namespace sparsecross
