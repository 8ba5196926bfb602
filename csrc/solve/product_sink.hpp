// What products of columns are made of, and where they go.
#pragma once

#include "solve/cholesky.hpp"
#include "solve/quadratic_model.hpp"

namespace sparsecross {

// Columns of X as a quadratic model has them: centred, and scaled to curvature 1.
struct ScaledColumns {
  std::vector<Index> columns;
  std::vector<double> mean;  // μ; 0 without an intercept
  std::vector<double> norm;  // s, positive
  Index size() const { return static_cast<Index>(columns.size()); }
  Index operator[](Index k) const { return columns[static_cast<std::size_t>(k)]; }
  std::size_t bytes() const { return bytes_of(columns, mean, norm); }
  void clear() {
    columns.clear();
    mean.clear();
    norm.clear();
  }
  void push_back(Index j, double its_mean, double its_norm) {
    columns.push_back(j);
    mean.push_back(its_mean);
    norm.push_back(its_norm);
  }
};

// Where products go, by columns of the lower triangle.
class ProductSink {
 public:
  virtual ~ProductSink() = default;
  // Elements (k, q) of column q for k in [first, last).
  virtual void set(Index q, Index first, Index last, const double* column) const = 0;
  virtual void clear_tile(Index i, Index j) const = 0;
  // Tile (i, j) += a bᵀ; -a is given.
  virtual void add(Index i, Index j, const float* minus_a, const float* b) const = 0;
};

// The tiles that a factorisation begins with.
class FactorSink final : public ProductSink {
 public:
  explicit FactorSink(CholeskyFactor& factor) : factor_(factor) {}
  void set(Index q, Index first, Index last, const double* column) const override {
    for (Index k = first; k < last; ++k) factor_.at(k, q) = static_cast<float>(column[k]);
  }
  void clear_tile(Index i, Index j) const override {
    std::fill_n(factor_.tile(i, j), tiles::kTile * tiles::kTile, 0.0f);
  }
  void add(Index i, Index j, const float* minus_a, const float* b) const override {
    tiles::subtract_product(minus_a, b, factor_.tile(i, j));
  }

 private:
  CholeskyFactor& factor_;
};

// A square of whole tiles, by columns.
class SquareSink final : public ProductSink {
 public:
  SquareSink(float* square, Index stride) : square_(square), stride_(stride) {}
  void set(Index q, Index first, Index last, const double* column) const override {
    for (Index k = first; k < last; ++k) square_[q * stride_ + k] = static_cast<float>(column[k]);
  }
  void clear_tile(Index i, Index j) const override {
    for (Index c = 0; c < tiles::kTile; ++c)
      std::fill_n(corner(i, j) + c * stride_, tiles::kTile, 0.0f);
  }
  void add(Index i, Index j, const float* minus_a, const float* b) const override {
    tiles::subtract_product(minus_a, b, corner(i, j), stride_);
  }

 private:
  float* corner(Index i, Index j) const {
    return square_ + j * tiles::kTile * stride_ + i * tiles::kTile;
  }

  float* square_;
  Index stride_;
};

}  // namespace sparsecross
