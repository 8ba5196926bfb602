// Progressive validation: the losses of rows before they were learnt from, added up.
//
// Result:  sums over all rows so far; a record of them at the end of each window: of so many rows,
//          or, where `window` is 0, at 1, 2, 4, 8, ... rows.
// Source:  Blum, Kalai & Langford 1999, "Beating the hold-out".
#pragma once

#include <cstdint>
#include <vector>

namespace sparsecross {

struct ProgressRecord {
  std::uint64_t n_rows;
  double loss, weight;                // sums of s ℓ and of s
  double window_loss, window_weight;  // the same since the last record
};

class Progress {
 public:
  explicit Progress(std::uint64_t window) : window_(window) {}

  void add(std::uint64_t n_rows, double loss, double weight) {
    const std::uint64_t before = now_.n_rows;
    now_.n_rows += n_rows;
    now_.loss += loss;
    now_.weight += weight;
    now_.window_loss += loss;
    now_.window_weight += weight;
    const bool ended = window_ > 0
                           ? before / window_ != now_.n_rows / window_
                           : before == 0 || __builtin_clzll(before) != __builtin_clzll(now_.n_rows);
    if (!ended) return;
    records_.push_back(now_);
    now_.window_loss = now_.window_weight = 0.0;
  }

  ProgressRecord& now() { return now_; }
  const ProgressRecord& now() const { return now_; }
  std::vector<ProgressRecord>& records() { return records_; }

 private:
  std::uint64_t window_;
  ProgressRecord now_{0, 0.0, 0.0, 0.0, 0.0};
  std::vector<ProgressRecord> records_;
};

}  // namespace sparsecross
