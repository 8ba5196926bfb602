// Costs in multiply-adds on tiles, as clocked: an entry of a dense column, an element of a matrix
// that is read once from the cache or beyond, and what touches vectors of length n at random, which
// the first-level cache holds or not: a gather or a scatter, and a pair of entries of two columns
// whose products are made.
#pragma once

#include "support/parallel.hpp"

namespace sparsecross {

namespace cost {
constexpr double kStream = 10.0, kElement = 8.0;
constexpr double kGather = 40.0, kNearGather = 16.0, kPair = 60.0, kNearPair = 120.0;
constexpr bool near(Index n) { return n <= 4096; }
constexpr double gather(Index n) { return near(n) ? kNearGather : kGather; }
// Few entries take longer each: rows have to be laid out, and threads woken.
constexpr double pair(Index n) { return near(n) ? kNearPair : kPair; }
}  // namespace cost

}  // namespace sparsecross
