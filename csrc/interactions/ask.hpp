// What is asked of a pricing, and what it answers.
#pragma once

#include <vector>

#include "interactions/candidates.hpp"
#include "support/parallel.hpp"

namespace sparsecross {

// Columns whose products may enter: both factors, or at least one, in a set of columns.
struct Parents {
  const std::uint8_t* in = nullptr;  // p; null: all may
  bool all = false;                  // whether all factors must be in the set

  bool allow(const Factors& f) const {
    if (!in) return true;
    const int order = f.order();
    int n_in = 0;
    for (int m = 0; m < order; ++m) n_in += in[f.column[static_cast<std::size_t>(m)]] != 0;
    return all ? n_in == order : n_in > 0;
  }
};

struct Ask {
  double level;          // what is at most this is not told
  double strength;       // candidates are those beyond it, at least the level
  double l2;             // > 0: every product beyond the strength must be seen
  std::size_t how_many;  // candidates
  bool distinct;         // of equal columns only the one of the smallest key
  Parents parents;
};

struct Priced {
  double largest = 0.0;  // the largest ratio beyond the level of those outside; 0 if there is none
  double beyond = 0.0;   // Σ ω (ratio - strength)₊² / (2 l2) of those outside
  std::vector<Candidate> hardest;  // the hardest first
  Index n_visited = 0;             // products that were looked at
  Index n_equal = 0;               // of the hardest, left out for an equal one
  bool interrupted = false;
};

using InSet = std::function<bool(Key)>;

}  // namespace sparsecross
