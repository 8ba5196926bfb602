// Cholesky factorisation of a symmetric positive definite matrix, in single precision: made to
// precondition, where a factor of half the bytes and twice the speed is worth more than its digits.
//
// Problem: A = L Lᵀ, A of order m; then x = A⁻¹ b, or the x that solves the equations of all other
//          variables where some are held at 0.
// Given:   the lower triangle of A, in tiles of 64 x 64 (column-major within a tile, tile (i, j)
//          with i >= j at i (i + 1) / 2 + j). Rows beyond m are those of the identity.
// Result:  the tiles replaced by those of L, and on the diagonal by their inverses, so that all
//          that follows is products of tiles. A pivot of 1e-12 or less is set to a huge one, which
//          takes its variable out of every solution (it comes back as 0).
// Cost:    m³ / 6 multiply-adds, shared among the threads by tiles; m² for a solution; 2 m² bytes.
//          To hold r variables: m² r / 2 multiply-adds at most (none for the rows of L before the
//          first of them) and 4 m r bytes, and 2 m r for a solution.
// Sources: Golub & Van Loan 2013, algorithm 4.2.2 by blocks; Buttari et al. 2009 (tiles); Gill,
//          Murray, Saunders & Wright 1990, "A Schur-complement method for sparse quadratic
//          programming" (a factor bordered by what has changed since).
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "support/footprint.hpp"
#include "support/parallel.hpp"

namespace sparsecross {

// Operations on tiles of 64 x 64 floats. Every element is summed on its own and in the same order
// whatever the width of a vector, so the width changes no bit.
namespace tiles {

constexpr Index kTile = 64;

// c -= a bᵀ for tiles of 64 x 64 floats, column-major; columns of c are `stride` apart.
// Blocks of 2 vectors x 4 columns of c stay in registers.
template <int kWidth>
[[gnu::always_inline]] inline void subtract_product_by(const float* a, const float* b, float* c,
                                                       Index stride) {
  typedef float Vector
      [[gnu::vector_size(kWidth * sizeof(float)), gnu::aligned(4), gnu::may_alias]];
  constexpr Index rows = 2 * kWidth, columns = 4;
  for (Index j = 0; j < kTile; j += columns) {
    for (Index i = 0; i < kTile; i += rows) {
      Vector low[columns] = {}, high[columns] = {};
      for (Index l = 0; l < kTile; ++l) {
        const float* left = a + l * kTile + i;
        const float* right = b + l * kTile + j;
        const Vector first = *reinterpret_cast<const Vector*>(left);
        const Vector second = *reinterpret_cast<const Vector*>(left + kWidth);
        for (Index q = 0; q < columns; ++q) {
          low[q] += first * right[q];
          high[q] += second * right[q];
        }
      }
      for (Index q = 0; q < columns; ++q) {
        float* out = c + (j + q) * stride + i;
        *reinterpret_cast<Vector*>(out) -= low[q];
        *reinterpret_cast<Vector*>(out + kWidth) -= high[q];
      }
    }
  }
}

using Column = std::array<float, kTile>;

// sum += t v
inline void add_product(const float* t, const float* v, Column& sum) {
  for (Index c = 0; c < kTile; ++c) {
    const float weight = v[c];
    for (Index r = 0; r < kTile; ++r) sum[static_cast<std::size_t>(r)] += t[c * kTile + r] * weight;
  }
}

// tᵀ v
inline Column transposed_product(const float* t, const float* v) {
  Column out;
  for (Index c = 0; c < kTile; ++c) {
    std::array<float, 8> part{};
    for (Index r = 0; r < kTile; r += 8)
      for (Index q = 0; q < 8; ++q)
        part[static_cast<std::size_t>(q)] += t[c * kTile + r + q] * v[r + q];
    out[static_cast<std::size_t>(c)] =
        ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
  }
  return out;
}

// v = L⁻¹ v for L of n_tiles x n_tiles tiles, of which tile(i, j) tells those below the diagonal
// and the inverses of those on it; v is 0 above tile `first`.
template <class Tile>
void substitute(const Tile& tile, Index first, Index n_tiles, float* v) {
  for (Index i = first; i < n_tiles; ++i) {
    float* vi = v + i * kTile;
    Column sum{};  // copies that stay in registers
    for (Index j = first; j < i; ++j) add_product(tile(i, j), v + j * kTile, sum);
    for (Index r = 0; r < kTile; ++r)
      sum[static_cast<std::size_t>(r)] = vi[r] - sum[static_cast<std::size_t>(r)];
    Column solved{};
    add_product(tile(i, i), sum.data(), solved);
    std::copy(solved.begin(), solved.end(), vi);
  }
}

// v = L⁻ᵀ v
template <class Tile>
void substitute_back(const Tile& tile, Index n_tiles, float* v) {
  for (Index i = n_tiles - 1; i >= 0; --i) {
    float* vi = v + i * kTile;
    const Column solved = transposed_product(tile(i, i), vi);
    std::copy(solved.begin(), solved.end(), vi);
    for (Index j = 0; j < i; ++j) {
      const Column product = transposed_product(tile(i, j), vi);
      float* vj = v + j * kTile;
      for (Index c = 0; c < kTile; ++c) vj[c] -= product[static_cast<std::size_t>(c)];
    }
  }
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] inline void subtract_product_avx2(const float* a, const float* b, float* c,
                                                          Index stride) {
  subtract_product_by<8>(a, b, c, stride);
}
[[gnu::target("avx512f")]] inline void subtract_product_avx512(const float* a, const float* b,
                                                               float* c, Index stride) {
  subtract_product_by<16>(a, b, c, stride);
}
inline void subtract_product(const float* a, const float* b, float* c, Index stride = kTile) {
  static const auto best = __builtin_cpu_supports("avx512f") ? subtract_product_avx512
                           : __builtin_cpu_supports("avx2")  ? subtract_product_avx2
                                                             : subtract_product_by<4>;
  best(a, b, c, stride);
}
#else
inline void subtract_product(const float* a, const float* b, float* c, Index stride = kTile) {
  subtract_product_by<4>(a, b, c, stride);
}
#endif

}  // namespace tiles

class CholeskyFactor {
 public:
  static constexpr Index kTile = tiles::kTile;
  static constexpr Index n_tiles_of(Index m) { return (m + kTile - 1) / kTile; }
  static std::size_t bytes_for(Index m) {
    const auto t = static_cast<std::size_t>(n_tiles_of(m));
    return t * (t + 1) / 2 * kTile * kTile * sizeof(float);
  }

  CholeskyFactor() = default;
  explicit CholeskyFactor(Index m)
      : m_(m), tiles_(bytes_for(m) / sizeof(float), 0.0f), work_(padded(m), 0.0f) {}

  Index order() const { return m_; }
  std::size_t bytes() const { return bytes_of(tiles_, border_, work_); }

  // Element (i, j), i >= j; i and j in the same tile may be in any order.
  float& at(Index i, Index j) { return tile(i / kTile, j / kTile)[i % kTile + j % kTile * kTile]; }

  float* tile(Index i, Index j) { return tiles_.data() + (i * (i + 1) / 2 + j) * kTile * kTile; }

  void factorise(int n_threads) {
    const Index n_tiles = n_tiles_of(m_);
    for (Index k = m_; k < n_tiles * kTile; ++k) at(k, k) = 1.0f;
    for (Index k = 0; k < n_tiles; ++k) {
      // Column k of tiles: take off what the columns before it explain, then divide by its corner.
      const auto explain = [&](Index i) {
        for (Index l = 0; l < k; ++l) tiles::subtract_product(tile(i, l), tile(k, l), tile(i, k));
      };
      explain(k);
      factorise_tile(tile(k, k));
      parallel_chunks(n_tiles - k - 1, 1, n_threads, [&](Index begin, Index end) {
        for (Index i = k + 1 + begin; i < k + 1 + end; ++i) {
          explain(i);
          divide_tile(tile(k, k), tile(i, k));
        }
      });
    }
  }

  // Holds variables at 0 that are not held yet, in all solutions from now on: A is bordered by the
  // rows E of the identity that they stand for,
  //
  //     (A  Eᵀ)   (L    ) (I    ) (Lᵀ  Yᵀ)
  //     (E  0 ) = (Y   C) (   -I) (    Cᵀ),     Y = E L⁻ᵀ,  C Cᵀ = Y Yᵀ.
  void hold(const std::vector<Index>& variables, int n_threads) {
    if (variables.empty()) return;
    const Index base = n_tiles_of(m_), first = base + n_border_;
    n_border_ += n_tiles_of(static_cast<Index>(variables.size()));
    const Index last = base + n_border_;
    border_.resize(static_cast<std::size_t>(n_border_ * base + n_border_ * (n_border_ + 1) / 2) *
                   kTile * kTile);
    work_.resize(static_cast<std::size_t>(last * kTile));
    const auto n = static_cast<Index>(variables.size());
    std::vector<Index> top(static_cast<std::size_t>(last), base);  // tiles of Y before it are 0
    for (Index k = 0; k < n; ++k) {
      Index& first_tile = top[static_cast<std::size_t>(first + k / kTile)];
      first_tile = std::min(first_tile, variables[static_cast<std::size_t>(k)] / kTile);
    }
    parallel_chunks(last - first, 1, n_threads, [&](Index q, Index) {
      const Index* const held = variables.data() + q * kTile;
      border_row(held, std::min(kTile, n - q * kTile), first + q,
                 top[static_cast<std::size_t>(first + q)]);
    });
    for (Index i = first; i < last; ++i)
      for (Index k = base; k <= i; ++k) {
        float* const corner = border(i, k);
        for (Index l = top[static_cast<std::size_t>(i)]; l < base; ++l)
          tiles::subtract_product(border(i, l), border(k, l), corner);
        for (Index e = 0; e < kTile * kTile; ++e) corner[e] = -corner[e];
        for (Index l = base; l < k; ++l)
          tiles::subtract_product(border(i, l), border(k, l), corner);
        if (k < i) {
          divide_tile(border(k, k), corner);
          continue;
        }
        // Rows that stand for no variable.
        for (Index e = n - (i - first) * kTile; e < kTile; ++e) corner[e + e * kTile] = 1.0f;
        factorise_tile(corner);
      }
  }

  // Lets all variables go again.
  void let_go() {
    n_border_ = 0;
    border_.clear();
  }

  // x (m) = A⁻¹ x, but for variables that are held: those become 0.
  void solve(double* x) {
    double unit = 0.0;  // so that single precision neither overflows nor underflows
    for (Index i = 0; i < m_; ++i) unit = std::max(unit, std::abs(x[i]));
    if (unit == 0.0) return;
    float* v = work_.data();
    for (Index i = 0; i < m_; ++i) v[i] = static_cast<float>(x[i] / unit);
    std::fill(v + m_, v + work_.size(), 0.0f);
    const Index base = n_tiles_of(m_);
    const auto part = [this, base](Index i, Index j) -> const float* {
      return i < base ? tile(i, j) : border(i, j);
    };
    widely([&] {
      tiles::substitute(part, 0, base + n_border_, v);
      for (Index k = base * kTile; k < (base + n_border_) * kTile; ++k) v[k] = -v[k];
      tiles::substitute_back(part, base + n_border_, v);
    });
    for (Index i = 0; i < m_; ++i) x[i] = unit * static_cast<double>(v[i]);
  }

 private:
  static std::size_t padded(Index m) { return static_cast<std::size_t>(n_tiles_of(m) * kTile); }

  // Tile (i, j) of the border, i counted on from the tiles of A.
  float* border(Index i, Index j) {
    const Index base = n_tiles_of(m_), q = i - base;
    return border_.data() + (q * base + q * (q + 1) / 2 + j) * kTile * kTile;
  }

  // A row of tiles of Y, 0 before tile `top`, for n variables.
  void border_row(const Index* variables, Index n, Index i, Index top) {
    const Index base = n_tiles_of(m_);
    if (n <= kFew) {
      std::vector<float> column(static_cast<std::size_t>(base * kTile));
      for (Index k = 0; k < n; ++k) {
        std::fill(column.begin(), column.end(), 0.0f);
        column[static_cast<std::size_t>(variables[k])] = 1.0f;
        widely([&] {
          tiles::substitute([this](Index r, Index c) { return tile(r, c); }, top, base,
                            column.data());
        });
        for (Index e = top * kTile; e < base * kTile; ++e)
          border(i, e / kTile)[k + e % kTile * kTile] = column[static_cast<std::size_t>(e)];
      }
      return;
    }
    for (Index k = 0; k < n; ++k)
      border(i, variables[k] / kTile)[k + variables[k] % kTile * kTile] = 1.0f;
    for (Index k = top; k < base; ++k) {
      for (Index l = top; l < k; ++l)
        tiles::subtract_product(border(i, l), tile(k, l), border(i, k));
      divide_tile(tile(k, k), border(i, k));
    }
  }

  // The inverse of the Cholesky factor of a tile on the diagonal, in place of its lower triangle.
  static void factorise_tile(float* t) {
    widely([t] {
      for (Index c = 0; c < kTile; ++c) {
        float* column = t + c * kTile;
        const float pivot = column[c];
        const float root = pivot > kLeastPivot ? std::sqrt(pivot) : kHuge, inverse = 1.0f / root;
        for (Index r = 0; r < c; ++r) column[r] = 0.0f;
        column[c] = root;
        for (Index r = c + 1; r < kTile; ++r) column[r] *= inverse;
        for (Index q = c + 1; q < kTile; ++q) {
          const float factor = column[q];
          float* next = t + q * kTile;
          for (Index r = q; r < kTile; ++r) next[r] -= column[r] * factor;
        }
      }
      // The rows of the inverse, one after the other: L⁻¹ by forward substitution.
      std::array<float, kTile * kTile> rows{};
      for (Index r = 0; r < kTile; ++r) {
        float* row = rows.data() + r * kTile;
        for (Index k = 0; k < r; ++k) {
          const float factor = t[k * kTile + r];
          const float* above = rows.data() + k * kTile;
          for (Index c = 0; c < kTile; ++c) row[c] -= factor * above[c];
        }
        row[r] = 1.0f;
        const float inverse = 1.0f / t[r * kTile + r];
        for (Index c = 0; c < kTile; ++c) row[c] *= inverse;
      }
      for (Index c = 0; c < kTile; ++c)
        for (Index r = 0; r < kTile; ++r)
          t[c * kTile + r] = rows[static_cast<std::size_t>(r * kTile + c)];
    });
  }

  // t = t L⁻ᵀ for a tile below the corner, of which L⁻¹ is given.
  static void divide_tile(const float* inverse, float* t) {
    std::array<float, kTile * kTile> negative;
    for (Index e = 0; e < kTile * kTile; ++e) negative[static_cast<std::size_t>(e)] = -t[e];
    std::fill_n(t, kTile * kTile, 0.0f);
    tiles::subtract_product(negative.data(), inverse, t);
  }

  // Pivots are of order 1; to hold a variable that a huge pivot has taken out leaves 1e-36 of one.
  static constexpr Index kFew = 8;  // columns that are solved for faster one by one than by tiles
  static constexpr float kLeastPivot = 1e-12f, kHuge = 1e18f;

  Index m_ = 0, n_border_ = 0;
  std::vector<float> tiles_, border_, work_;
};

}  // namespace sparsecross
