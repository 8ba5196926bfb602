// The solvers' entries, for every loss: declared here, compiled once in solve.cpp.
#pragma once

#include "solve/working_set.hpp"

namespace sparsecross {

// Problem: problem.hpp, to a relative duality gap of `tol`, by the method that the options name.
// Given:   a start (coef of length p, intercept), or null; `kept` of another strength of the
//          penalty on the same problem, or null. Losses with kinks are for coordinate descent, and
//          take nothing from `kept`.
// Result:  a Solution whose gap is proved over all columns.
Solution solve(const Problem& problem, const Options& options, const std::vector<double>* coef_init,
               double intercept_init, const Poll& poll, const OnRound& on_round = {},
               Kept* kept = nullptr);

// P0 - Psat for every loss.
double null_objective(const Problem& problem, const Poll& poll);

// The smallest strength of the L1 penalty at which every penalised weight is 0, for a penalty of
// strength 1 (largest_strength). With kinks the dual point of the null model may not be unique: all
// weights are 0 then at the strength returned, and perhaps at one below.
double largest_strength(const Problem& problem, const Poll& poll);

// The certificate of given weights, for every loss. Where the loss has kinks, the weights alone say
// little about the dual point at samples on a kink; the residuals of the smoothed losses are tried,
// among them the one that a solution found here was made with.
Certificate certify(const Problem& problem, Point at, const Poll& poll);

}  // namespace sparsecross
