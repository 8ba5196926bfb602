// Lines of svmlight: `label [qid:number] index:value ... [# comment]`.
//
// Problem: the labels, indices and values of a text of whole lines.
// Given:   the bytes.
// Result:  a row for each line that is not empty or a comment; std::invalid_argument names the
//          first line that is malformed, by its number in the text.
// Cost:    the bytes are read twice: counted, which tells each part of the text where its rows
//          go, and parsed straight to there. The parts are shared among the threads.
// Source:  Joachims, SVM-light (the format, in which the indices of a line increase).
#pragma once

#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/parallel.hpp"
#include "text/decimal.hpp"

namespace sparsecross {

struct SvmlightCounts {
  Index rows = 0;
  Index entries = 0;
};

// Where rows are written to.
template <class I>
struct SvmlightRows {
  double* label;
  I* end;  // of each row, among the entries
  I* index;
  double* value;
};

namespace detail {

// Bytes of a kind in [at, last): sums of a byte each, added up before they overflow.
inline Index count_bytes(const char* at, const char* last, char kind) {
  Index n = 0;
  while (at < last) {
    const char* const stop = at + std::min<std::ptrdiff_t>(last - at, 255);
    unsigned char some = 0;
    for (; at < stop; ++at) some = static_cast<unsigned char>(some + (*at == kind));
    n += some;
  }
  return n;
}

// The lines of one part of a text, from its front on.
template <class I>
class SvmlightLines {
 public:
  // The first line is number `n_lines` + 1 of the text; rows go to the front of `rows`, and their
  // ends count from `n_entries`.
  SvmlightLines(const char* first, const char* last, Index n_lines, Index n_entries,
                const SvmlightRows<I>& rows)
      : at_(first), last_(last), n_lines_(n_lines), n_entries_(n_entries), rows_(rows) {}

  // False where an index or an end is too large for its type.
  bool parse(SvmlightCounts& found) {
    while (at_ < last_) {
      ++n_lines_;
      const auto* newline =
          static_cast<const char*>(std::memchr(at_, '\n', static_cast<std::size_t>(last_ - at_)));
      end_ = newline ? newline : last_;
      if (!parse_line(found)) return false;
      at_ = newline ? newline + 1 : last_;
    }
    return true;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  bool ends_word(const char* at) const { return at == end_ || is_blank(*at) || *at == '#'; }
  const char* end_of_word() const {
    const char* to = at_;
    while (!ends_word(to)) ++to;
    return to;
  }
  // Whether another word begins, after blanks.
  bool next_word() {
    while (at_ < end_ && is_blank(*at_)) ++at_;
    return at_ < end_ && *at_ != '#';
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("line " + std::to_string(n_lines_) + ": " + what);
  }
  [[noreturn]] void fail_word(const char* kind) const {
    fail("'" + std::string(at_, end_of_word()) + "' is no " + kind);
  }

  // The number from `from` to the end of the word, which is passed.
  double number(const char* from, const char* kind) {
    double value = 0.0;
    const char* to = read_short_double(from, end_, value);
    if (to == from || !ends_word(to)) {
      to = end_of_word();
      if (!parse_double(from, to, value)) fail_word(kind);
    }
    at_ = to;
    return value;
  }

  bool parse_line(SvmlightCounts& found) {
    if (!next_word()) return true;
    rows_.label[found.rows] = number(at_, "label");
    Index before = -1;
    while (next_word()) {
      const char* digit = at_;
      Index index = 0;
      for (; digit < end_ && is_digit(*digit) && digit - at_ < 18; ++digit)
        index = 10 * index + (*digit - '0');
      if (digit == at_ || digit == end_ || *digit != ':') {
        if (end_of_word() - at_ <= 4 || std::memcmp(at_, "qid:", 4) != 0) fail_word("index:value");
        at_ = end_of_word();
        continue;
      }
      if (index > static_cast<Index>(std::numeric_limits<I>::max())) return false;
      if (index <= before)
        fail("indices must increase, got " + std::to_string(index) + " after " +
             std::to_string(before));
      before = index;
      rows_.index[found.entries] = static_cast<I>(index);
      rows_.value[found.entries] = number(digit + 1, "index:value");
      ++found.entries;
    }
    const Index end = n_entries_ + found.entries;
    rows_.end[found.rows++] = static_cast<I>(end);
    return end <= static_cast<Index>(std::numeric_limits<I>::max());
  }

  const char* at_;
  const char* end_ = nullptr;  // of the line
  const char* last_;
  Index n_lines_;
  Index n_entries_;
  SvmlightRows<I> rows_;
};

}  // namespace detail

class SvmlightText {
 public:
  SvmlightText(const char* text, Index size, int n_threads) : n_threads_(n_threads) {
    constexpr Index size_of_part = Index{1} << 18;
    const char* const last = text + size;
    for (cut_.push_back(text); cut_.back() < last;) {
      const char* const from = std::min(cut_.back() + size_of_part, last) - 1;
      const auto* newline =
          static_cast<const char*>(std::memchr(from, '\n', static_cast<std::size_t>(last - from)));
      cut_.push_back(newline ? newline + 1 : last);
    }
    begin_.resize(cut_.size());
    parallel_chunks(n_parts(), 1, n_threads_, [&](Index k, Index) {
      const char *from = cut_[at(k)], *to = cut_[at(k) + 1];
      begin_[at(k) + 1] = {detail::count_bytes(from, to, '\n') + (to[-1] != '\n'),
                           detail::count_bytes(from, to, ':')};
    });
    for (std::size_t k = 1; k < begin_.size(); ++k) {
      begin_[k].rows += begin_[k - 1].rows;
      begin_[k].entries += begin_[k - 1].entries;
    }
  }

  // Lines, and colons: there are no more rows and entries, and fewer where there are comments.
  const SvmlightCounts& at_most() const { return begin_.back(); }

  // Writes the rows to memory for as many as there are at most, and counts them; false where an
  // index or an end is too large for its type.
  template <class I>
  bool parse(const SvmlightRows<I>& rows, SvmlightCounts& found) const {
    std::vector<SvmlightCounts> counts(at(n_parts()));
    std::vector<std::string> failures(at(n_parts()));
    std::atomic<bool> fits{true};
    parallel_chunks(n_parts(), 1, n_threads_, [&](Index k, Index) {
      const auto& [row, entry] = begin_[at(k)];
      detail::SvmlightLines<I> lines(
          cut_[at(k)], cut_[at(k) + 1], row, entry,
          {rows.label + row, rows.end + row, rows.index + entry, rows.value + entry});
      try {
        if (!lines.parse(counts[at(k)])) fits = false;
      } catch (const std::invalid_argument& error) {
        failures[at(k)] = error.what();
      }
    });
    if (!fits) return false;
    for (const std::string& failure : failures)
      if (!failure.empty()) throw std::invalid_argument(failure);
    found = {};
    for (Index k = 0; k < n_parts(); ++k) {
      close_gap(begin_[at(k)], counts[at(k)], found, rows);
      found.rows += counts[at(k)].rows;
      found.entries += counts[at(k)].entries;
    }
    return true;
  }

 private:
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  Index n_parts() const { return static_cast<Index>(cut_.size()) - 1; }

  // Moves `n` rows to where those before them end.
  template <class I>
  static void close_gap(const SvmlightCounts& from, const SvmlightCounts& n,
                        const SvmlightCounts& to, const SvmlightRows<I>& rows) {
    if (from.rows == to.rows && from.entries == to.entries) return;
    std::copy_n(rows.label + from.rows, n.rows, rows.label + to.rows);
    std::transform(
        rows.end + from.rows, rows.end + from.rows + n.rows, rows.end + to.rows,
        [&](I end) { return static_cast<I>(end - static_cast<I>(from.entries - to.entries)); });
    std::copy_n(rows.index + from.entries, n.entries, rows.index + to.entries);
    std::copy_n(rows.value + from.entries, n.entries, rows.value + to.entries);
  }

  int n_threads_;
  std::vector<const char*> cut_;       // ends of parts, at ends of lines
  std::vector<SvmlightCounts> begin_;  // of each part, among rows and entries, if it has as many
};

}  // namespace sparsecross
