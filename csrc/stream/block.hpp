// Some rows of a stream as the coordinates that they have, columns and crosses alike.
#pragma once

#include <cstdint>
#include <vector>

#include "cross/keys.hpp"

namespace sparsecross {

// Row r of the block has entries ends[r - 1] .. ends[r] (from 0 for the first). The arrays are
// longer than what is in them, so that writing an entry costs no more than that.
class StreamBlock {
 public:
  void clear() {
    n_entries_ = 0;
    ends.clear();
  }
  // Room for so many more entries.
  void reserve(Index more) {
    const auto needed = static_cast<std::size_t>(n_entries_ + more);
    if (needed <= keys_.size()) return;
    keys_.resize(2 * needed);
    values_.resize(2 * needed);
    places_.resize(2 * needed);
  }
  // An entry of the row that is being written, for which there is room.
  void push(std::uint64_t key, double value) {
    keys_[static_cast<std::size_t>(n_entries_)] = key;
    values_[static_cast<std::size_t>(n_entries_)] = value;
    ++n_entries_;
  }
  // Takes back the last entry if it should not be there: cheaper than a branch.
  void keep_last(bool there) { n_entries_ -= !there; }
  void truncate(Index n_entries) { n_entries_ = n_entries; }
  void end_row() { ends.push_back(n_entries_); }

  Index n_entries() const { return n_entries_; }
  std::uint64_t* keys() { return keys_.data(); }
  const std::uint64_t* keys() const { return keys_.data(); }
  double* values() { return values_.data(); }
  const double* values() const { return values_.data(); }
  Index* places() { return places_.data(); }  // of the keys' states; -1 for none
  const Index* places() const { return places_.data(); }

  Index n_rows() const { return static_cast<Index>(ends.size()); }
  Index begin(Index row) const { return row == 0 ? 0 : ends[static_cast<std::size_t>(row) - 1]; }
  Index end(Index row) const { return ends[static_cast<std::size_t>(row)]; }

  std::vector<Index> ends;

 private:
  Index n_entries_ = 0;
  std::vector<std::uint64_t> keys_;
  std::vector<double> values_;
  std::vector<Index> places_;
};

// Problem: leave of the entries of each row that share a place the first.
// Cost:    a look into a table of eight times as many places as a row has entries, so that nearly
// all
//          find it empty there.
class Distinct {
 public:
  void operator()(StreamBlock& block) {
    Index kept = 0, begin = 0;
    Index* const places = block.places();
    for (Index& end_of_row : block.ends) {
      const Index end = end_of_row;
      begin_row(end - begin);
      for (Index e = begin; e < end; ++e) {
        if (!is_new(places[e])) continue;
        if (kept < e) {
          places[kept] = places[e];
          block.keys()[kept] = block.keys()[e];
          block.values()[kept] = block.values()[e];
        }
        ++kept;
      }
      begin = end;
      end_of_row = kept;
    }
    block.truncate(kept);
  }

 private:
  struct Met {
    Index place;
    std::uint64_t row;
  };

  void begin_row(Index n_entries) {
    const int bits = detail::bits_for(static_cast<std::uint64_t>(8 * n_entries + 2));
    if (met_.size() < std::size_t{1} << bits) met_.assign(std::size_t{1} << bits, {0, 0});
    mask_ = (std::size_t{1} << bits) - 1;
    ++row_;  // what was met in other rows is forgotten
  }
  bool is_new(Index place) {
    std::size_t at = static_cast<std::uint64_t>(place) * 0x9E3779B97F4A7C15ull >> 32 & mask_;
    for (; met_[at].row == row_; at = (at + 1) & mask_)
      if (met_[at].place == place) return false;
    met_[at] = {place, row_};
    return true;
  }

  std::vector<Met> met_;
  std::size_t mask_ = 0;
  std::uint64_t row_ = 0;
};

}  // namespace sparsecross
