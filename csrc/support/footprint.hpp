// What a computation holds in memory beside its data, counted and not measured: the sum of the
// lengths that its vectors have room for.
#pragma once

#include <cstddef>
#include <vector>

namespace sparsecross {

struct Footprint {
  std::size_t vectors = 0;      // bytes of all that is as long as X is, or as wide
  std::size_t working_set = 0;  // bytes of all that is worked out of the columns in the working set

  std::size_t total() const { return vectors + working_set; }

  // Takes that of a moment at which more was held.
  void raise(const Footprint& now) {
    if (now.total() > total()) *this = now;
  }
};

inline Footprint operator+(const Footprint& a, const Footprint& b) {
  return {a.vectors + b.vectors, a.working_set + b.working_set};
}

template <class... Vectors>
std::size_t bytes_of(const Vectors&... each) {
  return (std::size_t{0} + ... + (each.capacity() * sizeof(typename Vectors::value_type)));
}

template <class T>
std::size_t bytes_of(const std::vector<std::vector<T>>& rows) {
  std::size_t total = 0;
  for (const auto& row : rows) total += bytes_of(row);
  return total;
}

// Its elements, each with the link and the size that an allocation takes, and the buckets.
template <class Map, class = typename Map::mapped_type>
std::size_t bytes_of(const Map& map) {
  return map.size() * (sizeof(typename Map::value_type) + 2 * sizeof(void*)) +
         map.bucket_count() * sizeof(void*);
}

}  // namespace sparsecross
