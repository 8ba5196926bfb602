// A set of integers laid out for many look-ups.
#pragma once

#include <cstdint>
#include <vector>

namespace sparsecross {

// A bit for each integer, and for each 64 how many are set before them: 12 bytes for 64 integers,
// whatever the set.
class RankedBits {
 public:
  // `each(take)` calls take(id) for every member, which lies below the universe.
  template <class Each>
  RankedBits(std::uint64_t universe, const Each& each)
      : bits_(universe / 64 + 1, 0), before_(universe / 64 + 1) {
    each([this](std::uint64_t id) { bits_[id / 64] |= std::uint64_t{1} << (id % 64); });
    std::uint32_t total = 0;
    for (std::size_t word = 0; word < bits_.size(); ++word) {
      before_[word] = total;
      total += static_cast<std::uint32_t>(__builtin_popcountll(bits_[word]));
    }
  }

  // The rank of an integer below the universe, or -1 where it is not in the set.
  std::int64_t find(std::uint64_t id) const {
    const std::uint64_t word = bits_[id / 64], bit = std::uint64_t{1} << (id % 64);
    if (!(word & bit)) return -1;
    return std::int64_t{before_[id / 64]} + __builtin_popcountll(word & (bit - 1));
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> before_;
};

}  // namespace sparsecross
