// What products of columns add to the margins of rows, visited and never built.
//
// Problem: out_i = Σ_c v_c Π_{j in c} x_ij over products c of two or three columns.
// Given:   products and their values v; X sliced either way.
// Result:  terms in the order of a product's first, second and third column are added one after the
//          other to an accumulator that starts at 0: the same bits by rows and by columns, whatever
//          other products and columns a model was cut down from.
// Cost:    by rows: for each entry that is the first column of some products, a visit to those, or
//          a search among them for each later entry of the row, whichever is less; by columns: a
//          walk through each product (entries.hpp), one thread. Memory: 40 bytes a product; for
//          each thread 8 bytes a column that has a part in one.
#pragma once

#include <algorithm>
#include <vector>

#include "interactions/entries.hpp"
#include "matrix/design.hpp"

namespace sparsecross {

class ProductTerms {
 public:
  // Products of columns, each with increasing ones, in any order.
  ProductTerms(const std::vector<Factors>& products, const double* values) {
    for (const Factors& f : products)
      for (int m = 0; m < f.order(); ++m)
        involved_.push_back(f.column[static_cast<std::size_t>(m)]);
    std::sort(involved_.begin(), involved_.end());
    involved_.erase(std::unique(involved_.begin(), involved_.end()), involved_.end());
    std::vector<std::size_t> order(products.size());
    for (std::size_t m = 0; m < order.size(); ++m) order[m] = m;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return products[a].column < products[b].column;
    });
    first_.assign(involved_.size() + 1, 0);
    for (const std::size_t m : order) {
      const Factors& f = products[m];
      if (f.order() < 2) throw std::invalid_argument("a product has two or three columns");
      ++first_[static_cast<std::size_t>(place(f.column[0])) + 1];
      terms_.push_back({place(f.column[1]), f.order() == 3 ? place(f.column[2]) : -1, values[m]});
      products_.push_back(f);
    }
    for (std::size_t c = 1; c < first_.size(); ++c) first_[c] += first_[c - 1];
  }

  // The largest column that has a part in a product, -1 where there is none.
  std::int64_t last_column() const { return involved_.empty() ? -1 : involved_.back(); }

  std::size_t n_bytes() const {
    return involved_.size() * sizeof(std::int64_t) + first_.size() * sizeof(std::size_t) +
           terms_.size() * (sizeof(Term) + sizeof(Factors));
  }

  void margins(const Design& X, double* out, int n_threads) const {
    X.visit([&](const auto& slices) {
      if (X.sliced_by() == Axis::rows) {
        by_rows(slices, out, n_threads);
      } else {
        by_columns(slices, out);
      }
    });
  }

 private:
  struct Entry {
    std::int32_t place;
    double x;
  };
  struct Term {
    std::int32_t second, third;  // places; -1 for none
    double weight;
  };

  std::int32_t place(std::int64_t column) const {
    return static_cast<std::int32_t>(std::lower_bound(involved_.begin(), involved_.end(), column) -
                                     involved_.begin());
  }

  // Moves `at`, which may only grow, to the place of column j; false where it has none.
  bool seek(std::size_t& at, Index j) const {
    const std::size_t size = involved_.size();
    std::size_t step = 1;
    while (at + step < size && involved_[at + step] < j) step *= 2;
    const auto first = involved_.begin();
    at = static_cast<std::size_t>(
        std::lower_bound(first + static_cast<std::ptrdiff_t>(at),
                         first + static_cast<std::ptrdiff_t>(std::min(at + step + 1, size)), j) -
        first);
    return at < size && involved_[at] == j;
  }

  template <class Rows>
  void by_rows(const Rows& rows, double* out, int n_threads) const {
    parallel_chunks(rows.n_slices(), 256, n_threads, [&](Index begin, Index end) {
      std::vector<double> value(involved_.size(), 0.0);
      std::vector<Entry> present;
      for (Index i = begin; i < end; ++i) {
        present.clear();
        std::size_t at = 0;
        rows.each(i, [&](Index j, double x) {
          if (x != 0.0 && seek(at, j)) present.push_back({static_cast<std::int32_t>(at), x});
        });
        for (const Entry& e : present) value[static_cast<std::size_t>(e.place)] = e.x;
        out[i] = margin(present, value);
        for (const Entry& e : present) value[static_cast<std::size_t>(e.place)] = 0.0;
      }
    });
  }

  template <class Columns>
  void by_columns(const Columns& columns, double* out) const {
    std::fill(out, out + columns.length(), 0.0);
    ProductWalk walk;
    for (std::size_t m = 0; m < products_.size(); ++m)
      walk(columns, products_[m], [&, weight = terms_[m].weight](Index i, double x) {
        if (x != 0.0) out[i] += weight * x;
      });
  }

  double margin(const std::vector<Entry>& present, const std::vector<double>& value) const {
    double sum = 0.0;
    for (std::size_t e = 0; e < present.size(); ++e) {
      const auto head = static_cast<std::size_t>(present[e].place);
      const Term* const begin = terms_.data() + first_[head];
      const Term* const end = terms_.data() + first_[head + 1];
      const double x = present[e].x;
      const auto add = [&](const Term& t, double second) {
        if (t.third < 0) {
          sum += t.weight * (x * second);
        } else if (const double third = value[static_cast<std::size_t>(t.third)]; third != 0.0) {
          sum += t.weight * (x * second * third);
        }
      };
      if (static_cast<std::size_t>(end - begin) <= 8 * (present.size() - e)) {
        for (const Term* t = begin; t != end; ++t)
          if (const double second = value[static_cast<std::size_t>(t->second)]; second != 0.0)
            add(*t, second);
        continue;
      }
      const Term* t = begin;
      for (std::size_t f = e; f < present.size() && t != end; ++f) {
        t = std::lower_bound(t, end, present[f].place,
                             [](const Term& a, std::int32_t b) { return a.second < b; });
        for (; t != end && t->second == present[f].place; ++t) add(*t, present[f].x);
      }
    }
    return sum;
  }

  std::vector<std::int64_t> involved_;  // columns, increasing; their places are what terms name
  std::vector<std::size_t> first_;      // of each place, the first of its terms
  std::vector<Term> terms_;
  std::vector<Factors> products_;  // of the terms
};

}  // namespace sparsecross
