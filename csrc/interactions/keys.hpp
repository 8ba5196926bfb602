// Numbers of columns and of their products.
//
// Problem: give each column x_j and each product x_j x_k (j <= k) and x_j x_k x_l (j < k < l) of p
//          columns one number, which tells the order of products first and then their columns:
//
//              j,      p + j p + k,      p + p² + (j p + k) p + l.
//
// Result:  keys below 2^63: for pairs up to p = 2^31 and beyond, for triples up to kMostForTriples.
// Cost:    two multiplications, or two divisions back.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace sparsecross {

using Key = std::uint64_t;

// The columns of a product, increasing; -1 after the last.
struct Factors {
  std::array<std::int64_t, 3> column{-1, -1, -1};
  int order() const { return column[1] < 0 ? 1 : column[2] < 0 ? 2 : 3; }
};

class ProductKeys {
 public:
  static constexpr std::int64_t kMostForPairs = 3037000498;  // p + p² < 2^63
  static constexpr std::int64_t kMostForTriples = 2097151;   // p + p² + p³ < 2^63
  static constexpr std::int64_t most_columns(int order) {
    return order == 3 ? kMostForTriples : kMostForPairs;
  }

  // Of products of up to `order` of p columns.
  ProductKeys(std::int64_t p, int order) : p_(static_cast<Key>(p)), order_(order) {
    if (order < 1 || order > 3) throw std::invalid_argument("order must be 1, 2 or 3");
    const std::int64_t most = most_columns(order);
    if (p < 0 || p > most)
      throw std::invalid_argument("X must have at most " + std::to_string(most) +
                                  " columns for products of " + std::to_string(order) + ", got " +
                                  std::to_string(p));
  }

  Key of(std::int64_t j) const { return static_cast<Key>(j); }
  Key of(std::int64_t j, std::int64_t k) const {
    return p_ + static_cast<Key>(j) * p_ + static_cast<Key>(k);
  }
  Key of(std::int64_t j, std::int64_t k, std::int64_t l) const {
    return p_ + p_ * p_ + (static_cast<Key>(j) * p_ + static_cast<Key>(k)) * p_ +
           static_cast<Key>(l);
  }
  Key of(const Factors& f) const {
    switch (f.order()) {
      case 1:
        return of(f.column[0]);
      case 2:
        return of(f.column[0], f.column[1]);
      default:
        return of(f.column[0], f.column[1], f.column[2]);
    }
  }

  Factors factors(Key key) const {
    const auto as_column = [](Key value) { return static_cast<std::int64_t>(value); };
    if (key < p_) return {{as_column(key), -1, -1}};
    key -= p_;
    if (key < p_ * p_) return {{as_column(key / p_), as_column(key % p_), -1}};
    key -= p_ * p_;
    return {{as_column(key / p_ / p_), as_column(key / p_ % p_), as_column(key % p_)}};
  }

  bool is_product(Key key) const { return key >= p_; }
  // All keys are below this one.
  Key universe() const {
    return order_ == 1 ? p_ : order_ == 2 ? p_ + p_ * p_ : p_ + p_ * p_ + p_ * p_ * p_;
  }
  int order() const { return order_; }
  std::int64_t p() const { return static_cast<std::int64_t>(p_); }

  // Throws unless the columns lie below p and increase (two equal ones are a square).
  void check(const Factors& f) const {
    const int order = f.order();
    for (int m = 0; m < order; ++m) {
      const std::int64_t column = f.column[static_cast<std::size_t>(m)];
      if (column < 0 || column >= p())
        throw std::invalid_argument("a product's columns must lie below " + std::to_string(p()) +
                                    ", got " + std::to_string(column));
    }
    if (order > order_)
      throw std::invalid_argument("a product must be of at most " + std::to_string(order_) +
                                  " columns");
    if ((order == 2 && f.column[1] < f.column[0]) ||
        (order == 3 && !(f.column[0] < f.column[1] && f.column[1] < f.column[2])))
      throw std::invalid_argument("a product's columns must increase");
  }

 private:
  Key p_;
  int order_;
};

}  // namespace sparsecross
