// Some rows of a stream as the coordinates that they have, columns and crosses alike.
#pragma once

#include <algorithm>
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
  // Where the next entries go, for which there is room; and that n were written there, or n keys
  // of value 1.
  std::uint64_t* next_keys() { return keys_.data() + n_entries_; }
  double* next_values() { return values_.data() + n_entries_; }
  void add(Index n) { n_entries_ += n; }
  void add_ones(Index n) {
    std::fill_n(next_values(), n, 1.0);
    add(n);
  }
  // Takes back the last entry if it should not be there: cheaper than a branch.
  void keep_last(bool there) { n_entries_ -= !there; }
  // Moves n entries to the front; nothing where they are.
  void move_entries(Index from, Index to, Index n) {
    if (from == to) return;
    const auto move = [=](auto& of) { std::copy_n(of.begin() + from, n, of.begin() + to); };
    move(keys_);
    move(values_);
    move(places_);
  }
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

// Problem: leave of the entries of each row that share a place one.
// Cost:    each entry puts its number where its place's last bits say, and looks whether it is
//          still there: only those that were overwritten, which are few, can share their place with
//          another.
class Distinct {
 public:
  void operator()(StreamBlock& block) {
    Index kept = 0, begin = 0;
    const auto keep = [&](Index from, Index to) {
      block.move_entries(from, kept, to - from);
      kept += to - from;
    };
    for (Index& end_of_row : block.ends) {
      const Index end = end_of_row;
      find_repeated(block.places() + begin, end - begin);
      Index from = begin;
      for (const Index e : repeated_) {
        keep(from, begin + e);
        from = begin + e + 1;
      }
      keep(from, end);
      begin = end;
      end_of_row = kept;
    }
    block.truncate(kept);
  }

 private:
  static constexpr Index kHomes = Index{1} << 13;
  static std::size_t home(Index place) { return static_cast<std::size_t>(place & (kHomes - 1)); }

  // Of m entries those that share their place with a later one, in order.
  void find_repeated(const Index* places, Index m) {
    if (static_cast<std::size_t>(m) > rest_.size()) rest_.resize(static_cast<std::size_t>(m));
    repeated_.clear();
    Index n = overwritten(places, m, [](Index k) { return k; });
    while (n > 0) {
      Index others = 0;  // that share their home alone
      for (Index k = 0; k < n; ++k) {
        const Index e = rest_[static_cast<std::size_t>(k)];
        if (places[e] == places[holder_[home(places[e])]]) {
          repeated_.push_back(e);
        } else {
          rest_[static_cast<std::size_t>(others++)] = e;
        }
      }
      n = overwritten(places, others,
                      [this](Index k) { return rest_[static_cast<std::size_t>(k)]; });
    }
    std::sort(repeated_.begin(), repeated_.end());
  }

  // Puts entries at(0) .. at(m - 1) to their homes; those that are not there then go to rest_.
  template <class At>
  Index overwritten(const Index* places, Index m, const At& at) {
    for (Index k = 0; k < m; ++k) holder_[home(places[at(k)])] = static_cast<std::uint32_t>(at(k));
    Index n = 0;
    for (Index k = 0; k < m; ++k) {
      const Index e = at(k);
      rest_[static_cast<std::size_t>(n)] = e;
      n += holder_[home(places[e])] != static_cast<std::uint32_t>(e);
    }
    return n;
  }

  std::vector<std::uint32_t> holder_ = std::vector<std::uint32_t>(kHomes);  // entries of a row
  std::vector<Index> rest_, repeated_;
};

}  // namespace sparsecross
