// Which coordinates a growing model takes up: rare ones shall cost no memory.
//
// Problem: decide whether a key that has no weight gets one.
// Given:   the key, and how many rows came before this one.
// Result:  - all: yes;
//          - count: when it is met for the count-th time. Of keys without a weight 2^22 counters of
//            8 bits are kept, two for each key, the smaller of which counts: a key may be taken up
//            too early, where both are shared, and never too late;
//          - probability: with this probability each time it is met, as a hash of key and row says,
//            so that the same stream gives the same model.
// Cost:    count: 4 MB.
// Source:  McMahan et al. 2013, section 4.1 (Poisson and Bloom-filter inclusion); Estan & Varghese
//          2002 (conservative counters).
#pragma once

#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "cross/keys.hpp"
#include "support/zeroed.hpp"

namespace sparsecross {

class Admission {
 public:
  Admission() = default;
  static Admission by_count(int count) {
    if (count < 1 || count > 255)
      throw std::invalid_argument("admission by count must lie between 1 and 255, got " +
                                  std::to_string(count));
    Admission admission;
    admission.count_ = count;
    if (count > 1) admission.counters_ = Zeroed<std::uint8_t>(kCounters);
    return admission;
  }
  static Admission by_probability(double probability) {
    if (!(probability > 0.0) || probability > 1.0)
      throw std::invalid_argument("admission by probability must lie in (0, 1], got " +
                                  std::to_string(probability));
    Admission admission;
    admission.most_ = probability < 1.0 ? static_cast<std::uint64_t>(std::ldexp(probability, 64))
                                        : ~std::uint64_t{0};
    return admission;
  }

  bool admits(std::uint64_t key, std::uint64_t row) {
    if (count_ > 1) return count(splitmix64(key ^ kSalt)) >= count_;
    return most_ == ~std::uint64_t{0} || splitmix64(splitmix64(key ^ kSalt) + row) < most_;
  }

  std::size_t nbytes() const { return counters_.size(); }
  std::uint8_t* counters() { return counters_.data(); }
  std::size_t n_counters() const { return counters_.size(); }

 private:
  static constexpr std::size_t kCounters = std::size_t{1} << 22;
  static constexpr std::uint64_t kSalt = 0x5851F42D4C957F2Dull;  // other bits than places take

  int count(std::uint64_t mixed) {
    std::uint8_t& a = counters_.data()[mixed & (kCounters - 1)];
    std::uint8_t& b = counters_.data()[(mixed >> 32) & (kCounters - 1)];
    const std::uint8_t least = std::min(a, b), next = least < 255 ? least + 1 : 255;
    if (a == least) a = next;
    if (b == least) b = next;
    return next;
  }

  int count_ = 1;
  std::uint64_t most_ = ~std::uint64_t{0};
  Zeroed<std::uint8_t> counters_;
};

}  // namespace sparsecross
