// Keys of crosses: 64-bit integers to columns 0..k-1, learnt from rows and looked up again.
//
// Floor. A row's entry in a cross of two fields costs 8 bytes read (two codes) and 4 written (its
// column). What is above that floor is the search for the column: one access to a table, in cache
// where the table is small, a cache miss where it is not. Misses are hidden by fetching the slots
// of the keys that come next while the present key is worked on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
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
  std::uint32_t id;
  std::uint32_t count;
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
  KeyCounter() : slots_(std::size_t{1} << bits_, {no_key, 0, 0}) {}

  // Counts m keys and writes the id of each (numbered as first seen), -1 where there is none.
  void add(const std::uint64_t* keys, Index m, std::int32_t* ids) {
    constexpr Index ahead = 12;
    for (Index j = 0; j < m; ++j) {
      if (j + ahead < m) __builtin_prefetch(&slots_[detail::home(keys[j + ahead], bits_)], 1);
      ids[j] = keys[j] == no_key ? -1 : static_cast<std::int32_t>(add(keys[j]));
    }
  }

  Index size() const { return static_cast<Index>(size_); }

  std::vector<detail::Counted> entries() const {
    std::vector<detail::Counted> found;
    found.reserve(size_);
    for (const auto& slot : slots_)
      if (slot.key != no_key) found.push_back(slot);
    return found;
  }

 private:
  std::uint32_t add(std::uint64_t key) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = detail::home(key, bits_);; at = (at + 1) & mask) {
      detail::Counted& slot = slots_[at];
      if (slot.key == key) {
        ++slot.count;
        return slot.id;
      }
      if (slot.key == no_key) {
        const std::uint32_t id = size_++;
        slot = {key, id, 1};
        if (2 * std::size_t{size_} > slots_.size()) grow();
        return id;
      }
    }
  }

  void grow() {
    ++bits_;
    std::vector<detail::Counted> wider(std::size_t{1} << bits_, {no_key, 0, 0});
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
  std::uint32_t size_ = 0;
  std::vector<detail::Counted> slots_;
};

struct DistinctKeys {
  std::vector<std::uint64_t> keys;  // strictly increasing
  std::vector<std::int32_t> ids;    // of each entry: the position of its key, or -1
};

// Whether a table of all possible keys is worth its memory and its scan.
inline bool dense(Index n, std::uint64_t range) {
  return range <= 4 * static_cast<std::uint64_t>(n) + 1024 && range < INT32_MAX;
}

// Problem: the distinct keys among n entries, in order, and which of them each entry has.
// Given:   fill(begin, end, out) writes the keys of entries begin..end (or no_key), all below
//          `range`; it is called for consecutive blocks. Keys of fewer than min_count entries are
//          dropped.
// Result:  DistinctKeys.
// Cost:    dense range: two passes over the entries, a table of 4 bytes per possible key.
//          Else one pass with one table access each, 16 bytes of table for every slot and two to
//          four slots for every distinct key, then a radix sort of the distinct keys.
template <class Fill>
DistinctKeys distinct_keys(Index n, std::uint64_t range, Index min_count, const Fill& fill) {
  if (n > INT32_MAX) throw std::length_error("there must be fewer than 2^31 entries at a time");
  DistinctKeys out;
  out.ids.resize(static_cast<std::size_t>(n));
  std::uint64_t keys[key_block];
  const auto blocks = [&](const auto& work) {
    for (Index begin = 0; begin < n; begin += key_block) {
      const Index end = std::min(n, begin + key_block);
      fill(begin, end, keys);
      work(begin, end - begin);
    }
  };
  if (dense(n, range)) {
    std::vector<std::int32_t> rank(static_cast<std::size_t>(range) + 1, 0);
    // Where every count will do, a mark is cheaper: an addition waits for the one before it.
    const bool counted = min_count > 1;
    blocks([&](Index begin, Index m) {
      std::int32_t* id = out.ids.data() + begin;
      for (Index j = 0; j < m; ++j) {
        id[j] = static_cast<std::int32_t>(std::min(keys[j], range));
        rank[static_cast<std::size_t>(id[j])] =
            counted ? rank[static_cast<std::size_t>(id[j])] + 1 : 1;
      }
    });
    for (std::uint64_t key = 0; key < range; ++key) {
      const bool kept = rank[key] > 0 && rank[key] >= min_count;
      rank[key] = kept ? static_cast<std::int32_t>(out.keys.size()) : -1;
      if (kept) out.keys.push_back(key);
    }
    rank[range] = -1;  // entries without a key are marked here
    for (auto& id : out.ids) id = rank[static_cast<std::size_t>(id)];
    return out;
  }
  KeyCounter counter;
  blocks([&](Index begin, Index m) { counter.add(keys, m, out.ids.data() + begin); });
  auto entries = counter.entries();
  detail::sort_by_key(entries, range);
  std::vector<std::int32_t> rank(entries.size(), -1);
  for (const auto& e : entries) {
    if (e.count < static_cast<std::uint64_t>(min_count)) continue;
    rank[e.id] = static_cast<std::int32_t>(out.keys.size());
    out.keys.push_back(e.key);
  }
  for (auto& id : out.ids)
    if (id >= 0) id = rank[static_cast<std::size_t>(id)];
  return out;
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
//          four scattered accesses for each row to arrays of 4 bytes for each row, however many
//          keys are distinct. A hash table and a sort of the keys cost several times that where
//          most are.
// Source:  radix sort with two digits.
inline DistinctKeys distinct_pairs(const std::int32_t* a, std::int64_t n_a, const std::int32_t* b,
                                   std::int64_t n_b, const std::vector<std::int32_t>& order_b,
                                   Index n, Index min_count) {
  DistinctKeys out;
  out.ids.assign(static_cast<std::size_t>(n), -1);
  std::vector<std::int32_t> place(static_cast<std::size_t>(n_a) + 1, 0);
  for (const std::int32_t row : order_b)
    if (a[row] >= 0) ++place[static_cast<std::size_t>(a[row]) + 1];
  for (std::size_t c = 0; c + 1 < place.size(); ++c) place[c + 1] += place[c];
  std::vector<std::int32_t> rows(static_cast<std::size_t>(place.back()));
  for (const std::int32_t row : order_b)
    if (a[row] >= 0)
      rows[static_cast<std::size_t>(place[static_cast<std::size_t>(a[row])]++)] = row;

  std::size_t begin = 0;
  for (std::int64_t code = 0; code < n_a; ++code) {
    const auto group_end = static_cast<std::size_t>(place[static_cast<std::size_t>(code)]);
    while (begin < group_end) {
      const std::int32_t b_code = b[rows[begin]];
      std::size_t end = begin + 1;
      while (end < group_end && b[rows[end]] == b_code) ++end;
      if (static_cast<Index>(end - begin) >= min_count) {
        const auto id = static_cast<std::int32_t>(out.keys.size());
        out.keys.push_back(static_cast<std::uint64_t>(code) * static_cast<std::uint64_t>(n_b) +
                           static_cast<std::uint64_t>(b_code));
        for (std::size_t k = begin; k < end; ++k) out.ids[static_cast<std::size_t>(rows[k])] = id;
      }
      begin = end;
    }
  }
  return out;
}

// Where a key stands in a sorted array that somebody else holds (it may lie in a file).
//
// Problem: position of a key among n strictly increasing ones.
// Given:   the keys, checked here; they must outlive the index.
// Cost:    nothing where they are consecutive; else a table of 4 bytes per possible key between
//          the first and the last, where there are at most three of these for every key; else
//          4 bytes for every slot and two to four slots for every key: the slots hold positions,
//          the keys are compared where they lie.
template <class T>
class SortedIndex {
 public:
  SortedIndex(const T* keys, Index n, const char* name) : keys_(keys), n_(n) {
    for (Index i = 1; i < n; ++i)
      if (!(keys[i - 1] < keys[i]))
        throw std::invalid_argument(std::string(name) +
                                    " must increase strictly, but do not at position " +
                                    std::to_string(i));
    if (n > INT32_MAX) throw std::invalid_argument(std::string(name) + " must be fewer than 2^31");
    if (n == 0) return;
    first_ = static_cast<std::uint64_t>(keys[0]);
    span_ = offset(keys[n - 1]) + 1;
    const auto count = static_cast<std::uint64_t>(n);
    if (span_ == count) return;
    if (span_ != 0 && span_ <= std::max<std::uint64_t>(3 * count, 256)) {
      table_.assign(static_cast<std::size_t>(span_), -1);
      for (Index i = 0; i < n; ++i)
        table_[static_cast<std::size_t>(offset(keys[i]))] = static_cast<std::int32_t>(i);
      return;
    }
    bits_ = std::max(1, detail::bits_for(2 * count));
    table_.assign(std::size_t{1} << bits_, -1);
    for (Index i = 0; i < n; ++i) {
      std::size_t at = home(keys[i]);
      while (table_[at] >= 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = static_cast<std::int32_t>(i);
    }
  }

  // The index of 0, 1, ..., n - 1, which need not be stored.
  static SortedIndex all(Index n) {
    SortedIndex index(nullptr, 0, "");
    index.n_ = n;
    index.span_ = static_cast<std::uint64_t>(n);
    return index;
  }

  Index size() const { return n_; }
  Index table_bytes() const { return static_cast<Index>(table_.size() * sizeof(std::int32_t)); }

  std::int32_t find(T key) const {
    if (n_ == 0) return -1;
    if (bits_ == 0) {
      const std::uint64_t at = offset(key);
      if (at >= span_) return -1;
      return table_.empty() ? static_cast<std::int32_t>(at) : table_[static_cast<std::size_t>(at)];
    }
    return probe(home(key), key);
  }

  // The positions of m keys. Two fetches run ahead: the slot, then the key that the slot names.
  void find(const T* keys, Index m, std::int32_t* positions) const {
    if (bits_ == 0 && table_.empty()) {
      for (Index j = 0; j < m; ++j)
        positions[j] = offset(keys[j]) < span_ ? static_cast<std::int32_t>(offset(keys[j])) : -1;
      return;
    }
    if (bits_ == 0) {
      for (Index j = 0; j < m; ++j)
        positions[j] =
            offset(keys[j]) < span_ ? table_[static_cast<std::size_t>(offset(keys[j]))] : -1;
      return;
    }
    constexpr Index far = 16, near = 8;
    for (Index j = 0; j < m + far; ++j) {
      if (j < m) __builtin_prefetch(&table_[home(keys[j])]);
      if (const Index k = j - near; 0 <= k && k < m) {
        const std::int32_t position = table_[home(keys[k])];
        if (position >= 0) __builtin_prefetch(&keys_[position]);
      }
      if (const Index k = j - far; k >= 0) positions[k] = probe(home(keys[k]), keys[k]);
    }
  }

 private:
  std::uint64_t offset(T key) const { return static_cast<std::uint64_t>(key) - first_; }
  std::size_t home(T key) const { return detail::home(static_cast<std::uint64_t>(key), bits_); }
  std::int32_t probe(std::size_t at, T key) const {
    const std::size_t mask = table_.size() - 1;
    for (;; at = (at + 1) & mask) {
      const std::int32_t position = table_[at];
      if (position < 0 || keys_[position] == key) return position;
    }
  }

  const T* keys_;
  Index n_;
  std::uint64_t first_ = 0, span_ = 0;
  int bits_ = 0;  // 0: the table, if any, is addressed by key - first key
  std::vector<std::int32_t> table_;
};

}  // namespace sparsecross
