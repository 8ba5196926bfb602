// Sums whose bits do not depend on the order of their terms.
//
// Problem: add up terms that come in any order, in any number of parts, to the same double.
// Given:   a bound of the sum of their absolute values.
// Result:  each term, rounded to a multiple of a power of 2 so large that all sums of such
//          multiples are exact, and as exact sums are the same in any order, so is the result.
// Cost:    two additions a term. A term loses what lies below 2^-52 of the bound.
// Source:  Demmel & Nguyen 2013, "Fast reproducible floating-point summation", section III
//          (pre-rounding).
#pragma once

#include <cmath>
#include <limits>
#include <stdexcept>

namespace sparsecross {

class Grid {
 public:
  // For terms whose absolute values sum to at most `bound`, positive and finite.
  explicit Grid(double bound) {
    if (!(bound > 0.0) || std::isinf(bound))
      throw std::invalid_argument("the bound of a sum must be positive and finite");
    int exponent = 0;
    std::frexp(bound, &exponent);  // bound <= 2^exponent
    constexpr int digits = std::numeric_limits<double>::digits - 1;
    spacing_ = std::ldexp(1.0, exponent - digits);
    // Where doubles near it are as far apart as the grid: to add it rounds, to take it off is
    // exact.
    shift_ = std::ldexp(1.5, exponent);
    if (!(spacing_ >= std::numeric_limits<double>::min()) || std::isinf(shift_))
      throw std::invalid_argument("the bound of a sum is beyond double precision");
  }

  double spacing() const { return spacing_; }
  // The nearest multiple.
  double round(double term) const { return (term + shift_) - shift_; }
  // The nearest multiple towards 0.
  double cut(double term) const {
    const double near = round(term);
    return std::abs(near) > std::abs(term) ? near - std::copysign(spacing_, term) : near;
  }

 private:
  double spacing_, shift_;
};

}  // namespace sparsecross
