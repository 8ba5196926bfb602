// Where a key stands among sorted ones.
//
// Floor. A row's entry in a cross of two fields costs 8 bytes read (two codes) and 4 written (its
// column). What is above that floor is the search for the column: one access to a table, in cache
// where the table is small, a cache miss where it is not. Tables are therefore bitmaps where keys
// are not too sparse, 64 times smaller than the keys; misses of hash tables are hidden by fetching
// the slots of the keys that come next while the present key is worked on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "cross/keys.hpp"

// Counting the bits of a word is one instruction of nearly all x86 processors, but not of the
// first ones: loops that live on it are compiled for both.
#if defined(__x86_64__) && defined(__GNUC__)
#define SPARSECROSS_POPCNT __attribute__((target("popcnt")))
#else
#define SPARSECROSS_POPCNT
#endif

namespace sparsecross {

inline bool has_popcnt() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has = __builtin_cpu_supports("popcnt") != 0;
  return has;
#else
  return true;
#endif
}

// The position of what is not there, as unsigned.
constexpr std::uint32_t nowhere = UINT32_MAX;

// A set of integers below a span as bits, and how many members lie before each 32 of them.
// Source: Jacobson 1989, "Space-efficient static trees and graphs".
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(std::uint64_t span)
      : span_(span), blocks_(static_cast<std::size_t>((span + 31) / 32)) {}

  void insert(std::uint64_t x) {
    blocks_[static_cast<std::size_t>(x / 32)].bits |= std::uint32_t{1} << (x % 32);
  }
  // To be called after the last insertion.
  void count() {
    std::uint32_t before = 0;
    for (Block& block : blocks_) {
      block.before = before;
      before += static_cast<std::uint32_t>(__builtin_popcount(block.bits));
    }
  }

  // The number of members below x, plus `first`; nowhere if x is no member.
  std::uint32_t rank(std::uint64_t x, std::uint32_t first) const {
    const bool inside = x < span_;
    const Block block = blocks_[static_cast<std::size_t>(inside ? x / 32 : 0)];
    const std::uint32_t below = (std::uint32_t{1} << (x % 32)) - 1;
    const std::uint32_t found =
        first + block.before + static_cast<std::uint32_t>(__builtin_popcount(block.bits & below));
    return inside && (block.bits >> (x % 32) & 1) != 0 ? found : nowhere;
  }

  // out[i * stride] = rank(x(i), first) for i in [0, m).
  template <class X>
  void ranks(Index m, const X& x, std::uint32_t first, std::uint32_t* out, Index stride) const {
    if (has_popcnt())
      ranks_popcnt(m, x, first, out, stride);
    else
      ranks_plain(m, x, first, out, stride);
  }

  bool empty() const { return blocks_.empty(); }
  Index bytes() const { return static_cast<Index>(blocks_.size() * sizeof(Block)); }

 private:
  struct Block {
    std::uint32_t bits = 0, before = 0;
  };

  template <class X>
  SPARSECROSS_POPCNT void ranks_popcnt(Index m, const X& x, std::uint32_t first, std::uint32_t* out,
                                       Index stride) const {
    for (Index i = 0; i < m; ++i) out[i * stride] = rank(x(i), first);
  }
  template <class X>
  void ranks_plain(Index m, const X& x, std::uint32_t first, std::uint32_t* out,
                   Index stride) const {
    for (Index i = 0; i < m; ++i) out[i * stride] = rank(x(i), first);
  }

  std::uint64_t span_ = 0;
  std::vector<Block> blocks_;
};

// Where a key stands in a sorted array that somebody else holds (it may lie in a file).
//
// Problem: position of a key among n strictly increasing ones.
// Given:   the keys, checked here; they must outlive the index.
// Cost:    nothing where they are consecutive; else a bitmap of all possible keys between the first
//          and the last, where it takes at most 16 bytes for every key; else 4 bytes for every slot
//          and two to four slots for every key: the slots hold positions, the keys are compared
//          where they lie.
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
    if (span_ != 0 && span_ <= std::max<std::uint64_t>(64 * count, 256)) {
      bitmap_ = Bitmap(span_);
      for (Index i = 0; i < n; ++i) bitmap_.insert(offset(keys[i]));
      bitmap_.count();
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
  Index table_bytes() const {
    return static_cast<Index>(table_.size() * sizeof(std::int32_t)) + bitmap_.bytes();
  }

  // Whether keys are found by a hash table.
  bool hashed() const { return bits_ != 0; }
  std::uint64_t first() const { return first_; }

  // out[i * stride] = start + the position of the key that is x(i) above the first, or nowhere, for
  // i in [0, m); not where keys are hashed.
  template <class X>
  void ranks(Index m, const X& x, std::uint32_t start, std::uint32_t* out, Index stride) const {
    if (!bitmap_.empty()) {
      bitmap_.ranks(m, x, start, out, stride);
      return;
    }
    for (Index i = 0; i < m; ++i) {
      const std::uint64_t at = x(i);
      out[i * stride] = at < span_ ? start + static_cast<std::uint32_t>(at) : nowhere;
    }
  }

  std::int32_t find(T key) const {
    if (n_ == 0) return -1;
    if (!bitmap_.empty()) return static_cast<std::int32_t>(bitmap_.rank(offset(key), 0));
    if (bits_ == 0) return offset(key) < span_ ? static_cast<std::int32_t>(offset(key)) : -1;
    return probe(home(key), key);
  }

  // The positions of m keys. Two fetches run ahead: the slot, then the key that the slot names.
  void find(const T* keys, Index m, std::int32_t* positions) const {
    if (!hashed()) {
      ranks(
          m, [&](Index j) { return offset(keys[j]); }, 0,
          reinterpret_cast<std::uint32_t*>(positions), 1);
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
  Bitmap bitmap_;
  int bits_ = 0;  // 0: no hash table
  std::vector<std::int32_t> table_;
};

}  // namespace sparsecross
