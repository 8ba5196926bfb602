// Units in which columns of all scales are summed under one bound.
//
// Problem: sums of x r over a column are kept on a grid that a bound of Σ |r| makes, which must be
//          neither too fine nor too coarse for any column.
// Given:   a factor for each column, or one for all, powers of 2, by which no |x| is above 1; and
//          for dense rows centres, where columns lie far from 0.
// Result:  (x - centre_j) factor_j in the place of x_ij; and how many terms sums may have, where
//          entries are not all 1, so that terms have to be rounded (exact_sum.hpp).
// Cost:    a look-up an entry where columns have factors of their own.
#pragma once

#include "matrix/slices.hpp"

namespace sparsecross {

struct Units {
  const double* centre = nullptr;  // (p)
  const double* factor = nullptr;  // (p)
  double common = 1.0;             // of all columns, without factors
  Index n_terms = 0;               // rows of all blocks; 0 where all entries are 1

  // Whether entries are what they are.
  bool plain() const { return !factor && common == 1.0; }
  double of(Index j, double x) const {
    return factor ? (centre ? x - centre[j] : x) * factor[j] : x * common;
  }
};

}  // namespace sparsecross
