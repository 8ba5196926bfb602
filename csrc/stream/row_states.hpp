// The states of one row's coordinates: read, weighed, moved and written together.
//
// Problem: the weights that a row's coordinates have, and, once the slope of the row's loss is
//          known, the states that they move to.
// Given:   slots, the places of the row's coordinates in them (-1: none; its state is 0 and stays
//          so), the coordinates' values, a rule (update.hpp).
// Result:  for each class `read`, `weigh` and `move`, then `write`: that numbers are not finite is
//          found before anything is written.
// Cost:    for each coordinate two reads and a write of 16 bytes, a division and a square root, in
//          vectors. Memory delivers only so many states at a time, so those of the rows to come are
//          asked for bit by bit between pieces of this work.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "stream/slots.hpp"
#include "support/wide.hpp"

namespace sparsecross {

// Fetches the states at a block's places while its rows are worked on.
class Ahead {
 public:
  // `stages`: how often the work on a row calls in_pieces.
  Ahead(const Slots& slots, const Index* places, Index n_places, int stages)
      : slots_(slots),
        places_(places),
        n_places_(n_places),
        share_((kPiece + stages - 1) / stages) {
    begin_row(0);
    fetch(kDistance);
  }

  // To be called before the row whose places end at `end`: they are all fetched then.
  void begin_row(Index end) {
    allowed_ = std::min(end + kDistance, n_places_);
    fetch(end - fetched_);
  }

  // f(begin, end) for pieces of 0 .. m.
  template <class F>
  void in_pieces(Index m, const F& f) {
    for (Index begin = 0; begin < m; begin += kPiece) {
      fetch(share_);
      f(begin, std::min(begin + kPiece, m));
    }
  }

 private:
  // Far enough ahead to arrive in time, near enough to be still there.
  static constexpr Index kPiece = 16, kDistance = 96;

  void fetch(Index more) {
    const Index end = std::min(fetched_ + more, allowed_);
    if (end <= fetched_) return;
    slots_.prefetch_states(places_ + fetched_, end - fetched_);
    fetched_ = end;
  }

  const Slots& slots_;
  const Index* places_;
  Index n_places_, share_, fetched_ = 0, allowed_ = 0;
};

class RowStates {
 public:
  void resize(Index m, int n_states) {
    m_ = m;
    numbers_.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(4 * n_states + 1));
  }

  // The states of class k.
  void read(const Slots& slots, const Index* places, int k, Ahead& ahead) {
    slots.with_states([&, places](const SlotState* states, auto each) {
      double *const value = values(k), *const root = roots(k);
      ahead.in_pieces(m_, [=](Index begin, Index end) {
        for (Index e = begin; e < end; ++e) {
          const SlotState at =
              places[e] < 0 ? SlotState{0.0, 0.0} : loaded(states[places[e] * each + k]);
          value[e] = at.value;
          root[e] = at.root;
        }
      });
    });
  }

  // The weights of class k, valid until those of another are asked for.
  template <class Rule>
  const double* weigh(const Rule& rule, int k, Ahead& ahead) {
    double* const __restrict w = numbers_.data();
    const double* const __restrict value = values(k), * const __restrict root = roots(k);
    widely([=, m = m_, &ahead] {
      ahead.in_pieces(m, [=](Index begin, Index end) {
        for (Index e = begin; e < end; ++e) w[e] = rule.weight(value[e], root[e]);
      });
    });
    return w;
  }

  // Moves the states of class k, which was weighed last, by the gradients pull x; returns whether
  // all are finite.
  template <class Rule>
  bool move(const Rule& rule, int k, double pull, const double* x, Ahead& ahead) {
    const double* const __restrict w = numbers_.data();
    const double* const __restrict value = values(k), * const __restrict root = roots(k);
    double* const __restrict next = next_values(k), * const __restrict next_root = next_roots(k);
    return widely([=, m = m_, &ahead] {
      Index n_faults = 0;
      ahead.in_pieces(m, [=, &n_faults](Index begin, Index end) {
        Index faults = 0;
        for (Index e = begin; e < end; ++e) {
          const double g = pull * x[e], r = root_after(root[e], g);
          const double v = rule.next(value[e], w[e], g, root[e], r);
          next_root[e] = r;
          next[e] = v;
          const double size = std::abs(v) + r;
          faults += size - size != 0.0;  // NaN or infinite
        }
        n_faults += faults;
      });
      return n_faults == 0;
    });
  }

  // Writes where class k moved. `alone`: nobody else can have moved these states since they were
  // read; else, where one did, an entry of the row that shares the place or another thread, both
  // moves are added up.
  void write(Slots& slots, const Index* places, int k, double pull, const double* x, bool alone,
             Ahead& ahead) const {
    slots.with_states([&, places, x](SlotState* states, auto each) {
      const double *const value = values(k), *const root = roots(k);
      const double *const next = next_values(k), *const next_root = next_roots(k);
      ahead.in_pieces(m_, [=](Index begin, Index end) {
        for (Index e = begin; e < end; ++e) {
          if (places[e] < 0) continue;
          SlotState& state = states[places[e] * each + k];
          SlotState to = {next[e], next_root[e]};
          if (!alone) {
            const SlotState now = loaded(state);
            if (now.value != value[e] || now.root != root[e])
              to = {now.value + (next[e] - value[e]), root_after(now.root, pull * x[e])};
          }
          store(state, to);
        }
      });
    });
  }

 private:
  double* values(int k) { return numbers_.data() + m_ * (1 + 4 * Index{k}); }
  const double* values(int k) const { return numbers_.data() + m_ * (1 + 4 * Index{k}); }
  double* roots(int k) { return values(k) + m_; }
  const double* roots(int k) const { return values(k) + m_; }
  double* next_values(int k) { return values(k) + 2 * m_; }
  const double* next_values(int k) const { return values(k) + 2 * m_; }
  double* next_roots(int k) { return values(k) + 3 * m_; }
  const double* next_roots(int k) const { return values(k) + 3 * m_; }

  Index m_ = 0;
  std::vector<double> numbers_;  // (1 + 4 K) x m: weights; of each class the states and the next
};

}  // namespace sparsecross
