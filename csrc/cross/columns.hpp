// Rows of codes to rows of columns: the CSR pattern of levels and crosses.
#pragma once

#include <cstring>

#include "cross/terms.hpp"

namespace sparsecross {

// The entries of one term in some rows: ids[i] of row i, or ids[offsets[i]] .. ids[offsets[i + 1]]
// where rows have several; -1 for an entry without a column.
struct Entries {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;

  template <class F>
  void each(Index row, const F& f) const {
    if (offsets.empty()) {
      if (ids[static_cast<std::size_t>(row)] >= 0) f(ids[static_cast<std::size_t>(row)]);
      return;
    }
    for (Index k = offsets[static_cast<std::size_t>(row)];
         k < offsets[static_cast<std::size_t>(row) + 1]; ++k)
      if (ids[static_cast<std::size_t>(k)] >= 0) f(ids[static_cast<std::size_t>(k)]);
  }
};

// A sparse matrix of ones under construction: pieces of consecutive rows, each in its own memory,
// so that threads write without asking how long the rows before theirs are.
struct Pieces {
  static constexpr Index grain = 1024;
  std::vector<std::vector<std::uint32_t>> columns;
  std::vector<std::int64_t> row_ends;  // within its piece, where each row ends

  explicit Pieces(Index n_rows)
      : columns(static_cast<std::size_t>((n_rows + grain - 1) / grain)),
        row_ends(static_cast<std::size_t>(n_rows)) {}

  Index n_stored() const {
    Index total = 0;
    for (const auto& piece : columns) total += static_cast<Index>(piece.size());
    return total;
  }

  // Joins the pieces; each one's memory is given back as soon as it is copied.
  template <class I>
  void join(I* indptr, I* indices, int n_threads) {
    std::vector<Index> start(columns.size() + 1, 0);
    for (std::size_t piece = 0; piece < columns.size(); ++piece)
      start[piece + 1] = start[piece] + static_cast<Index>(columns[piece].size());
    indptr[0] = 0;
    parallel_chunks(static_cast<Index>(row_ends.size()), grain, n_threads, [&](Index begin, Index end) {
      const auto piece = static_cast<std::size_t>(begin / grain);
      for (Index row = begin; row < end; ++row)
        indptr[row + 1] = static_cast<I>(start[piece] + row_ends[static_cast<std::size_t>(row)]);
      std::copy(columns[piece].begin(), columns[piece].end(), indices + start[piece]);
      std::vector<std::uint32_t>().swap(columns[piece]);
    });
  }
};

// Where each term's columns begin, given how many each has; the last element is their number.
inline std::vector<Index> column_starts(const std::vector<Index>& sizes) {
  std::vector<Index> starts(1, 0);
  for (const Index size : sizes) starts.push_back(starts.back() + size);
  if (starts.back() > static_cast<Index>(std::numeric_limits<std::uint32_t>::max()))
    throw std::length_error("there are " + std::to_string(starts.back()) +
                            " columns, beyond the limit of 2^32 - 1: raise min_count or use n_bits");
  return starts;
}

namespace detail {

// Writes rows begin..end of the entries of all terms, which are numbered from `first` on.
inline void emit(const std::vector<Entries>& terms, const std::vector<Index>& starts, Index begin,
                 Index end, Index first, Pieces& out) {
  auto& columns = out.columns[static_cast<std::size_t>(begin / Pieces::grain)];
  columns.reserve(terms.size() * static_cast<std::size_t>(end - begin));
  for (Index row = begin; row < end; ++row) {
    for (std::size_t t = 0; t < terms.size(); ++t)
      terms[t].each(row - first, [&](std::int32_t id) {
        columns.push_back(static_cast<std::uint32_t>(starts[t] + id));
      });
    out.row_ends[static_cast<std::size_t>(row)] = static_cast<Index>(columns.size());
  }
  // A piece that came out well short of its reservation gives the rest back.
  if (columns.capacity() > columns.size() + columns.size() / 8) columns.shrink_to_fit();
}

// All keys of rows begin..end, where rows have several; offsets as in Entries.
template <class Fold>
std::vector<std::uint64_t> gather(const TermKeys<Fold>& keys, Index begin, Index end,
                                  std::vector<std::int64_t>& offsets) {
  std::vector<std::uint64_t> found;
  offsets.assign(1, 0);
  offsets.reserve(static_cast<std::size_t>(end - begin + 1));
  for (Index row = begin; row < end; ++row) {
    keys.each(row, [&](std::uint64_t key) { found.push_back(key); });
    offsets.push_back(static_cast<std::int64_t>(found.size()));
  }
  return found;
}

}  // namespace detail

struct Learnt {
  std::vector<std::vector<std::uint64_t>> keys;  // of each term, those that have a column
  std::vector<Entries> entries;                  // of each term, over all rows
};

// Problem: the keys that occur in the rows, for each term, and each row's columns among them.
// Given:   checked fields; each term's range of keys is at most 2^63. Keys in fewer than
//          min_count rows are dropped.
// Result:  Learnt; its ids are the positions of the keys in their term.
// Cost:    see distinct_keys; terms are shared among the threads, and each thread holds the keys
//          of at most one term (and only where rows have several) beyond the result.
inline Learnt learn_terms(const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
                          const std::vector<std::int64_t>& cardinalities, Index n_rows,
                          Index min_count, int n_threads) {
  Learnt out{std::vector<std::vector<std::uint64_t>>(terms.size()),
             std::vector<Entries>(terms.size())};
  parallel_chunks(static_cast<Index>(terms.size()), 1, n_threads, [&](Index at, Index) {
    const auto t = static_cast<std::size_t>(at);
    const TermKeys<MixedRadix> keys(terms[t], fields, {&cardinalities});
    const std::uint64_t range = key_range(terms[t], cardinalities);
    DistinctKeys found;
    if (keys.several()) {
      const auto all = detail::gather(keys, 0, n_rows, out.entries[t].offsets);
      found = distinct_keys(static_cast<Index>(all.size()), range, min_count,
                            [&](Index begin, Index end, std::uint64_t* block) {
                              std::copy(all.begin() + begin, all.begin() + end, block);
                            });
    } else {
      found = distinct_keys(n_rows, range, min_count,
                            [&](Index begin, Index end, std::uint64_t* block) {
                              keys.fill(begin, end, block);
                            });
    }
    out.keys[t] = std::move(found.keys);
    out.entries[t].ids = std::move(found.ids);
  });
  return out;
}

// Problem: the columns of rows whose entries are already known.
inline Pieces columns_of(const Learnt& learnt, Index n_rows, int n_threads) {
  std::vector<Index> sizes;
  for (const auto& keys : learnt.keys) sizes.push_back(static_cast<Index>(keys.size()));
  const auto starts = column_starts(sizes);
  Pieces out(n_rows);
  parallel_chunks(n_rows, Pieces::grain, n_threads, [&](Index begin, Index end) {
    detail::emit(learnt.entries, starts, begin, end, 0, out);
  });
  return out;
}

// The columns of fitted terms: an index over each term's keys.
struct TermIndex {
  std::vector<Term> terms;
  std::vector<std::int64_t> cardinalities;
  std::vector<SortedIndex<std::uint64_t>> keys;
  std::vector<Index> starts;

  // Problem: the columns of rows, by their codes.
  // Cost:    a look-up (SortedIndex::find) for each row and term; rows are shared among threads.
  Pieces columns(const std::vector<FieldCodes>& fields, Index n_rows, int n_threads) const {
    Pieces out(n_rows);
    parallel_chunks(n_rows, Pieces::grain, n_threads, [&](Index begin, Index end) {
      std::vector<Entries> entries(terms.size());
      std::uint64_t block[key_block];
      for (std::size_t t = 0; t < terms.size(); ++t) {
        const TermKeys<MixedRadix> of_term(terms[t], fields, {&cardinalities});
        auto& ids = entries[t].ids;
        if (of_term.several()) {
          const auto all = detail::gather(of_term, begin, end, entries[t].offsets);
          ids.resize(all.size());
          keys[t].find(all.data(), static_cast<Index>(all.size()), ids.data());
          continue;
        }
        ids.resize(static_cast<std::size_t>(end - begin));
        for (Index at = begin; at < end; at += key_block) {
          const Index stop = std::min(end, at + key_block);
          of_term.fill(at, stop, block);
          keys[t].find(block, stop - at, ids.data() + (at - begin));
        }
      }
      detail::emit(entries, starts, begin, end, begin, out);
    });
    return out;
  }
};

// Problem: the columns of rows where a column is a hash of the key: its first n_bits bits after
//          mixing. Two keys of a row that share a column give it once.
// Given:   hashes of the categories; where `kept` is not null, columns outside it stay empty.
// Cost:    a mix for each row and term, and a sort of each row's columns.
inline Pieces hashed_columns(const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
                             const std::vector<const std::uint64_t*>& hashes, Index n_rows,
                             int n_bits, const SortedIndex<std::uint64_t>* kept, int n_threads) {
  std::vector<TermKeys<Mixer>> all_keys;
  for (const Term& term : terms) all_keys.emplace_back(term, fields, Mixer{&hashes});
  Pieces out(n_rows);
  parallel_chunks(n_rows, Pieces::grain, n_threads, [&](Index begin, Index end) {
    auto& columns = out.columns[static_cast<std::size_t>(begin / Pieces::grain)];
    columns.reserve(terms.size() * static_cast<std::size_t>(end - begin));
    for (Index row = begin; row < end; ++row) {
      const auto first = static_cast<std::ptrdiff_t>(columns.size());
      for (const auto& keys : all_keys)
        keys.each(row, [&](std::uint64_t key) {
          const std::uint64_t slot = splitmix64(key) >> (64 - n_bits);
          if (kept == nullptr || kept->find(slot) >= 0)
            columns.push_back(static_cast<std::uint32_t>(slot));
        });
      std::sort(columns.begin() + first, columns.end());
      columns.erase(std::unique(columns.begin() + first, columns.end()), columns.end());
      out.row_ends[static_cast<std::size_t>(row)] = static_cast<Index>(columns.size());
    }
  });
  return out;
}

// Problem: how many distinct keys of the rows share their column with another one.
// Given:   as hashed_columns. Keys are told apart by their 64 bits before they are cut to n_bits.
// Cost:    a table access for each row and term, and one for each distinct key.
inline Index count_collisions(const std::vector<Term>& terms,
                              const std::vector<FieldCodes>& fields,
                              const std::vector<const std::uint64_t*>& hashes, Index n_rows,
                              int n_bits, int n_threads) {
  std::vector<std::vector<std::uint64_t>> slots(terms.size());
  parallel_chunks(static_cast<Index>(terms.size()), 1, n_threads, [&](Index at, Index) {
    const auto t = static_cast<std::size_t>(at);
    const TermKeys<Mixer> keys(terms[t], fields, {&hashes});
    KeyCounter counter;
    std::vector<std::uint64_t> block;
    std::vector<std::int32_t> ids;
    std::vector<std::int64_t> offsets;
    for (Index begin = 0; begin < n_rows; begin += key_block) {
      block = detail::gather(keys, begin, std::min(n_rows, begin + key_block), offsets);
      ids.resize(block.size());
      counter.add(block.data(), static_cast<Index>(block.size()), ids.data());
    }
    for (const auto& entry : counter.entries())
      slots[t].push_back(splitmix64(entry.key) >> (64 - n_bits));
  });
  KeyCounter per_slot;
  Index n_keys = 0, alone = 0;
  std::vector<std::int32_t> ids;
  for (const auto& some : slots) {
    ids.resize(some.size());
    per_slot.add(some.data(), static_cast<Index>(some.size()), ids.data());
    n_keys += static_cast<Index>(some.size());
  }
  for (const auto& slot : per_slot.entries()) alone += slot.count == 1;
  return n_keys - alone;
}

// Problem: codes of the rows' tokens to sets: known codes only, increasing, each once.
// Given:   offsets that begin at 0, never decrease and end at the number of codes.
// Result:  new offsets and codes, in place of the given ones.
inline void make_sets(std::vector<std::int64_t>& offsets, std::vector<std::int32_t>& codes) {
  std::size_t written = 0;
  Index begin = 0;
  for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
    const Index end = offsets[row + 1];
    std::sort(codes.begin() + begin, codes.begin() + end);
    std::int32_t previous = -1;
    offsets[row] = static_cast<std::int64_t>(written);
    for (Index k = begin; k < end; ++k) {
      const std::int32_t code = codes[static_cast<std::size_t>(k)];
      if (code > previous) codes[written++] = previous = code;
    }
    begin = end;
  }
  if (!offsets.empty()) offsets.back() = static_cast<std::int64_t>(written);
  codes.resize(written);
}

}  // namespace sparsecross
