// Sums whose bits do not depend on the order of their terms.
//
// Problem: add up terms that come in any order, in any number of parts, to the same double.
// Given:   a bound of the sum of their absolute values.
// Result:  each term, rounded to a multiple of a power of 2 so large that all sums of such
//          multiples are exact, and as exact sums are the same in any order, so is the result. What
//          that rounds off, at most 2^-52 of the bound for each of n terms, is summed on a finer
//          grid in the same way, so that sums far below the bound keep their digits.
// Cost:    three additions a term, and three more for the finer grid. A sum of n terms is off by
//          n² 2^-103 of the bound at most, on one grid by n 2^-52.
// Source:  Demmel & Nguyen 2013, "Fast reproducible floating-point summation", section III
//          (pre-rounding), with K = 2.
#pragma once

#include <cmath>
#include <limits>
#include <stdexcept>

#include "support/parallel.hpp"

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

// A grid, and the finer one for what it rounds off.
class ExactSums {
 public:
  // For at most n_terms in a sum. Of 0 there is one grid, whose multiples the terms are.
  ExactSums(double bound, Index n_terms)
      : coarse_(bound),
        fine_(n_terms > 0 ? static_cast<double>(n_terms) * coarse_.spacing() : bound),
        n_grids_(n_terms > 0 ? 2 : 1) {}

  const Grid& coarse() const { return coarse_; }
  // How many doubles a sum takes.
  Index n_grids() const { return n_grids_; }
  void add(double term, double* sum) const {
    const double most = coarse_.round(term);
    sum[0] += most;
    if (n_grids_ > 1) sum[1] += fine_.round(term - most);
  }

 private:
  Grid coarse_, fine_;
  Index n_grids_;
};

}  // namespace sparsecross
