// The products of columns that a model may use, and the data as rows, in which they are found.
//
// Problem: from columns x_1 .. x_p, say which products of two and three exist, and lay the data out
//          so that all that share a row with a column can be walked.
// Given:   X sliced by columns; which columns cross; whether x_j² exists too, of columns with
// values
//          other than 0 and 1.
// Result:  a Space: columns with entries by rank, the fewest first, and rows of the ranks of those
//          that interact, in increasing order. A product belongs to its factor of least rank, whose
//          entries bound those of the product: what can be skipped is most where the owner is the
//          rarest.
// Cost:    two passes over X, blocks of rows shared among the threads; 4 bytes (valued: 8 or 12) an
//          entry, 8 bytes a row (valued: 16) and 12 to 20 a column.
#pragma once

#include <algorithm>
#include <variant>
#include <vector>

#include "interactions/keys.hpp"
#include "interactions/rules.hpp"
#include "matrix/design.hpp"
#include "support/footprint.hpp"

namespace sparsecross {

namespace detail {

// What a layout stores of a value.
template <class Columns>
struct StoredValue;
template <class T>
struct StoredValue<DenseSlices<T>> {
  using type = T;
};
template <class T, class I>
struct StoredValue<SparseSlices<const T*, I>> {
  using type = T;
};
template <class I>
struct StoredValue<SparseSlices<Ones, I>> {
  using type = Ones;
};

}  // namespace detail

class Space {
 public:
  Space(const Design& X, CrossRules rules, bool squares, int n_threads)
      : X_(X), rules_(std::move(rules)), squares_(squares), keys_(X.n_cols(), rules_.order()) {
    if (X.sliced_by() != Axis::columns) throw std::invalid_argument("X must be sliced by columns");
    if (X.n_rows() > INT32_MAX)
      throw std::invalid_argument("X must have fewer than 2^31 rows for interactions");
    if (has_fields() && rules_.n_columns_with_field() != X.n_cols())
      throw std::invalid_argument("there must be a field for each column");
    rank_columns();
    fill_rows(n_threads);
  }

  const Design& X() const { return X_; }
  const ProductKeys& keys() const { return keys_; }
  int order() const { return rules_.order(); }
  Index n() const { return X_.n_rows(); }
  Index n_ranks() const { return static_cast<Index>(column_.size()); }
  Index column(Index rank) const { return column_[static_cast<std::size_t>(rank)]; }
  std::size_t bytes() const {
    return bytes_of(column_, size_, squared_, begin_, rank_, row_peak_) +
           rank_.size() * (valued() ? X_.visit([](const auto& columns) {
             return sizeof(typename detail::StoredValue<std::decay_t<decltype(columns)>>::type);
           })
                                    : 0);
  }
  // Entries of the column of this rank.
  Index size(Index rank) const { return size_[static_cast<std::size_t>(rank)]; }

  // Pairs of entries that share a row: what a look at all products of two costs.
  Index n_pairs_of_entries() const { return n_pairs_of_entries_; }
  double mean_row() const {
    return static_cast<double>(rank_.size()) / static_cast<double>(std::max<Index>(n(), 1));
  }
  // Entries begin(i) .. begin(i + 1) of row i, in increasing rank.
  const Index* begin() const { return begin_.data(); }
  const std::int32_t* ranks() const { return rank_.data(); }
  // Values of these entries, in the type that the columns of X have.
  template <class Columns>
  auto values_of(const Columns&) const {
    using Value = typename detail::StoredValue<Columns>::type;
    if constexpr (std::is_same_v<Value, Ones>) {
      return Ones();
    } else {
      return std::get<std::vector<Value>>(values_).data();
    }
  }
  // f(i, x_ij) for the entries of column j that are not 0, the ends of whose rows are fetched into
  // the cache before they are asked for.
  template <class Columns, class F>
  void each_entry(const Columns& columns, Index j, const F& f) const {
    if constexpr (is_dense<Columns>) {
      columns.each(j, [&f](Index i, double x) {
        if (x != 0.0) f(i, x);
      });
    } else {
      constexpr Index ahead = 16;  // entries
      const auto* rows = columns.indices();
      const Index end = columns.offsets()[j + 1];
      for (Index e = columns.offsets()[j]; e < end; ++e) {
        if (e + 2 * ahead < end) __builtin_prefetch(begin_.data() + rows[e + 2 * ahead] + 1);
        if (e + ahead < end)
          __builtin_prefetch(rank_.data() + begin_[static_cast<std::size_t>(rows[e + ahead]) + 1]);
        const auto x = static_cast<double>(columns.values()[e]);
        if (x != 0.0) f(static_cast<Index>(rows[e]), x);
      }
    }
  }
  bool valued() const { return !std::holds_alternative<Ones>(values_); }
  bool nonnegative() const { return nonnegative_; }
  // The largest |x| of row i; valued only.
  const double* row_peak() const { return row_peak_.data(); }

  // Whether x_j² exists, and is another column than x_j.
  bool has_square(Index rank) const {
    return !squared_.empty() && squared_[static_cast<std::size_t>(rank)];
  }
  bool has_fields() const { return rules_.has_fields(); }
  bool has_pairs() const { return rules_.has_pairs(); }
  // Whether a column has a part in products.
  bool interacts(Index j) const { return rules_.field(j) >= 0; }
  // Whether products of two, of three, exist among these columns.
  bool allows(Index j, Index k) const { return rules_.pair(rules_.field(j), rules_.field(k)); }
  bool allows(Index j, Index k, Index l) const {
    return rules_.triple(rules_.field(j), rules_.field(k), rules_.field(l));
  }
  // Whether products of three with these two columns may exist.
  bool extends(Index j, Index k) const { return rules_.opens(rules_.field(j), rules_.field(k)); }
  // Whether this product of two or three increasing columns exists.
  bool exists(const Factors& f) const {
    const auto [j, k, l] = f.column;
    if (j == k) return squares_ && interacts(j);
    return l < 0 ? allows(j, k) : order() == 3 && allows(j, k, l);
  }

 private:
  void rank_columns() {
    std::vector<Index> size(static_cast<std::size_t>(X_.n_cols()), 0);
    std::vector<char> plain(size.size(), 1);  // all values 0 or 1
    X_.visit([&](const auto& columns) {
      for (Index j = 0; j < X_.n_cols(); ++j) {
        const auto at = static_cast<std::size_t>(j);
        if constexpr (is_valueless<std::decay_t<decltype(columns)>>) {
          size[at] = columns.size(j);
        } else {
          columns.each(j, [&](Index, double x) {
            size[at] += x != 0.0;
            plain[at] &= x == 0.0 || x == 1.0;
            nonnegative_ &= x >= 0.0;
          });
        }
      }
    });
    for (Index j = 0; j < X_.n_cols(); ++j)
      if (size[static_cast<std::size_t>(j)] > 0) column_.push_back(j);
    if (column_.size() > static_cast<std::size_t>(INT32_MAX))
      throw std::invalid_argument("at most 2^31 - 1 columns may have entries");
    std::sort(column_.begin(), column_.end(), [&](Index a, Index b) {
      const Index of_a = size[static_cast<std::size_t>(a)],
                  of_b = size[static_cast<std::size_t>(b)];
      return of_a != of_b ? of_a < of_b : a < b;
    });
    size_.reserve(column_.size());
    for (const Index j : column_)
      size_.push_back(static_cast<std::int32_t>(size[static_cast<std::size_t>(j)]));
    if (squares_) {
      squared_.reserve(column_.size());
      for (const Index j : column_)
        squared_.push_back(interacts(j) && !plain[static_cast<std::size_t>(j)]);
    }
  }

  void fill_rows(int n_threads) {
    X_.visit([&](const auto& columns) {
      using Columns = std::decay_t<decltype(columns)>;
      // f(rank, i, x) for all entries, those of a row by one thread in increasing rank. In each
      // block a column's first entry has to be looked for.
      const Index block = std::max(kLeastBlock, n() / (4 * effective_threads(n_threads)) + 1);
      const auto each = [&](const auto& f) {
        parallel_chunks(n(), block, n_threads, [&](Index top, Index end) {
          for (std::size_t r = 0; r < column_.size(); ++r)
            if (interacts(column_[r]))
              columns.each_within(column_[r], top, end, [&f, r](Index i, double x) {
                if (x != 0.0) f(static_cast<std::int32_t>(r), static_cast<std::size_t>(i), x);
              });
        });
      };
      begin_.assign(static_cast<std::size_t>(n()) + 1, 0);
      each([next = begin_.data() + 1](std::int32_t, std::size_t i, double) { ++next[i]; });
      for (Index i = 0; i < n(); ++i) {
        Index& length = begin_[static_cast<std::size_t>(i) + 1];
        n_pairs_of_entries_ += length * (length - 1) / 2;
        length += begin_[static_cast<std::size_t>(i)];
      }
      rank_.resize(static_cast<std::size_t>(begin_.back()));
      using Value = typename detail::StoredValue<Columns>::type;
      Index* const next = begin_.data();
      if constexpr (std::is_same_v<Value, Ones>) {
        each([next, rank = rank_.data()](std::int32_t r, std::size_t i, double) {
          rank[next[i]++] = r;
        });
      } else {
        Value* const stored = values_.emplace<std::vector<Value>>(rank_.size()).data();
        row_peak_.assign(static_cast<std::size_t>(n()), 0.0);
        each([=, rank = rank_.data(), peak = row_peak_.data()](std::int32_t r, std::size_t i,
                                                               double x) {
          rank[next[i]] = r;
          stored[next[i]++] = static_cast<Value>(x);
          peak[i] = std::max(peak[i], std::abs(x));
        });
      }
      // begin[i] has moved to the end of row i, which is the beginning of row i + 1.
      std::copy_backward(begin_.begin(), begin_.end() - 1, begin_.end());
      begin_[0] = 0;
    });
  }

  static constexpr Index kLeastBlock = 8192;  // rows

  const Design& X_;
  CrossRules rules_;
  bool squares_;
  ProductKeys keys_;
  bool nonnegative_ = true;
  std::vector<Index> column_;       // by rank
  std::vector<std::int32_t> size_;  // by rank
  std::vector<char> squared_;       // by rank
  std::vector<Index> begin_;
  Index n_pairs_of_entries_ = 0;
  std::vector<std::int32_t> rank_;
  std::variant<Ones, std::vector<float>, std::vector<double>> values_;
  std::vector<double> row_peak_;
};

}  // namespace sparsecross
