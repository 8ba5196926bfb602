// Rows of codes to hashed columns.
#pragma once

#include "cross/columns.hpp"

namespace sparsecross {

namespace detail {

// Problem: sort the columns of a row, each once; returns the end.
// Cost:    columns are hashes, spread evenly below 2^n_bits: a counting sort by their first seven
//          bits leaves an insertion sort little to do.
inline std::uint32_t* sort_unique(std::uint32_t* first, std::uint32_t* last, int n_bits) {
  constexpr int bucket_bits = 7;
  constexpr std::ptrdiff_t few = 24, many = 512;
  const std::ptrdiff_t m = last - first;
  if (m > many) {
    std::sort(first, last);
    return std::unique(first, last);
  }
  if (m > few) {
    const int shift = std::max(0, n_bits - bucket_bits);
    std::uint16_t place[(1 << bucket_bits) + 1] = {};
    std::uint32_t copy[many];
    for (std::ptrdiff_t i = 0; i < m; ++i) ++place[((copy[i] = first[i]) >> shift) + 1];
    for (int b = 0; b < 1 << bucket_bits; ++b)
      place[b + 1] = static_cast<std::uint16_t>(place[b + 1] + place[b]);
    for (std::ptrdiff_t i = 0; i < m; ++i) first[place[copy[i] >> shift]++] = copy[i];
  }
  for (std::ptrdiff_t i = 1; i < m; ++i) {
    const std::uint32_t x = first[i];
    std::ptrdiff_t k = i;
    for (; k > 0 && first[k - 1] > x; --k) first[k] = first[k - 1];
    first[k] = x;
  }
  return std::unique(first, last);
}

}  // namespace detail

// Problem: the columns of rows where a column is a hash of the key: its first n_bits bits after
//          mixing. Two keys of a row that share a column give it once.
// Given:   hashes of the categories; where `kept` is not null, one bit for each column (the lowest
//          of a byte first), and columns whose bit is 0 stay empty.
// Cost:    two mixes at most for each row and pair, and a sort of each row's columns.
inline void write_hashed(const std::vector<TermKeys<Mixer>>& all_keys, int n_bits,
                         const std::uint8_t* kept, Rows& out, Index n_rows, int n_threads) {
  parallel_chunks(n_rows, out.grain, n_threads, [&](Index begin, Index end) {
    std::uint32_t* next = out.columns + out.start(begin);
    for (Index row = begin; row < end; ++row) {
      std::uint32_t* const first = next;
      for (const auto& keys : all_keys)
        keys.each(row, [&](std::uint64_t key) {
          const auto slot = static_cast<std::uint32_t>(splitmix64(key) >> (64 - n_bits));
          *next = slot;
          next += kept == nullptr || (kept[slot / 8] >> (slot % 8) & 1) != 0;
        });
      next = detail::sort_unique(first, next, n_bits);
      out.ends[static_cast<std::size_t>(row)] = next - out.columns;
    }
  });
}

// Problem: how many distinct keys of the rows share their column with another one.
// Given:   as hashed_columns. Keys are told apart by their 64 bits before they are cut to n_bits.
// Cost:    a table access for each row and term, and one for each distinct key.
inline Index count_collisions(const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
                              const std::vector<const std::uint64_t*>& hashes, Index n_rows,
                              int n_bits, int n_threads) {
  std::vector<std::vector<std::uint64_t>> slots(terms.size());
  parallel_chunks(static_cast<Index>(terms.size()), 1, n_threads, [&](Index at, Index) {
    const auto t = static_cast<std::size_t>(at);
    const TermKeys<Mixer> keys(terms[t], fields, {&hashes});
    KeyCounter counter;
    std::vector<std::int64_t> offsets;
    for (Index begin = 0; begin < n_rows; begin += key_block) {
      const auto block = detail::gather(keys, begin, std::min(n_rows, begin + key_block), offsets);
      counter.add(block.data(), static_cast<Index>(block.size()));
    }
    for (const auto& entry : counter.entries())
      slots[t].push_back(splitmix64(entry.key) >> (64 - n_bits));
  });
  KeyCounter per_slot;
  Index n_keys = 0, alone = 0;
  for (const auto& some : slots) {
    per_slot.add(some.data(), static_cast<Index>(some.size()));
    n_keys += static_cast<Index>(some.size());
  }
  for (const auto& slot : per_slot.entries()) alone += slot.count == 1;
  return n_keys - alone;
}

}  // namespace sparsecross
