// Strings as one UTF-8 blob and where each begins: order, ranks and look-up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cross/keys.hpp"

namespace sparsecross {

// n strings: string i lies at blob[offsets[i]] .. blob[offsets[i + 1]]. The arrays belong to
// somebody else; that the offsets stay inside the blob is checked here, once.
class Strings {
 public:
  Strings(const std::uint8_t* blob, Index blob_size, const std::int64_t* offsets, Index n_offsets)
      : blob_(reinterpret_cast<const char*>(blob)), offsets_(offsets), n_(n_offsets - 1) {
    if (n_offsets < 1) throw std::invalid_argument("offsets must have at least one element");
    if (n_ > INT32_MAX) throw std::invalid_argument("there must be fewer than 2^31 strings");
    if (offsets[0] < 0 || offsets[n_] > blob_size)
      throw std::invalid_argument(
          "offsets must lie between 0 and the blob's " + std::to_string(blob_size) +
          " bytes, got " + std::to_string(offsets[0]) + " to " + std::to_string(offsets[n_]));
    for (Index i = 0; i < n_; ++i)
      if (offsets[i + 1] < offsets[i])
        throw std::invalid_argument("offsets must never decrease, but do at position " +
                                    std::to_string(i + 1));
  }

  Index size() const { return n_; }
  std::string_view operator[](Index i) const {
    return {blob_ + offsets_[i], static_cast<std::size_t>(offsets_[i + 1] - offsets_[i])};
  }

  // The first i > 0 whose string is not greater than the one before; n where there is none.
  Index first_out_of_order() const {
    for (Index i = 1; i < n_; ++i)
      if (!((*this)[i - 1] < (*this)[i])) return i;
    return n_;
  }

  // The position of a string among sorted ones, -1 where it is not there. Bytes are compared as
  // unsigned, which for UTF-8 is the order of code points.
  std::int32_t find(std::string_view wanted) const {
    Index low = 0, high = n_;
    while (low < high) {
      const Index middle = low + (high - low) / 2;
      if ((*this)[middle] < wanted)
        low = middle + 1;
      else
        high = middle;
    }
    return low < n_ && (*this)[low] == wanted ? static_cast<std::int32_t>(low) : -1;
  }

 private:
  const char* blob_;
  const std::int64_t* offsets_;
  Index n_;
};

struct Ranking {
  std::vector<std::int64_t> chosen;  // which strings stand for the distinct ones, in order
  std::vector<std::int32_t> rank;    // of each string, its position among the distinct ones
};

// Problem: the distinct strings in order, and which of them each string is.
// Cost:    n log n comparisons, most of them decided by the first eight bytes, which are held
//          beside the string's number as one big-endian integer.
inline Ranking rank_strings(const Strings& strings) {
  struct Entry {
    std::uint64_t head;
    std::int64_t at;
  };
  const Index n = strings.size();
  std::vector<Entry> order(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const std::string_view s = strings[i];
    std::uint64_t head = 0;
    for (std::size_t k = 0; k < 8; ++k)
      head = head << 8 | (k < s.size() ? static_cast<unsigned char>(s[k]) : 0);
    order[static_cast<std::size_t>(i)] = {head, i};
  }
  std::sort(order.begin(), order.end(), [&](const Entry& a, const Entry& b) {
    if (a.head != b.head) return a.head < b.head;
    const int sign = strings[a.at].compare(strings[b.at]);
    return sign != 0 ? sign < 0 : a.at < b.at;
  });
  Ranking out;
  out.rank.resize(static_cast<std::size_t>(n));
  for (const Entry& e : order) {
    if (out.chosen.empty() || strings[out.chosen.back()] != strings[e.at])
      out.chosen.push_back(e.at);
    out.rank[static_cast<std::size_t>(e.at)] = static_cast<std::int32_t>(out.chosen.size() - 1);
  }
  return out;
}

// Numbers distinct strings in the order of their first appearance.
//
// Cost: an access to a table of 16 bytes a slot for each string. Strings of at most eight bytes are
// compared by one integer that holds them, longer ones by a hash and then byte by byte.
class StringCounter {
 public:
  StringCounter() : slots_(std::size_t{1} << bits_, Slot{0, 0, -1}) {}

  std::int32_t add(std::string_view s) {
    const std::uint64_t head = head_of(s);
    const auto length = static_cast<std::uint32_t>(s.size());
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = detail::home(head + length, bits_);; at = (at + 1) & mask) {
      Slot& slot = slots_[at];
      if (slot.code < 0) {
        const auto code = static_cast<std::int32_t>(starts.size() - 1);
        slot = {head, length, code};
        blob.insert(blob.end(), s.begin(), s.end());
        starts.push_back(static_cast<std::int64_t>(blob.size()));
        if (2 * starts.size() > slots_.size()) grow();
        return code;
      }
      if (slot.head == head && slot.length == length &&
          (length <= 8 || std::memcmp(blob.data() + starts[static_cast<std::size_t>(slot.code)],
                                      s.data(), length) == 0))
        return slot.code;
    }
  }

  std::vector<std::uint8_t> blob;       // the distinct strings
  std::vector<std::int64_t> starts{0};  // and where each begins

 private:
  struct Slot {
    std::uint64_t head;
    std::uint32_t length;
    std::int32_t code;  // -1: free
  };

  template <class T>
  static std::uint64_t load(const char* at) {
    T x;
    std::memcpy(&x, at, sizeof x);
    return x;
  }

  // Two strings of the same length up to eight are equal if their heads are.
  static std::uint64_t head_of(std::string_view s) {
    const char *first = s.data(), *last = s.data() + s.size();
    if (s.size() > 8) {
      std::uint64_t hash = load<std::uint64_t>(last - 8);
      for (; last - first > 8; first += 8) hash = splitmix64(hash ^ load<std::uint64_t>(first));
      return hash;
    }
    if (s.size() >= 4) return load<std::uint32_t>(first) | load<std::uint32_t>(last - 4) << 32;
    if (s.size() >= 2) return load<std::uint16_t>(first) | load<std::uint16_t>(last - 2) << 16;
    return s.empty() ? 0 : load<std::uint8_t>(first);
  }

  void grow() {
    ++bits_;
    std::vector<Slot> wider(std::size_t{1} << bits_, Slot{0, 0, -1});
    const std::size_t mask = wider.size() - 1;
    for (const Slot& slot : slots_) {
      if (slot.code < 0) continue;
      std::size_t at = detail::home(slot.head + slot.length, bits_);
      while (wider[at].code >= 0) at = (at + 1) & mask;
      wider[at] = slot;
    }
    slots_.swap(wider);
  }

  int bits_ = 10;
  std::vector<Slot> slots_;
};

}  // namespace sparsecross
