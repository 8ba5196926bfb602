// Arrays of a type that is known only when they come, and designs that look at them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "matrix/design.hpp"

namespace sparsecross {

// Contiguous elements: where they begin, how many there are, and their type. Seen, not owned.
struct SeenArray {
  enum class Type { none, int32, int64, float32, float64 };  // none: there is no array
  const void* data = nullptr;
  Index size = 0;
  Type type = Type::none;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }

  // f(elements), or std::invalid_argument where they have another type.
  template <class F>
  auto visit_integers(const char* name, const F& f) const {
    if (type == Type::int32) return f(as<std::int32_t>());
    if (type == Type::int64) return f(as<std::int64_t>());
    throw std::invalid_argument(std::string(name) + " must be int32 or int64");
  }
  template <class F>
  auto visit_reals(const char* name, const F& f) const {
    if (type == Type::float32) return f(as<float>());
    if (type == Type::float64) return f(as<double>());
    throw std::invalid_argument(std::string(name) + " must be float32 or float64");
  }
};

// n slices of `length` values, `stride` values apart.
inline Design dense_design(const SeenArray& values, Index n, Index length, Index stride,
                           Axis axis) {
  return values.visit_reals("values", [&](auto* stored) {
    using T = std::decay_t<decltype(*stored)>;
    return Design(DenseSlices<T>(stored, n, length, stride), axis);
  });
}

// n compressed slices of `length` values; of no `values` all are 1, of no `indptr` all slices have
// as many entries. Offsets and indices are not
// looked at: inspect() (structure.hpp) tells whether they lie within `stored_entries`.
inline Design sparse_design(const SeenArray& values, const SeenArray& indices,
                            const SeenArray& indptr, Index n, Index length, Axis axis) {
  const bool even = indptr.type == SeenArray::Type::none;
  if (even && (n < 0 || (n == 0 ? indices.size != 0 : indices.size % n != 0)))
    throw std::invalid_argument("indices must have as many entries for each of " +
                                std::to_string(n) + " slices without indptr, got " +
                                std::to_string(indices.size));
  if (!even && (n < 0 || indptr.size - 1 != n))
    throw std::invalid_argument("indptr must have length " + std::to_string(n + 1) + ", got " +
                                std::to_string(indptr.size));
  const Offsets offsets =
      even ? Offsets(n == 0 ? Index{0} : indices.size / n)
           : indptr.visit_integers("indptr", [](const auto* ends) { return Offsets(ends); });
  return indices.visit_integers("indices", [&](const auto* positions) {
    using I = std::decay_t<decltype(*positions)>;
    const auto with = [&](auto stored) {
      return Design(SparseSlices<decltype(stored), I>(offsets, positions, stored, n, length), axis);
    };
    return values.type == SeenArray::Type::none ? with(Ones()) : values.visit_reals("values", with);
  });
}
inline Index stored_entries(const SeenArray& values, const SeenArray& indices) {
  return values.type == SeenArray::Type::none ? indices.size : std::min(indices.size, values.size);
}

}  // namespace sparsecross
