// Where the states of coordinates are kept, by key.
//
// Problem: find the states of a coordinate, or make room for them when it is first met.
// Given:   64-bit keys.
// Result:  the place of a key: its states are states(place) .. states(place + 1).
//          - direct: the key itself, for keys below a bound;
//          - hashed: n_bits of the mixed key; keys that share them share a weight;
//          - exact: a table of the keys met and admitted (admission.hpp), which grows.
// Cost:    16 bytes a state, direct and hashed as the pages are touched; exact: 8 more a key, at a
//          load of at most 5 / 8, and a look-up is a cache line of keys before that of the state.
// Sources: Weinberger et al. 2009 (hashing); Knuth, The Art of Computer Programming, vol. 3, 6.4,
//          algorithm L (linear probing).
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "cross/keys.hpp"
#include "stream/admission.hpp"
#include "stream/update.hpp"
#include "support/zeroed.hpp"

namespace sparsecross {

class Slots {
 public:
  enum class Kind { direct, hashed, exact };

  // For keys below `universe`.
  static Slots direct(std::uint64_t universe, int n_states) {
    return Slots(Kind::direct, universe, 0, n_states, {});
  }
  static Slots hashed(int n_bits, int n_states) {
    return Slots(Kind::hashed, std::uint64_t{1} << n_bits, n_bits, n_states, {});
  }
  static Slots exact(Admission admission, int n_states) {
    return Slots(Kind::exact, std::uint64_t{1} << kLeastBits, kLeastBits, n_states,
                 std::move(admission));
  }

  Kind kind() const { return kind_; }
  int n_states() const { return n_states_; }
  // Places that there are, used or not.
  Index capacity() const { return static_cast<Index>(capacity_); }
  std::size_t nbytes() const {
    return capacity_ * static_cast<std::size_t>(n_states_) * sizeof(SlotState) +
           keys_.size() * sizeof(std::uint64_t) + admission_.nbytes();
  }

  SlotState* states(Index place) { return states_.data() + place * n_states_; }
  const SlotState* states(Index place) const { return states_.data() + place * n_states_; }

  // f(states of place 0, states a place): one state a place, as most models have, is known to the
  // compiler.
  template <class F>
  void with_states(const F& f) {
    per_place(states_.data(), f);
  }
  template <class F>
  void with_states(const F& f) const {
    per_place(states_.data(), f);
  }

  // The places of n keys; -1 where a key has none.
  void find(const std::uint64_t* keys, Index n, Index* places) const {
    if (kind_ != Kind::exact) {
      reduce(keys, n, places);
      return;
    }
    for (Index e = 0; e < n; ++e) __builtin_prefetch(keys_.data() + home(keys[e]));
    for (Index e = 0; e < n; ++e) {
      const std::size_t at = probe(keys[e]);
      places[e] = keys_.data()[at] == marked(keys[e]) ? static_cast<Index>(at) : -1;
    }
  }

  // Room for those of n keys that are new, so that places stay what they are while they are added.
  void reserve_for(const std::uint64_t* keys, Index n) {
    if (kind_ != Kind::exact || fits(n_keys_ + static_cast<std::uint64_t>(n), capacity_)) return;
    std::uint64_t fresh = 0;
    for (Index e = 0; e < n; ++e) fresh += keys_.data()[probe(keys[e])] == 0;
    reserve(fresh);
  }

  // The same for the keys of a row that is learnt from: those that are new are added if they are
  // admitted. `row` is how many rows came before.
  void find_or_add(const std::uint64_t* keys, Index n, std::uint64_t row, Index* places) {
    if (kind_ != Kind::exact) {
      reduce(keys, n, places);
      return;
    }
    for (Index e = 0; e < n; ++e) {
      const std::size_t at = probe(keys[e]);
      std::uint64_t& there = keys_.data()[at];
      if (there == 0 && admission_.admits(keys[e], row)) {
        there = marked(keys[e]);
        ++n_keys_;
      }
      places[e] = there == 0 ? -1 : static_cast<Index>(at);
    }
  }

  // Fetches what `find_or_add` will read.
  void prefetch_keys(const std::uint64_t* keys, Index n) const {
    if (kind_ != Kind::exact) return;
    for (Index e = 0; e < n; ++e) __builtin_prefetch(keys_.data() + home(keys[e]));
  }
  // Fetches the states at places, into the second-level cache: more can be on their way to it. (Not
  // by with_states: a function that does nothing but fetch is dropped as one without effect.)
  void prefetch_states(const Index* places, Index n) const {
    const SlotState* const first = states_.data();
    const Index each = n_states_;
    for (Index e = 0; e < n; ++e)
      if (places[e] >= 0) __builtin_prefetch(first + places[e] * each, 1, 2);
  }

  // f(key, place) for each key that has a place; exact only.
  template <class F>
  void each_key(const F& f) const {
    for (std::size_t at = 0; at < keys_.size(); ++at)
      if (keys_.data()[at] != 0) f(keys_.data()[at] - 1, static_cast<Index>(at));
  }

  // Adds a key, admitted or not; exact only.
  Index add(std::uint64_t key) {
    if (key == ~std::uint64_t{0}) throw std::invalid_argument("a key must lie below 2^64 - 1");
    reserve(1);
    const std::size_t at = probe(key);
    n_keys_ += keys_.data()[at] == 0;
    keys_.data()[at] = marked(key);
    return static_cast<Index>(at);
  }

  Admission& admission() { return admission_; }
  const Admission& admission() const { return admission_; }

 private:
  static constexpr int kLeastBits = 10;

  Slots(Kind kind, std::uint64_t capacity, int bits, int n_states, Admission admission)
      : kind_(kind),
        capacity_(capacity),
        bits_(bits),
        n_states_(n_states),
        states_(checked(capacity) * static_cast<std::size_t>(n_states)),
        keys_(kind == Kind::exact ? checked(capacity) : 0),
        admission_(std::move(admission)) {}

  static std::size_t checked(std::uint64_t capacity) {
    if (capacity > (std::uint64_t{1} << 40))
      throw std::invalid_argument("a table must have at most 2^40 slots, got " +
                                  std::to_string(capacity));
    return static_cast<std::size_t>(capacity);
  }

  // Keys are stored one higher: 0 marks what is empty. (Keys are below 2^64 - 1.)
  static std::uint64_t marked(std::uint64_t key) { return key + 1; }
  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>(splitmix64(key) >> (64 - bits_));
  }
  // Where the key is, or the empty place where it would go.
  std::size_t probe(std::uint64_t key) const {
    const std::uint64_t* const keys = keys_.data();
    std::size_t at = home(key);
    while (keys[at] != 0 && keys[at] != marked(key))
      at = (at + 1) & (static_cast<std::size_t>(capacity_) - 1);
    return at;
  }

  void reduce(const std::uint64_t* keys, Index n, Index* places) const {
    if (kind_ == Kind::direct) {
      for (Index e = 0; e < n; ++e)
        places[e] = keys[e] < capacity_ ? static_cast<Index>(keys[e]) : -1;
    } else {
      for (Index e = 0; e < n; ++e) places[e] = static_cast<Index>(home(keys[e]));
    }
  }

  template <class State, class F>
  void per_place(State* states, const F& f) const {
    if (n_states_ == 1) {
      f(states, std::integral_constant<Index, 1>());
    } else {
      f(states, Index{n_states_});
    }
  }

  // A load of at most 5 / 8.
  static bool fits(std::uint64_t n_keys, std::uint64_t capacity) {
    return 8 * n_keys <= 5 * capacity;
  }

  void reserve(std::uint64_t more) {
    std::uint64_t capacity = capacity_;
    while (!fits(n_keys_ + more, capacity)) capacity *= 2;
    if (capacity != capacity_) grow(capacity);
  }

  void grow(std::uint64_t capacity) {
    Slots larger(kind_, capacity, detail::bits_for(capacity), n_states_, {});
    for (std::uint64_t at = 0; at < capacity_; ++at) {
      const std::uint64_t key = keys_.data()[at];
      if (key == 0) continue;
      const std::size_t to = larger.probe(key - 1);
      larger.keys_.data()[to] = key;
      std::copy_n(states(static_cast<Index>(at)), n_states_, larger.states(static_cast<Index>(to)));
    }
    std::swap(capacity_, larger.capacity_);
    std::swap(bits_, larger.bits_);
    std::swap(states_, larger.states_);
    std::swap(keys_, larger.keys_);
  }

  Kind kind_;
  std::uint64_t capacity_;
  int bits_, n_states_;
  Zeroed<SlotState> states_;
  Zeroed<std::uint64_t> keys_;
  std::uint64_t n_keys_ = 0;
  Admission admission_;
};

}  // namespace sparsecross
