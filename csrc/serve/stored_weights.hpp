// Weights as a file holds them: 64, 32 or 16 bits each.
//
// float64, float32 and float16 are IEEE 754's. q2.13 are 16-bit integers q for w = q 2^(e - 13),
// where e >= 0 is the model's: at e = 0 a sign, 2 bits before the point and 13 behind it.
// Sources: McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches", section 4.2.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace sparsecross {

// Sees an array that somebody else owns; it may lie in a mapped file.
class StoredWeights {
 public:
  enum class Type { float64, float32, float16, q2_13 };

  StoredWeights() = default;
  // `exponent`: e of q2.13, else 0.
  StoredWeights(const void* values, Type type, int exponent = 0) : values_(values), type_(type) {
    if (exponent < 0 || exponent > 1023 || (exponent > 0 && type != Type::q2_13))
      throw std::invalid_argument("the exponent of weights must lie between 0 and 1023");
    unit_ = std::ldexp(1.0, exponent - 13);
  }

  double operator[](std::uint64_t rank) const {
    switch (type_) {
      case Type::float32:
        return static_cast<const float*>(values_)[rank];
      case Type::float16:
        return of_half(static_cast<const std::uint16_t*>(values_)[rank]);
      case Type::q2_13:
        return static_cast<const std::int16_t*>(values_)[rank] * unit_;
      default:
        return static_cast<const double*>(values_)[rank];
    }
  }

 private:
  static double of_half(std::uint16_t half) {
    const std::uint64_t sign = static_cast<std::uint64_t>(half >> 15) << 63;
    const std::uint64_t exponent = half >> 10 & 31, fraction = half & 1023;
    std::uint64_t word;
    if (exponent == 0) {  // 0 and subnormals
      const double size = static_cast<double>(fraction) * 0x1p-24;
      std::memcpy(&word, &size, sizeof word);
    } else {
      word = (exponent == 31 ? 2047 : exponent + 1008) << 52 | fraction << 42;
    }
    word |= sign;
    double x;
    std::memcpy(&x, &word, sizeof x);
    return x;
  }

  const void* values_ = nullptr;
  Type type_ = Type::float64;
  double unit_ = 0.0;
};

}  // namespace sparsecross
