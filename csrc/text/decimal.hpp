// Decimal numbers as text, to the nearest double.
#pragma once

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace sparsecross {

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

namespace detail {

// The nearest double of a whole text, by the library, which knows what to do with the last bit.
inline bool slow_double(const char* first, const char* last, double& value) {
  if (*first == '+' && (++first == last || *first == '-')) return false;
#if defined(__cpp_lib_to_chars)
  const auto [read, error] = std::from_chars(first, last, value);
  if (error != std::errc::result_out_of_range || read != last)
    return error == std::errc() && read == last;
#endif
  const std::string text(first, last);  // ends in a 0, as strtod needs
  if (std::isspace(static_cast<unsigned char>(text[0]))) return false;
  char* end = nullptr;
  value = std::strtod(text.c_str(), &end);  // 0 for what is too small
  const bool word = std::isalpha(static_cast<unsigned char>(text[text[0] == '-']));
  return end == text.c_str() + text.size() && (word || !std::isinf(value));
}

}  // namespace detail

// Problem: what number do the characters at the front of [first, last) spell, as far as they go?
// Result:  where it ends, `value` being the nearest double; `first` where there is none, or where
//          the library has to be asked.
// Cost:    few nanoseconds: up to 18 digits that a double can hold and a power of 10 up to 22, both
//          exact, so that their product or quotient is rounded once (Clinger 1990, "How to read
//          floating point numbers accurately").
inline const char* read_short_double(const char* first, const char* last, double& value) {
  static constexpr double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  constexpr std::uint64_t exact = std::uint64_t{1} << 53;
  const char* at = first;
  const bool negative = at < last && *at == '-';
  if (negative || (at < last && *at == '+')) ++at;
  const char* const digits = at;
  std::uint64_t mantissa = 0;
  int exponent = 0;
  for (; at < last && is_digit(*at); ++at)
    mantissa = 10 * mantissa + static_cast<std::uint64_t>(*at - '0');
  auto n_digits = at - digits;
  if (at < last && *at == '.') {
    const char* const point = ++at;
    for (; at < last && is_digit(*at); ++at)
      mantissa = 10 * mantissa + static_cast<std::uint64_t>(*at - '0');
    n_digits += at - point;
    exponent = static_cast<int>(point - at);
  }
  if (n_digits == 0 || n_digits > 18 || mantissa > exact) return first;
  if (at < last && (*at == 'e' || *at == 'E')) {
    const char* sign = ++at;
    if (at < last && (*at == '-' || *at == '+')) ++at;
    int written = 0;
    const char* const power = at;
    for (; at < last && is_digit(*at) && written < 1000; ++at) written = 10 * written + (*at - '0');
    if (at == power) return first;
    exponent += *sign == '-' ? -written : written;
  }
  if (exponent < -22 || exponent > 22) return first;
  const auto whole = static_cast<double>(mantissa);
  value = exponent < 0 ? whole / powers[-exponent] : whole * powers[exponent];
  if (negative) value = -value;
  return at;
}

// The nearest double of all characters [first, last); false where they are no number, or one beyond
// double precision. Infinities and NaN are known as words.
inline bool parse_double(const char* first, const char* last, double& value) {
  if (first == last) return false;
  return read_short_double(first, last, value) == last || detail::slow_double(first, last, value);
}

}  // namespace sparsecross
