// The columns and products of columns that margins are made of.
//
// Problem: of a row of X, the entries in few columns, and the products of two of them that are
//          wanted.
// Given:   columns, increasing; pairs of their places, sorted; the units of all columns.
// Result:  entries numbered by place, products after the columns in the order of the pairs.
// Cost:    a look-up an entry of the row, and of the columns that are there their wanted pairs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "scale/units.hpp"
#include "support/ranked_bits.hpp"

namespace sparsecross {

class ChosenColumns {
 public:
  using Pair = std::array<Index, 2>;

  ChosenColumns(std::vector<Index> columns, Index n_columns, Units units,
                const std::vector<Pair>& products)
      : columns_(std::move(columns)),
        n_columns_(n_columns),
        units_(units),
        rank_(static_cast<std::uint64_t>(n_columns), [this](const auto& take) {
          for (const Index j : columns_) take(static_cast<std::uint64_t>(j));
        }) {
    offsets_.assign(columns_.size() + 1, 0);
    for (const auto& [first, second] : products) {
      ++offsets_[static_cast<std::size_t>(first) + 1];
      partners_.push_back(second);
    }
    for (std::size_t k = 0; k < columns_.size(); ++k) offsets_[k + 1] += offsets_[k];
  }

  // Columns and products.
  Index size() const { return n_own() + static_cast<Index>(partners_.size()); }
  Index n_own() const { return static_cast<Index>(columns_.size()); }
  Index n_columns() const { return n_columns_; }
  const Units& units() const { return units_; }

  // Reads rows, one after the other, for one thread.
  class Reader {
   public:
    explicit Reader(const ChosenColumns& chosen) : chosen_(chosen) {
      if (!chosen.partners_.empty()) {
        entries_.assign(chosen.columns_.size(), 0.0);
        present_.reserve(chosen.columns_.size());
      }
    }

    // f(k, x) for the entries of row i in chosen columns, in increasing column, then for products.
    template <class Rows, class F>
    void each(const Rows& rows, Index i, const F& f) {
      if (chosen_.partners_.empty()) return own(rows, i, f);
      own(rows, i, [&](Index k, double x) {
        f(k, x);
        entries_[static_cast<std::size_t>(k)] = x;
        present_.push_back(k);
      });
      for (const Index a : present_) {
        const auto at_a = static_cast<std::size_t>(a);
        for (Index e = chosen_.offsets_[at_a]; e < chosen_.offsets_[at_a + 1]; ++e) {
          const Index b = chosen_.partners_[static_cast<std::size_t>(e)];
          const double product = entries_[at_a] * entries_[static_cast<std::size_t>(b)];
          if (product != 0.0) f(chosen_.n_own() + e, product);
        }
      }
      for (const Index a : present_) entries_[static_cast<std::size_t>(a)] = 0.0;
      present_.clear();
    }

   private:
    template <class Rows, class F>
    void own(const Rows& rows, Index i, const F& f) const {
      const Units& units = chosen_.units_;
      if constexpr (is_dense<Rows>) {
        for (Index k = 0; k < chosen_.n_own(); ++k) {
          const Index j = chosen_.columns_[static_cast<std::size_t>(k)];
          f(k, units.of(j, rows.at(i, j)));
        }
      } else {
        rows.each(i, [&](Index j, double x) {
          const std::int64_t k = chosen_.rank_.find(static_cast<std::uint64_t>(j));
          if (k >= 0) f(k, units.of(j, x));
        });
      }
    }

    const ChosenColumns& chosen_;
    std::vector<double> entries_;  // of the row, by place; 0 where there is none
    std::vector<Index> present_;
  };

 private:
  std::vector<Index> columns_;
  Index n_columns_;
  Units units_;
  RankedBits rank_;
  std::vector<Index> offsets_, partners_;  // of each column's products, the other columns
};

}  // namespace sparsecross
