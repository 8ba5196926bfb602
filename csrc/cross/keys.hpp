// Keys of crosses: the distinct ones among 64-bit integers, in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/parallel.hpp"

namespace sparsecross {

// The entry of a row that has no key: a code that is unknown.
constexpr std::uint64_t no_key = ~std::uint64_t{0};

// Keys are worked on in blocks of this many, so that they stay in the first-level cache.
constexpr Index key_block = 512;

// A bijection of the 64-bit integers whose output bits all depend on all input bits.
// Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
inline std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

namespace detail {

// The home of a key among 2^bits slots.
inline std::size_t home(std::uint64_t key, int bits) {
  key *= 0x9E3779B97F4A7C15ull;
  key = (key ^ (key >> 32)) * 0xD6E8FEB86659FD93ull;
  return static_cast<std::size_t>(key >> (64 - bits));
}

inline int bits_for(std::uint64_t n) {
  int bits = 0;
  while (n > (std::uint64_t{1} << bits) && bits < 63) ++bits;
  return bits;
}

struct Counted {
  std::uint64_t key;
  std::int64_t count;
};

// Problem: order entries by key, all keys below `range`.
// Cost:    one counting pass and one scatter for every 11 bits of range - 1.
inline void sort_by_key(std::vector<Counted>& entries, std::uint64_t range) {
  constexpr std::size_t worth_it = 4096;
  if (entries.size() < worth_it) {
    std::sort(entries.begin(), entries.end(),
              [](const Counted& a, const Counted& b) { return a.key < b.key; });
    return;
  }
  constexpr int digit_bits = 11;
  constexpr std::size_t radix = std::size_t{1} << digit_bits;
  std::vector<Counted> other(entries.size());
  for (int shift = 0; shift < bits_for(range); shift += digit_bits) {
    std::size_t place[radix + 1] = {};
    for (const Counted& e : entries) ++place[((e.key >> shift) & (radix - 1)) + 1];
    for (std::size_t d = 0; d < radix; ++d) place[d + 1] += place[d];
    for (const Counted& e : entries) other[place[(e.key >> shift) & (radix - 1)]++] = e;
    entries.swap(other);
  }
}

}  // namespace detail

// Counts keys: open addressing, a power of two of slots, linear probing, at most half full.
class KeyCounter {
 public:
  KeyCounter() : slots_(std::size_t{1} << bits_, {no_key, 0}) {}

  // Counts m keys; no_key counts for nothing.
  void add(const std::uint64_t* keys, Index m) {
    constexpr Index ahead = 12;
    for (Index j = 0; j < m; ++j) {
      if (j + ahead < m) __builtin_prefetch(&slots_[detail::home(keys[j + ahead], bits_)], 1);
      if (keys[j] != no_key) add(keys[j]);
    }
  }

  std::vector<detail::Counted> entries() const {
    std::vector<detail::Counted> found;
    found.reserve(size_);
    for (const auto& slot : slots_)
      if (slot.key != no_key) found.push_back(slot);
    return found;
  }

 private:
  void add(std::uint64_t key) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = detail::home(key, bits_);; at = (at + 1) & mask) {
      detail::Counted& slot = slots_[at];
      if (slot.key == key) {
        ++slot.count;
        return;
      }
      if (slot.key == no_key) {
        slot = {key, 1};
        if (2 * ++size_ > slots_.size()) grow();
        return;
      }
    }
  }

  void grow() {
    ++bits_;
    std::vector<detail::Counted> wider(std::size_t{1} << bits_, {no_key, 0});
    const std::size_t mask = wider.size() - 1;
    for (const auto& slot : slots_) {
      if (slot.key == no_key) continue;
      std::size_t at = detail::home(slot.key, bits_);
      while (wider[at].key != no_key) at = (at + 1) & mask;
      wider[at] = slot;
    }
    slots_.swap(wider);
  }

  int bits_ = 10;
  std::size_t size_ = 0;
  std::vector<detail::Counted> slots_;
};

// Whether a mark for each possible key is worth its memory and its scan.
inline bool dense(Index n, std::uint64_t range) {
  return range <= 16 * static_cast<std::uint64_t>(n) + 1024;
}

namespace detail {

// The keys below `range` that are marked at least min_count times. Mark is one byte where any
// count will do: a store waits for nothing, while an addition waits for the one before it.
template <class Mark, class Each>
std::vector<std::uint64_t> marked_keys(std::uint64_t range, Index min_count, const Each& each) {
  std::vector<Mark> marks(static_cast<std::size_t>(range) + 1, 0);  // the last: entries without key
  each([&](std::uint64_t key) {
    Mark& mark = marks[static_cast<std::size_t>(std::min(key, range))];
    mark = sizeof(Mark) == 1 ? Mark{1} : static_cast<Mark>(mark + 1);
  });
  std::vector<std::uint64_t> keys;
  for (std::uint64_t key = 0; key < range; key += 8) {
    if constexpr (sizeof(Mark) == 1) {
      std::uint64_t eight = 1;
      if (key + 8 <= range) std::memcpy(&eight, &marks[static_cast<std::size_t>(key)], 8);
      if (eight == 0) continue;
    }
    for (std::uint64_t k = key; k < std::min(key + 8, range); ++k)
      if (marks[static_cast<std::size_t>(k)] >= static_cast<Mark>(min_count)) keys.push_back(k);
  }
  return keys;
}

}  // namespace detail

// Problem: the distinct keys of n entries, in order.
// Given:   each(f) calls f with the key of each entry (or no_key); keys lie below `range`. Keys of
//          fewer than min_count entries are dropped.
// Cost:    dense range: one pass, a table of a byte (4 or 8 with min_count > 1) per possible key.
//          Else one pass with one table access each, 16 bytes of table for every slot and two to
//          four slots for every distinct key, then a radix sort of the distinct keys.
template <class Each>
std::vector<std::uint64_t> distinct_keys(Index n, std::uint64_t range, Index min_count,
                                         const Each& each) {
  if (min_count > n) return {};
  if (dense(n, range)) {
    if (min_count <= 1) return detail::marked_keys<std::uint8_t>(range, 1, each);
    if (n <= INT32_MAX) return detail::marked_keys<std::int32_t>(range, min_count, each);
    return detail::marked_keys<std::int64_t>(range, min_count, each);
  }
  KeyCounter counter;
  std::uint64_t block[key_block];
  Index m = 0;
  each([&](std::uint64_t key) {
    block[m++] = key;
    if (m == key_block) counter.add(block, std::exchange(m, 0));
  });
  counter.add(block, m);
  auto entries = counter.entries();
  detail::sort_by_key(entries, range);
  std::vector<std::uint64_t> keys;
  for (const auto& e : entries)
    if (e.count >= min_count) keys.push_back(e.key);
  return keys;
}

// Problem: the rows that have a code, ordered by it.
// Cost:    two passes, a counter for each code.
inline std::vector<std::int32_t> order_by_code(const std::int32_t* codes, Index n,
                                               std::int64_t cardinality) {
  std::vector<std::int32_t> place(static_cast<std::size_t>(cardinality) + 1, 0);
  for (Index i = 0; i < n; ++i)
    if (codes[i] >= 0) ++place[static_cast<std::size_t>(codes[i]) + 1];
  for (std::size_t c = 0; c + 1 < place.size(); ++c) place[c + 1] += place[c];
  std::vector<std::int32_t> order(static_cast<std::size_t>(place.back()));
  for (Index i = 0; i < n; ++i)
    if (codes[i] >= 0)
      order[static_cast<std::size_t>(place[static_cast<std::size_t>(codes[i])]++)] =
          static_cast<std::int32_t>(i);
  return order;
}

// Problem: distinct_keys for the keys a * n_b + b of pairs of codes, whatever their range.
// Given:   rows ordered by b, from order_by_code.
// Cost:    one more counting sort, by a, makes equal pairs neighbours in the order of keys: about
//          three scattered accesses for each row to arrays of 4 bytes for each row, however many
//          keys are distinct. A hash table and a sort of the keys cost several times that where
//          most are.
// Source:  radix sort with two digits.
inline std::vector<std::uint64_t> distinct_pairs(const std::int32_t* a, std::int64_t n_a,
                                                 const std::int32_t* b, std::int64_t n_b,
                                                 const std::vector<std::int32_t>& order_b,
                                                 Index min_count) {
  std::vector<std::int32_t> place(static_cast<std::size_t>(n_a) + 1, 0);
  for (const std::int32_t row : order_b)
    if (a[row] >= 0) ++place[static_cast<std::size_t>(a[row]) + 1];
  for (std::size_t c = 0; c + 1 < place.size(); ++c) place[c + 1] += place[c];
  std::vector<std::int32_t> codes(static_cast<std::size_t>(place.back()));  // of b
  for (const std::int32_t row : order_b)
    if (a[row] >= 0)
      codes[static_cast<std::size_t>(place[static_cast<std::size_t>(a[row])]++)] = b[row];

  std::vector<std::uint64_t> keys;
  std::size_t begin = 0;
  for (std::int64_t code = 0; code < n_a; ++code) {
    const auto group_end = static_cast<std::size_t>(place[static_cast<std::size_t>(code)]);
    while (begin < group_end) {
      std::size_t end = begin + 1;
      while (end < group_end && codes[end] == codes[begin]) ++end;
      if (static_cast<Index>(end - begin) >= min_count)
        keys.push_back(static_cast<std::uint64_t>(code) * static_cast<std::uint64_t>(n_b) +
                       static_cast<std::uint64_t>(codes[begin]));
      begin = end;
    }
  }
  return keys;
}

}  // namespace sparsecross
