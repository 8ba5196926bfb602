// Lines of svmlight: `label [qid:number] index:value ... [# comment]`.
//
// Problem: the labels, indices and values of a text of whole lines.
// Given:   the bytes.
// Result:  a row for each line that is not empty or a comment; std::invalid_argument names the
//          first line that is malformed, by its number in the text.
// Cost:    one pass over the bytes, cut at ends of lines and shared among the threads.
// Source:  Joachims, SVM-light (the format).
#pragma once

#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/parallel.hpp"
#include "text/decimal.hpp"

namespace sparsecross {

struct SvmlightRows {
  std::vector<double> label;
  std::vector<Index> end;  // of each row, among the entries
  std::vector<Index> index;
  std::vector<double> value;
};

namespace detail {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The rows of one line after the other; `n_lines` counts them.
inline void parse_lines(const char* at, const char* last, SvmlightRows& rows, Index& n_lines) {
  const auto n_entries = static_cast<std::size_t>(last - at) / 10;  // about
  rows.index.reserve(n_entries);
  rows.value.reserve(n_entries);
  while (at < last) {
    ++n_lines;
    const auto* newline =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(last - at)));
    const char* const next = newline ? newline + 1 : last;
    const char* end = newline ? newline : last;
    const auto fail = [&](const std::string& what) {
      throw std::invalid_argument("line " + std::to_string(n_lines) + ": " + what);
    };
    const auto word = [&](const char*& from) {
      while (from < end && is_blank(*from)) ++from;
      const char* to = from;
      while (to < end && !is_blank(*to)) ++to;
      return to;
    };
    if (const auto* comment =
            static_cast<const char*>(std::memchr(at, '#', static_cast<std::size_t>(end - at))))
      end = comment;
    const char* to = word(at);
    if (at == end) {
      at = next;
      continue;
    }
    double number = 0.0;
    if (!parse_double(at, to, number)) fail("'" + std::string(at, to) + "' is no label");
    rows.label.push_back(number);
    for (at = to; (to = word(at)) > at; at = to) {
      if (to - at > 4 && std::memcmp(at, "qid:", 4) == 0) continue;
      std::uint64_t index = 0;
      const char* digit = at;
      for (; digit < to && is_digit(*digit) && digit - at < 18; ++digit)
        index = 10 * index + static_cast<std::uint64_t>(*digit - '0');
      if (digit == at || digit == to || *digit != ':' || !parse_double(digit + 1, to, number))
        fail("'" + std::string(at, to) + "' is no index:value");
      rows.index.push_back(static_cast<Index>(index));
      rows.value.push_back(number);
    }
    rows.end.push_back(static_cast<Index>(rows.index.size()));
    at = next;
  }
}

}  // namespace detail

inline SvmlightRows parse_svmlight(const char* text, std::size_t size, int n_threads) {
  constexpr std::size_t worth_a_part = std::size_t{1} << 18;
  const auto n_parts = static_cast<std::size_t>(
      std::clamp<Index>(static_cast<Index>(size / worth_a_part), 1, effective_threads(n_threads)));
  std::vector<const char*> cut{text};
  for (std::size_t k = 1; k < n_parts; ++k) {
    const char* from = std::max(cut.back(), text + size / n_parts * k);
    const auto* newline = static_cast<const char*>(
        std::memchr(from, '\n', static_cast<std::size_t>(text + size - from)));
    cut.push_back(newline ? newline + 1 : text + size);
  }
  cut.push_back(text + size);
  std::vector<SvmlightRows> parts(n_parts);
  std::vector<Index> n_lines(n_parts, 0);
  std::vector<std::string> failures(n_parts);
  parallel_chunks(static_cast<Index>(n_parts), 1, n_threads, [&](Index part, Index) {
    const auto k = static_cast<std::size_t>(part);
    try {
      detail::parse_lines(cut[k], cut[k + 1], parts[k], n_lines[k]);
    } catch (const std::invalid_argument& error) {
      failures[k] = error.what();
    }
  });
  Index before = 0;
  for (std::size_t k = 0; k < n_parts; before += n_lines[k++])
    if (!failures[k].empty())
      throw std::invalid_argument("line " + std::to_string(before + n_lines[k]) +
                                  failures[k].substr(failures[k].find(':')));
  SvmlightRows rows = std::move(parts[0]);
  for (std::size_t k = 1; k < n_parts; ++k) {
    const auto n_entries = static_cast<Index>(rows.index.size());
    rows.label.insert(rows.label.end(), parts[k].label.begin(), parts[k].label.end());
    for (const Index end : parts[k].end) rows.end.push_back(n_entries + end);
    rows.index.insert(rows.index.end(), parts[k].index.begin(), parts[k].index.end());
    rows.value.insert(rows.value.end(), parts[k].value.begin(), parts[k].value.end());
    parts[k] = SvmlightRows();
  }
  return rows;
}

}  // namespace sparsecross
