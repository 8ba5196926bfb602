// Rows of codes to rows of columns: the CSR pattern of levels and crosses.
#pragma once

#include <cstring>

#include "cross/index.hpp"
#include "cross/terms.hpp"

namespace sparsecross {

// The columns of one term in some rows: columns[i] of row i (no offsets), or, where rows have
// several, columns[offsets[i]] .. columns[offsets[i + 1]]; `nowhere` for an entry without a column.
struct Entries {
  std::vector<std::uint32_t> columns;
  std::vector<std::int64_t> offsets;
};

// The pattern of a sparse matrix of ones under construction, in the caller's memory. Chunks of rows
// are written by threads that do not know how long the rows before theirs are: each chunk begins
// where it would if all rows were as long as they can be, and close_gaps moves it to its place.
// Memory between chunks is not touched, so that most of what is never used never becomes real.
struct Rows {
  Index grain;                // rows of a chunk
  std::uint32_t* columns;     // room for starts.back() of them
  std::vector<Index> starts;  // of each chunk, and the end of the last
  std::vector<Index> ends;    // of each row

  Rows(Index n_rows, Index rows_of_chunk, std::uint32_t* room, std::vector<Index> chunk_starts)
      : grain(rows_of_chunk),
        columns(room),
        starts(std::move(chunk_starts)),
        ends(static_cast<std::size_t>(n_rows)) {}

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
std::vector<Index> chunk_starts(const std::vector<TermKeys<Fold>>& terms, Index n_rows, Index grain,
                                int n_threads) {
  const Index n_chunks = (n_rows + grain - 1) / grain;
  std::vector<Index> starts(static_cast<std::size_t>(n_chunks) + 1, 0);
  parallel_chunks(n_rows, grain, n_threads, [&](Index begin, Index end) {
    Index entries = 0;
    for (const auto& keys : terms) {
      if (!keys.several()) {
        entries += end - begin;
        continue;
      }
      for (Index row = begin; row < end; ++row) keys.each(row, [&](std::uint64_t) { ++entries; });
    }
    starts[static_cast<std::size_t>(begin / grain) + 1] = entries;
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

// Problem: the keys that occur in the rows, for each term, in order.
// Given:   checked fields; each term's range of keys is at most 2^63. Keys in fewer than
//          min_count rows are dropped.
// Cost:    see distinct_keys and distinct_pairs; terms are shared among the threads, and each
//          thread holds the keys of at most one term beyond the result.
inline std::vector<std::vector<std::uint64_t>> learn_keys(
    const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
    const std::vector<std::int64_t>& cardinalities, Index n_rows, Index min_count, int n_threads) {
  std::vector<std::vector<std::uint64_t>> out(terms.size());
  const auto all_keys = keys_of(terms, fields, MixedRadix{&cardinalities});

  // Which fields are the second of a pair whose rows are to be ordered.
  std::vector<char> by_order(terms.size(), 0), ordered(fields.size(), 0);
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (terms[t].size() != 2 || all_keys[t].several() || n_rows > INT32_MAX) continue;
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
    if (by_order[t]) {
      const auto a = static_cast<std::size_t>(terms[t][0]),
                 b = static_cast<std::size_t>(terms[t][1]);
      out[t] = distinct_pairs(fields[a].codes, cardinalities[a], fields[b].codes, cardinalities[b],
                              orders[b], min_count);
      return;
    }
    Index n = n_rows;
    if (keys.several()) {
      n = 0;
      for (Index row = 0; row < n_rows; ++row) keys.each(row, [&](std::uint64_t) { ++n; });
    }
    out[t] = distinct_keys(n, range, min_count, [&](const auto& f) { keys.each_of(n_rows, f); });
    out[t].shrink_to_fit();
  });
  return out;
}

// The columns of fitted terms: an index over each term's keys.
struct TermIndex {
  std::vector<Term> terms;
  std::vector<std::int64_t> cardinalities;
  std::vector<SortedIndex<std::uint64_t>> keys;
  std::vector<Index> starts;

  Index table_bytes() const {
    Index total = 0;
    for (const auto& some : keys) total += some.table_bytes();
    return total;
  }

  // How many rows `write` gives to a thread at a time. Where the tables of all terms do not fit
  // into a core's cache, many rows meet one table before the next is fetched.
  Index grain() const { return in_cache() ? 1024 : 16384; }

  // Problem: the columns of rows, by their codes.
  // Cost:    a look-up for each row and term. Where tables fit into the cache and no row has
  //          several keys in a term, a few rows at a time are written where they belong while they
  //          stay in the first-level cache: term after term, each with a stride.
  void write(const std::vector<TermKeys<MixedRadix>>& all_keys, Rows& out, Index n_rows,
             int n_threads) const {
    bool direct = in_cache();
    for (const auto& some : all_keys) direct = direct && !some.several();
    parallel_chunks(n_rows, out.grain, n_threads, [&](Index begin, Index end) {
      if (direct)
        write_direct(all_keys, begin, end, out);
      else
        write_gathered(all_keys, begin, end, out);
    });
  }

 private:
  static constexpr Index few = 64;

  bool in_cache() const { return table_bytes() <= Index{4} << 20; }

  void write_direct(const std::vector<TermKeys<MixedRadix>>& all_keys, Index begin, Index end,
                    Rows& out) const {
    const auto width = static_cast<Index>(terms.size());
    Index next = out.start(begin);
    for (Index row = begin; row < end; row += few) {
      const Index m = std::min(few, end - row);
      std::uint32_t* const block = out.columns + out.start(begin) + (row - begin) * width;
      for (std::size_t t = 0; t < terms.size(); ++t) find(all_keys[t], t, row, m, block + t, width);
      bool missing = false;
      for (Index k = 0; k < m * width; ++k) missing |= block[k] == nowhere;
      if (!missing && out.columns + next == block) {
        for (Index i = 0; i < m; ++i) out.ends[static_cast<std::size_t>(row + i)] = next += width;
        continue;
      }
      for (Index i = 0; i < m; ++i) {
        for (Index t = 0; t < width; ++t) {
          const std::uint32_t column = block[i * width + t];
          out.columns[next] = column;
          next += column != nowhere;
        }
        out.ends[static_cast<std::size_t>(row + i)] = next;
      }
    }
  }

  void write_gathered(const std::vector<TermKeys<MixedRadix>>& all_keys, Index begin, Index end,
                      Rows& out) const {
    std::vector<Entries> entries(terms.size());
    for (std::size_t t = 0; t < terms.size(); ++t) gather(all_keys[t], t, begin, end, entries[t]);
    Index next = out.start(begin);
    for (Index row = begin; row < end; ++row) {
      const auto i = static_cast<std::size_t>(row - begin);
      for (const Entries& some : entries) {
        const std::size_t from =
                              some.offsets.empty() ? i : static_cast<std::size_t>(some.offsets[i]),
                          to = some.offsets.empty() ? i + 1
                                                    : static_cast<std::size_t>(some.offsets[i + 1]);
        for (std::size_t k = from; k < to; ++k)
          if (some.columns[k] != nowhere) out.columns[next++] = some.columns[k];
      }
      out.ends[static_cast<std::size_t>(row)] = next;
    }
  }

  void gather(const TermKeys<MixedRadix>& of_rows, std::size_t t, Index begin, Index end,
              Entries& out) const {
    if (!of_rows.several()) {
      // Some room between the terms: at a distance of a power of two their rows would share sets
      // of the cache.
      out.columns.reserve(static_cast<std::size_t>(end - begin) + 16 * (1 + t % 7));
      out.columns.resize(static_cast<std::size_t>(end - begin));
      for (Index row = begin; row < end; row += key_block)
        find(of_rows, t, row, std::min(key_block, end - row), out.columns.data() + (row - begin),
             1);
      return;
    }
    const auto all = detail::gather(of_rows, begin, end, out.offsets);
    std::vector<std::int32_t> positions(all.size());
    keys[t].find(all.data(), static_cast<Index>(all.size()), positions.data());
    for (const std::int32_t position : positions) out.columns.push_back(column(t, position));
  }

  std::uint32_t column(std::size_t t, std::int32_t position) const {
    return position < 0
               ? nowhere
               : static_cast<std::uint32_t>(starts[t]) + static_cast<std::uint32_t>(position);
  }

  // out[i * stride] = the column of row + i in term t, for i in [0, m), m at most key_block.
  void find(const TermKeys<MixedRadix>& of_rows, std::size_t t, Index row, Index m,
            std::uint32_t* out, Index stride) const {
    const auto& index = keys[t];
    const auto start = static_cast<std::uint32_t>(starts[t]);
    if (!index.hashed() && terms[t].size() <= 2) {
      if (terms[t].size() == 1)
        index.ranks(m, of_rows.singles(row, index.first()), start, out, stride);
      else
        index.ranks(m, of_rows.pairs(row, index.first()), start, out, stride);
      return;
    }
    std::uint64_t block[key_block];
    std::int32_t positions[key_block];
    of_rows.fill(row, row + m, block);
    index.find(block, m, positions);
    for (Index i = 0; i < m; ++i) out[i * stride] = column(t, positions[i]);
  }
};

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
