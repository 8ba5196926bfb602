// Accumulators of a walk through branches, and a pool of them for threads.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "support/footprint.hpp"
#include "support/parallel.hpp"

namespace sparsecross::detail {

struct Cell {
  double sum;
  std::uint32_t epoch;
};

// Of a pair that may have triples: the bound of those, and how many rows it has.
struct Opened {
  double sum, size;
  Index count, next;
};

// Accumulators by rank: with a mark of who is in use, and without.
struct Sums {
  std::vector<Cell> cells;
  std::vector<std::int32_t> touched;
  std::vector<double> plain;
  std::size_t bytes() const { return bytes_of(cells, touched, plain); }
  void resize(Index n_ranks) {
    const auto size = static_cast<std::size_t>(n_ranks);
    cells.resize(size);
    touched.resize(size + 1);
    plain.resize(size);
  }
};

struct Scratch {
  explicit Scratch(Index n_ranks, bool triples) {
    pairs.resize(n_ranks);
    if (!triples) return;
    leaves.resize(n_ranks);
    opened.resize(static_cast<std::size_t>(n_ranks));
  }
  std::size_t bytes() const { return pairs.bytes() + leaves.bytes() + bytes_of(opened, entries); }

  Sums pairs, leaves;
  std::vector<Opened> opened;
  std::vector<std::pair<std::int32_t, double>> entries;  // of the pairs opened: row, product
  std::uint32_t epoch = 0;

  std::uint32_t next_epoch() {
    if (++epoch == 0) {  // wrapped round: old marks would look new
      for (Cell& cell : pairs.cells) cell.epoch = 0;
      for (Cell& cell : leaves.cells) cell.epoch = 0;
      epoch = 1;
    }
    return epoch;
  }
};

// Scratch memory for as many threads as are at work.
class ScratchPool {
 public:
  ScratchPool(Index n_ranks, bool triples) : n_ranks_(n_ranks), triples_(triples) {}
  std::unique_ptr<Scratch> take() {
    {
      const std::lock_guard<std::mutex> lock(guard_);
      if (!free_.empty()) {
        auto scratch = std::move(free_.back());
        free_.pop_back();
        return scratch;
      }
    }
    return std::make_unique<Scratch>(n_ranks_, triples_);
  }
  void give(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard<std::mutex> lock(guard_);
    free_.push_back(std::move(scratch));
  }
  // Of what nobody has taken.
  std::size_t bytes() const {
    const std::lock_guard<std::mutex> lock(guard_);
    std::size_t total = 0;
    for (const auto& scratch : free_) total += scratch->bytes();
    return total;
  }

 private:
  Index n_ranks_;
  bool triples_;
  mutable std::mutex guard_;
  std::vector<std::unique_ptr<Scratch>> free_;
};

}  // namespace sparsecross::detail
