// Rows of codes to rows of columns: the CSR pattern of levels and crosses.
#pragma once

#include <cstring>

#include "cross/terms.hpp"

namespace sparsecross {

// The entries of one term in some rows: ids[i] of row i (no offsets), or, where rows have several,
// ids[offsets[i]] .. ids[offsets[i + 1]]; -1 for an entry without a column.
struct Entries {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;

  template <class F>
  void each(Index row, const F& f) const {
    for (Index k = offsets[static_cast<std::size_t>(row)];
         k < offsets[static_cast<std::size_t>(row) + 1]; ++k)
      if (ids[static_cast<std::size_t>(k)] >= 0) f(ids[static_cast<std::size_t>(k)]);
  }
};

// The pattern of a sparse matrix of ones under construction, in the caller's memory. Chunks of rows
// are written by threads that do not know how long the rows before theirs are: each chunk begins
// where it would if all rows were as long as they can be, and close_gaps moves it to its place.
// Memory between chunks is not touched, so that most of what is never used never becomes real.
struct Rows {
  static constexpr Index grain = 1024;
  std::uint32_t* columns;     // room for starts.back() of them
  std::vector<Index> starts;  // of each chunk, and the end of the last
  std::vector<Index> ends;    // of each row

  Rows(Index n_rows, std::uint32_t* room, std::vector<Index> chunk_starts)
      : columns(room), starts(std::move(chunk_starts)), ends(static_cast<std::size_t>(n_rows)) {}

  Index start(Index row) const { return starts[static_cast<std::size_t>(row / grain)]; }

  // Moves the chunks together; returns the number of entries.
  Index close_gaps() {
    Index next = 0;
    const Index n_rows = static_cast<Index>(ends.size());
    for (Index begin = 0; begin < n_rows; begin += grain) {
      const Index from = start(begin), stop = std::min(n_rows, begin + grain);
      const Index length = ends[static_cast<std::size_t>(stop - 1)] - from;
      if (from != next) {
        std::memmove(columns + next, columns + from, static_cast<std::size_t>(length) * 4);
        for (Index row = begin; row < stop; ++row)
          ends[static_cast<std::size_t>(row)] -= from - next;
      }
      next += length;
    }
    return next;
  }
};

// Where chunks of rows begin if every row has all its entries: Rows' `starts`.
template <class Fold>
std::vector<Index> chunk_starts(const std::vector<TermKeys<Fold>>& terms, Index n_rows,
                                int n_threads) {
  const Index n_chunks = (n_rows + Rows::grain - 1) / Rows::grain;
  std::vector<Index> starts(static_cast<std::size_t>(n_chunks) + 1, 0);
  parallel_chunks(n_rows, Rows::grain, n_threads, [&](Index begin, Index end) {
    Index entries = 0;
    for (const auto& keys : terms) {
      if (!keys.several()) {
        entries += end - begin;
        continue;
      }
      for (Index row = begin; row < end; ++row) keys.each(row, [&](std::uint64_t) { ++entries; });
    }
    starts[static_cast<std::size_t>(begin / Rows::grain) + 1] = entries;
  });
  for (std::size_t chunk = 1; chunk < starts.size(); ++chunk) starts[chunk] += starts[chunk - 1];
  return starts;
}

template <class Fold>
std::vector<TermKeys<Fold>> keys_of(const std::vector<Term>& terms,
                                    const std::vector<FieldCodes>& fields, Fold fold) {
  std::vector<TermKeys<Fold>> out;
  for (const Term& term : terms) out.emplace_back(term, fields, fold);
  return out;
}

// Where each term's columns begin, given how many each has; the last element is their number.
inline std::vector<Index> column_starts(const std::vector<Index>& sizes) {
  std::vector<Index> starts(1, 0);
  for (const Index size : sizes) starts.push_back(starts.back() + size);
  if (starts.back() > static_cast<Index>(std::numeric_limits<std::uint32_t>::max()))
    throw std::length_error(
        "there are " + std::to_string(starts.back()) +
        " columns, beyond the limit of 2^32 - 1: raise min_count or use n_bits");
  return starts;
}

namespace detail {

// Writes rows begin..end of the entries of all terms, which are numbered from `first` on.
inline void emit(const std::vector<Entries>& terms, const std::vector<Index>& starts, Index begin,
                 Index end, Index first, Rows& out) {
  // What the inner loop needs of a term, side by side; no ids where rows have several.
  struct Source {
    const std::int32_t* ids;
    std::uint32_t start;
  };
  std::vector<Source> sources;
  for (std::size_t t = 0; t < terms.size(); ++t)
    sources.push_back({terms[t].offsets.empty() ? terms[t].ids.data() : nullptr,
                       static_cast<std::uint32_t>(starts[t])});
  Index at = out.start(begin);
  for (Index row = begin; row < end; ++row) {
    for (std::size_t t = 0; t < sources.size(); ++t) {
      const auto [ids, start] = sources[t];
      if (ids != nullptr) {
        const std::int32_t id = ids[row - first];
        if (id >= 0) out.columns[at++] = start + static_cast<std::uint32_t>(id);
      } else {
        const std::uint32_t base = start;
        terms[t].each(row - first, [&](std::int32_t id) {
          out.columns[at++] = base + static_cast<std::uint32_t>(id);
        });
      }
    }
    out.ends[static_cast<std::size_t>(row)] = at;
  }
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

  // Problem: the columns of the rows that were learnt from.
  void write(Rows& out, Index n_rows, int n_threads) const {
    std::vector<Index> sizes;
    for (const auto& some : keys) sizes.push_back(static_cast<Index>(some.size()));
    const auto starts = column_starts(sizes);
    parallel_chunks(n_rows, Rows::grain, n_threads, [&](Index begin, Index end) {
      detail::emit(entries, starts, begin, end, 0, out);
    });
  }
};

// Problem: the keys that occur in the rows, for each term, and each row's columns among them.
// Given:   checked fields; each term's range of keys is at most 2^63. Keys in fewer than
//          min_count rows are dropped.
// Result:  Learnt; its ids are the positions of the keys in their term.
// Cost:    see distinct_keys and distinct_pairs; terms are shared among the threads, and each
//          thread holds the keys of at most one term beyond the result.
inline Learnt learn_terms(const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
                          const std::vector<std::int64_t>& cardinalities, Index n_rows,
                          Index min_count, int n_threads) {
  Learnt out{std::vector<std::vector<std::uint64_t>>(terms.size()),
             std::vector<Entries>(terms.size())};
  const auto all_keys = keys_of(terms, fields, MixedRadix{&cardinalities});

  // Which fields are the second of a pair whose rows are to be ordered.
  std::vector<char> by_order(terms.size(), 0), ordered(fields.size(), 0);
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (terms[t].size() != 2 || all_keys[t].several()) continue;
    by_order[t] = !dense(n_rows, key_range(terms[t], cardinalities));
    if (by_order[t]) ordered[static_cast<std::size_t>(terms[t][1])] = 1;
  }
  std::vector<std::vector<std::int32_t>> orders(fields.size());
  parallel_chunks(static_cast<Index>(fields.size()), 1, n_threads, [&](Index f, Index) {
    const auto i = static_cast<std::size_t>(f);
    if (ordered[i]) orders[i] = order_by_code(fields[i].codes, n_rows, fields[i].cardinality);
  });

  parallel_chunks(static_cast<Index>(terms.size()), 1, n_threads, [&](Index at, Index) {
    const auto t = static_cast<std::size_t>(at);
    const auto& keys = all_keys[t];
    const std::uint64_t range = key_range(terms[t], cardinalities);
    DistinctKeys found;
    if (keys.several()) {
      const auto all = detail::gather(keys, 0, n_rows, out.entries[t].offsets);
      found = distinct_keys(static_cast<Index>(all.size()), range, min_count,
                            [&](Index begin, Index end, std::uint64_t* block) {
                              std::copy(all.begin() + begin, all.begin() + end, block);
                            });
    } else if (by_order[t]) {
      const auto a = static_cast<std::size_t>(terms[t][0]),
                 b = static_cast<std::size_t>(terms[t][1]);
      found = distinct_pairs(fields[a].codes, cardinalities[a], fields[b].codes, cardinalities[b],
                             orders[b], n_rows, min_count);
    } else {
      found = distinct_keys(
          n_rows, range, min_count,
          [&](Index begin, Index end, std::uint64_t* block) { keys.fill(begin, end, block); });
    }
    out.keys[t] = std::move(found.keys);
    out.entries[t].ids = std::move(found.ids);
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
  // Cost:    a look-up (SortedIndex::find) for each row and term; terms are shared among threads.
  //          Many rows meet one table before the next is fetched: with a thousand at a time the
  //          tables of all terms took turns in the cache, and a look-up cost twice as much.
  void write(const std::vector<TermKeys<MixedRadix>>& all_keys, Rows& out, Index n_rows,
             int n_threads) const {
    constexpr Index many = 64 * Rows::grain;
    std::vector<Entries> entries(terms.size());
    for (Index first = 0; first < n_rows; first += many) {
      const Index last = std::min(n_rows, first + many);
      parallel_chunks(static_cast<Index>(terms.size()), 1, n_threads, [&](Index at, Index) {
        const auto t = static_cast<std::size_t>(at);
        find(all_keys[t], keys[t], first, last, entries[t]);
      });
      parallel_chunks(last - first, Rows::grain, n_threads, [&](Index begin, Index end) {
        detail::emit(entries, starts, first + begin, first + end, first, out);
      });
    }
  }

 private:
  static void find(const TermKeys<MixedRadix>& of_rows, const SortedIndex<std::uint64_t>& index,
                   Index begin, Index end, Entries& out) {
    if (of_rows.several()) {
      const auto all = detail::gather(of_rows, begin, end, out.offsets);
      out.ids.resize(all.size());
      index.find(all.data(), static_cast<Index>(all.size()), out.ids.data());
      return;
    }
    out.ids.resize(static_cast<std::size_t>(end - begin));
    std::uint64_t block[key_block];
    for (Index at = begin; at < end; at += key_block) {
      const Index stop = std::min(end, at + key_block);
      of_rows.fill(at, stop, block);
      index.find(block, stop - at, out.ids.data() + (at - begin));
    }
  }
};

// Problem: the columns of rows where a column is a hash of the key: its first n_bits bits after
//          mixing. Two keys of a row that share a column give it once.
// Given:   hashes of the categories; where `kept` is not null, columns outside it stay empty.
// Cost:    a mix for each row and term, and a sort of each row's columns.
inline void write_hashed(const std::vector<TermKeys<Mixer>>& all_keys, int n_bits,
                         const SortedIndex<std::uint64_t>* kept, Rows& out, Index n_rows,
                         int n_threads) {
  parallel_chunks(n_rows, Rows::grain, n_threads, [&](Index begin, Index end) {
    std::uint32_t* next = out.columns + out.start(begin);
    for (Index row = begin; row < end; ++row) {
      std::uint32_t* const first = next;
      for (const auto& keys : all_keys)
        keys.each(row, [&](std::uint64_t key) {
          const std::uint64_t slot = splitmix64(key) >> (64 - n_bits);
          if (kept == nullptr || kept->find(slot) >= 0) *next++ = static_cast<std::uint32_t>(slot);
        });
      std::sort(first, next);
      next = std::unique(first, next);
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
