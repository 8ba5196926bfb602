// A linear model over columns and crosses that learns from each row once, as it comes.
//
// Problem: Σ_rows s ℓ(y, x·w + b) plus a penalty, for one target or for K classes, each against the
//          rest; over a stream that is seen once.
// Given:   rows (rows.hpp), targets, weights of rows; a rule (update.hpp).
// Result:  after each row, the states of its coordinates moved by its gradient, and its loss before
//          that added to the progress (progress.hpp). Nothing depends on how rows are cut into
//          batches. Two entries of a row whose keys share a place each move it, from where the row
//          found it; in rows that are sets (tables) they count once.
// Cost:    for each coordinate a look-up, two reads of its state and a write; rows are taken in
//          blocks of some hundred coordinates, whose states are fetched ahead.
// Sources: McMahan et al. 2013 (FTRL-proximal on a stream); Recht et al. 2011, "Hogwild!" (threads
//          without locks).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "model/losses.hpp"
#include "model/pointwise.hpp"
#include "stream/block.hpp"
#include "stream/progress.hpp"
#include "stream/row_states.hpp"
#include "stream/slots.hpp"

namespace sparsecross {

class StreamLearner {
 public:
  // `window`: of the progress.
  StreamLearner(UpdateOptions update, LossKind loss, double delta, bool fit_intercept, bool sets,
                std::uint64_t window, Slots slots)
      : update_(update),
        loss_(loss),
        delta_(delta),
        fit_intercept_(fit_intercept),
        sets_(sets),
        progress_(window),
        slots_(std::move(slots)),
        intercepts_(static_cast<std::size_t>(slots_.n_states()), SlotState{0.0, 0.0}) {}

  // What one thread works in.
  struct Scratch {
    StreamBlock block;
    Distinct distinct;
    RowStates states;
    std::vector<double> pulls;
    bool alone;  // no state that a row has read is moved before the row writes it
  };

  // Learns from rows [first, last). `y` is the target of each row, or, of K > 1 classes, its
  // number; `weight` may be null: all 1. std::overflow_error where a row's numbers leave the range
  // of floats: the rows before it are learnt.
  template <class Rows>
  void learn(Rows& rows, Index first, Index last, const double* y, const double* weight) {
    // The places of a row differ but where hashed keys of a matrix meet.
    scratch_.alone = sets_ || slots_.kind() != Slots::Kind::hashed;
    learn_blocks(rows, first, last, scratch_,
                 [&](Index i, Index row, Scratch& scratch, Ahead& ahead) {
                   const double s = weight ? weight[i] : 1.0;
                   progress_.add(1, s * learn_row(scratch, row, y[i], s, ahead), s);
                 });
  }

  // The same by several threads at once, which neither wait for one another nor lock: a row may be
  // learnt from weights that others are about to move, and of two that move one weight at the same
  // time one may be lost, so that results differ from run to run. Progress is noted chunk by chunk.
  // Not for keys that are exact. `make_rows` makes a reader of rows for each thread.
  template <class MakeRows>
  void learn_without_locks(const MakeRows& make_rows, Index first, Index last, const double* y,
                           const double* weight, int n_threads) {
    if (slots_.kind() == Slots::Kind::exact)
      throw std::invalid_argument("several threads cannot learn with keys that are exact");
    constexpr Index chunk = 1024;
    std::mutex guard;
    parallel_chunks(last - first, chunk, n_threads, [&](Index begin, Index end) {
      auto rows = make_rows();
      Scratch scratch;
      scratch.alone = false;
      double loss = 0.0, total = 0.0;
      learn_blocks(rows, first + begin, first + end, scratch,
                   [&](Index i, Index row, Scratch& own, Ahead& ahead) {
                     const double s = weight ? weight[i] : 1.0;
                     loss += s * learn_row(own, row, y[i], s, ahead);
                     total += s;
                   });
      const std::lock_guard<std::mutex> lock(guard);
      progress_.add(static_cast<std::uint64_t>(end - begin), loss, total);
    });
  }

  // Margins of rows [first, last): out (last - first) x K.
  template <class Rows>
  void margins(Rows& rows, Index first, Index last, double* out) {
    StreamBlock& block = scratch_.block;
    RowStates& states = scratch_.states;
    const int K = slots_.n_states();
    for (Index i = first; i < last;) {
      block.clear();
      while (i < last && block.n_entries() < kBlock) rows.append(i++, block);
      slots_.find(block.keys(), block.n_entries(), block.places());
      if (sets_) scratch_.distinct(block);
      Ahead ahead(slots_, block.places(), block.n_entries(), 2 * K);
      with_rule(update_, [&](auto rule) {
        for (Index r = 0; r < block.n_rows(); ++r) {
          ahead.begin_row(block.end(r));
          states.resize(block.end(r) - block.begin(r), K);
          for (int k = 0; k < K; ++k) *out++ = margin(rule, block, r, k, states, ahead);
        }
      });
    }
  }

  // The weight of class k at a place; 0 at -1.
  double weight(Index place, int k) const {
    if (place < 0) return 0.0;
    const SlotState s = loaded(slots_.states(place)[k]);
    return with_rule(update_, [&](auto rule) { return rule.weight(s.value, s.root); });
  }
  double intercept(int k) const {
    const SlotState s = loaded(intercepts_[static_cast<std::size_t>(k)]);
    return with_rule(unpenalised(), [&](auto rule) { return rule.weight(s.value, s.root); });
  }
  // Weights other than 0 by key, increasing; of hashed keys by place. Of K classes one after the
  // other, wherever one of them is not 0.
  void weights(std::vector<std::uint64_t>& keys, std::vector<double>& values) const {
    const int K = slots_.n_states();
    with_rule(update_, [&](auto rule) {
      const auto tell = [&](std::uint64_t key, Index place) {
        const SlotState* const s = slots_.states(place);
        if (std::all_of(s, s + K, [&](const SlotState& at) { return rule.at_zero(at.value); }))
          return;
        keys.push_back(key);
        for (int k = 0; k < K; ++k) values.push_back(weight(place, k));
      };
      if (slots_.kind() == Slots::Kind::exact) {
        for (const auto& [key, place] : used()) tell(key, place);
        return;
      }
      constexpr Index block = 256;  // places, nearly all of whose weights are 0
      for (Index begin = 0; begin < slots_.capacity(); begin += block) {
        const Index end = std::min(begin + block, slots_.capacity());
        double largest = 0.0;
        for (const SlotState* s = slots_.states(begin); s != slots_.states(end); ++s)
          largest = std::max(largest, std::abs(s->value));
        if (rule.at_zero(largest)) continue;
        for (Index at = begin; at < end; ++at) tell(static_cast<std::uint64_t>(at), at);
      }
    });
  }
  // Of these keys, K weights each.
  void weights_of(const std::uint64_t* keys, Index n, std::vector<double>& values) const {
    std::vector<Index> places(static_cast<std::size_t>(n));
    slots_.find(keys, n, places.data());
    for (const Index place : places)
      for (int k = 0; k < slots_.n_states(); ++k) values.push_back(weight(place, k));
  }
  // The states that were ever moved or made, as keys (of hashed ones places) and K states each.
  void states(std::vector<std::uint64_t>& keys, std::vector<SlotState>& states) const {
    for (const auto& [key, place] : used()) {
      keys.push_back(key);
      const SlotState* const first = slots_.states(place);
      states.insert(states.end(), first, first + slots_.n_states());
    }
  }
  // Puts back what `states` gave, two numbers a state.
  void restore(const std::uint64_t* keys, const double* states, Index n) {
    const int K = slots_.n_states();
    for (Index at = 0; at < n; ++at) {
      if (slots_.kind() != Slots::Kind::exact &&
          keys[at] >= static_cast<std::uint64_t>(slots_.capacity()))
        throw std::invalid_argument("a key must lie below " + std::to_string(slots_.capacity()) +
                                    ", got " + std::to_string(keys[at]));
      const Index place =
          slots_.kind() == Slots::Kind::exact ? slots_.add(keys[at]) : static_cast<Index>(keys[at]);
      std::memcpy(slots_.states(place), states + 2 * at * K,
                  static_cast<std::size_t>(K) * sizeof(SlotState));
    }
  }

  const Slots& slots() const { return slots_; }
  Slots& slots() { return slots_; }
  std::vector<SlotState>& intercepts() { return intercepts_; }
  const std::vector<SlotState>& intercepts() const { return intercepts_; }
  Progress& progress() { return progress_; }
  const Progress& progress() const { return progress_; }

 private:
  // (key, place) of what was met, by key; of hashed keys the place stands for the key.
  std::vector<std::pair<std::uint64_t, Index>> used() const {
    std::vector<std::pair<std::uint64_t, Index>> found;
    const auto met = [&](Index place) {
      const SlotState* const s = slots_.states(place);
      return std::any_of(s, s + slots_.n_states(), [](const SlotState& state) {
        return state.root != 0.0 || state.value != 0.0;
      });
    };
    if (slots_.kind() == Slots::Kind::exact) {
      slots_.each_key([&](std::uint64_t key, Index place) { found.push_back({key, place}); });
      std::sort(found.begin(), found.end());
    } else {
      for (Index at = 0; at < slots_.capacity(); ++at)
        if (met(at)) found.push_back({static_cast<std::uint64_t>(at), at});
    }
    return found;
  }

  static constexpr Index kBlock = 1024;  // entries

  UpdateOptions unpenalised() const {
    UpdateOptions free = update_;
    free.l1 = free.l2 = 0.0;
    return free;
  }

  // Calls learn(i, row of the scratch's block, scratch, ahead) for each row, block by block.
  template <class Rows, class Learn>
  void learn_blocks(Rows& rows, Index first, Index last, Scratch& scratch, const Learn& learn) {
    for (Index i = first; i < last;) {
      const Index begin = i;
      StreamBlock& block = scratch.block;
      block.clear();
      while (i < last && block.n_entries() < kBlock) rows.append(i++, block);
      place(scratch);
      Ahead ahead(slots_, block.places(), block.n_entries(), 4 * slots_.n_states());
      for (Index r = 0; r < block.n_rows(); ++r) learn(begin + r, r, scratch, ahead);
    }
  }

  void place(Scratch& scratch) {
    StreamBlock& block = scratch.block;
    slots_.prefetch_keys(block.keys(), block.n_entries());
    slots_.reserve_for(block.keys(), block.n_entries());
    // Rows are told apart only where keys are admitted, which one thread does.
    const bool exact = slots_.kind() == Slots::Kind::exact;
    for (Index r = 0; r < block.n_rows(); ++r)
      slots_.find_or_add(block.keys() + block.begin(r), block.end(r) - block.begin(r),
                         exact ? progress_.now().n_rows + static_cast<std::uint64_t>(r) : 0,
                         block.places() + block.begin(r));
    if (sets_) scratch.distinct(block);
  }

  template <class Rule>
  double margin(const Rule& rule, const StreamBlock& block, Index row, int k, RowStates& states,
                Ahead& ahead) const {
    const Index begin = block.begin(row), m = block.end(row) - begin;
    states.read(slots_, block.places() + begin, k, ahead);
    return intercept(k) + dot(block.values() + begin, states.weigh(rule, k, ahead), m);
  }

  // Four partial sums hide the latency of the additions.
  static double dot(const double* x, const double* w, Index m) {
    double part[4] = {};
    Index e = 0;
    for (; e + 4 <= m; e += 4)
      for (Index lane = 0; lane < 4; ++lane) part[lane] += x[e + lane] * w[e + lane];
    double total = (part[0] + part[2]) + (part[1] + part[3]);
    for (; e < m; ++e) total += x[e] * w[e];
    return total;
  }

  // The loss of a margin, and its negative slope.
  std::pair<double, double> loss_at(double y, double m) const {
    const auto of = [&](auto loss) {
      return std::pair{loss.value(y, m) + loss.saturated(y), loss.negative_gradient(y, m)};
    };
    switch (loss_) {
      case LossKind::logistic:
        return of(LogisticLoss());
      case LossKind::huber:
        return of(HuberLoss(delta_));
      case LossKind::absolute:
        return of(AbsoluteLoss());
      default:
        return of(SquaredLoss());
    }
  }

  // The loss of the row before it is learnt from.
  double learn_row(Scratch& scratch, Index row, double y, double s, Ahead& ahead) {
    const StreamBlock& block = scratch.block;
    ahead.begin_row(block.end(row));
    if (s == 0.0) return 0.0;
    const int K = slots_.n_states();
    const Index begin = block.begin(row);
    const double* const x = block.values() + begin;
    RowStates& states = scratch.states;
    states.resize(block.end(row) - begin, K);
    scratch.pulls.resize(static_cast<std::size_t>(K));
    double loss = 0.0;
    bool finite = true;
    for (int k = 0; k < K; ++k) {
      const double truth = K == 1 ? y : y == static_cast<double>(k) ? 1.0 : -1.0;
      with_rule(update_, [&](auto rule) {
        const auto [each, slope] = loss_at(truth, margin(rule, block, row, k, states, ahead));
        const double pull = -s * slope;
        loss += each;
        finite &= states.move(rule, k, pull, x, ahead) && std::isfinite(each + pull * pull);
        scratch.pulls[static_cast<std::size_t>(k)] = pull;
      });
    }
    if (!finite)
      throw std::overflow_error("row " + std::to_string(progress_.now().n_rows) +
                                " of the stream leads out of the range of numbers; a smaller "
                                "learning_rate, or features of smaller scale, would not");
    for (int k = 0; k < K; ++k) {
      const double pull = scratch.pulls[static_cast<std::size_t>(k)];
      states.write(slots_, block.places() + begin, k, pull, x, scratch.alone, ahead);
      if (fit_intercept_) move_intercept(k, pull);
    }
    return loss;
  }

  void move_intercept(int k, double g) {
    SlotState& state = intercepts_[static_cast<std::size_t>(k)];
    const auto [value, root] = loaded(state);
    const double next_root = root_after(root, g);
    const double next = with_rule(unpenalised(), [&, value = value, root = root](auto rule) {
      return rule.next(value, rule.weight(value, root), g, root, next_root);
    });
    store(state, {next, next_root});
  }

  UpdateOptions update_;
  LossKind loss_;
  double delta_;
  bool fit_intercept_, sets_;
  Progress progress_;
  Slots slots_;
  std::vector<SlotState> intercepts_;
  Scratch scratch_;
};

}  // namespace sparsecross
