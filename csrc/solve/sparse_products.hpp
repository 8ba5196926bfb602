// Products of sparse columns (gram.hpp).
//
// Method: the new columns with most entries, the heavy ones, row by row: a block of rows of all
//         columns is laid out in the cache, and each row adds the products of its heavy entries
//         with all its others to accumulators that stay there. Products of the other new columns,
//         the light ones, among themselves and with old ones are made column by column, over a copy
//         of the light ones by rows, which is laid out block by block of rows as well.
// Cost:   heavy: four additions at a time, about 0.3 ns each, for each pair of entries that share a
//         row, and a few nanoseconds for each entry of the list; accumulators of 1 MB for each of
//         up to 8 parts of the rows. Others: a look at a row for each entry of the old and light
//         columns; 8 bytes for each entry of the light ones.
// Source: Gustavson 1978, "Two fast algorithms for sparse matrices".
#pragma once

#include <cassert>
#include <cmath>
#include <numeric>
#include <tuple>

#include "solve/product_sink.hpp"
#include "support/zeroed.hpp"

namespace sparsecross::detail {

// √h, in the form of h.
inline UniformCurvature roots(UniformCurvature h, Index, std::vector<double>&) {
  return {std::sqrt(h.h)};
}
inline SampleCurvature roots(SampleCurvature h, Index n, std::vector<double>& values) {
  values.resize(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = std::sqrt(h(i));
  return {values.data()};
}

// The columns of a list in the order in which rows hold them: those whose products with one another
// are made column by column, then the heavy ones.
struct RowOrder {
  RowOrder(const std::vector<Index>& size, Index first_new) {
    const auto m = static_cast<Index>(size.size());
    std::vector<Index> fresh(static_cast<std::size_t>(m - first_new));
    std::iota(fresh.begin(), fresh.end(), first_new);
    const Index room = std::max(Index{0}, kRoom / (m + kPadding) - kPadding);
    auto cut = fresh.end() - std::min(room, m - first_new);
    const auto lighter = [&](Index a, Index b) {
      const auto at_a = static_cast<std::size_t>(a), at_b = static_cast<std::size_t>(b);
      return std::tie(size[at_a], a) < std::tie(size[at_b], b);
    };
    std::nth_element(fresh.begin(), cut, fresh.end(), lighter);
    const double entries = std::accumulate(cut, fresh.end(), 0.0, [&](double sum, Index k) {
      return sum + static_cast<double>(size[static_cast<std::size_t>(k)]);
    });
    if (entries < kWorth * std::accumulate(size.begin(), size.end(), 0.0)) cut = fresh.end();
    std::sort(fresh.begin(), cut);
    std::sort(cut, fresh.end(), [&](Index a, Index b) { return lighter(b, a); });
    first_heavy = first_new + (cut - fresh.begin());
    position.resize(static_cast<std::size_t>(first_new));
    std::iota(position.begin(), position.end(), Index{0});
    position.insert(position.end(), fresh.begin(), fresh.end());
    rank.resize(position.size());
    for (Index r = 0; r < m; ++r)
      rank[static_cast<std::size_t>(position[static_cast<std::size_t>(r)])] = r;
  }

  Index n_heavy() const { return static_cast<Index>(position.size()) - first_heavy; }

  static constexpr Index kRoom = Index{1} << 17;  // accumulators of a part of the rows
  static constexpr Index kPadding = 3;            // ranks that stand for no column
  // The share of all entries that heavy columns must have: all are laid out for them.
  static constexpr double kWorth = 0.4;

  std::vector<Index> position;  // in the list, by rank
  std::vector<Index> rank;      // by position
  Index first_heavy;            // rank
};

// Entries √h x / s of a block of rows, in increasing rank. The heavy entries of a row are filled up
// to a multiple of four with zeros at ranks beyond the last.
class RowBlock {
 public:
  // Those of the rows [top, last); cursors (by rank) tell where the columns enter the block and are
  // moved to where they leave it.
  template <class Columns, class Root>
  void fill(const Columns& columns, Root root, const ScaledColumns& list, const RowOrder& order,
            Index top, Index last, std::vector<Index>& cursor) {
    n_rows_ = last - top;
    const auto m = static_cast<Index>(order.position.size());
    others_.assign(static_cast<std::size_t>(n_rows_), 0);
    heavy_.assign(static_cast<std::size_t>(n_rows_), 0);
    next_.resize(static_cast<std::size_t>(n_rows_));
    begin_.resize(static_cast<std::size_t>(n_rows_) + 1);
    const auto* indices = columns.indices();
    end_.resize(cursor.size());
    for (Index r = 0; r < m; ++r) {
      auto& count = r < order.first_heavy ? others_ : heavy_;
      const auto at_r = static_cast<std::size_t>(r);
      const Index end = columns.offsets()[list[order.position[at_r]] + 1];
      Index at = cursor[at_r];
      for (; at < end && indices[at] < last; ++at)
        ++count[static_cast<std::size_t>(indices[at] - top)];
      end_[at_r] = at;
    }
    std::int32_t total = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_rows_); ++i) {
      begin_[i] = next_[i] = total;
      total += others_[i] + (heavy_[i] + 3) / 4 * 4;
    }
    begin_[static_cast<std::size_t>(n_rows_)] = total;
    rank_.resize(static_cast<std::size_t>(total));
    value_.resize(static_cast<std::size_t>(total));
    for (Index r = 0; r < m; ++r) {
      const auto at_r = static_cast<std::size_t>(r);
      const double inverse = 1.0 / list.norm[static_cast<std::size_t>(order.position[at_r])];
      columns.each_from(cursor[at_r], end_[at_r], [&](Index i, double x) {
        const auto at = static_cast<std::size_t>(next_[static_cast<std::size_t>(i - top)]++);
        rank_[at] = static_cast<std::int32_t>(r);
        value_[at] = root(i) * x * inverse;
      });
    }
    cursor.swap(end_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_rows_); ++i)
      for (auto pad = m; next_[i] < begin_[i + 1]; ++pad, ++next_[i]) {
        rank_[static_cast<std::size_t>(next_[i])] = static_cast<std::int32_t>(pad);
        value_[static_cast<std::size_t>(next_[i])] = 0.0;
      }
  }

  // sum[(a - first_heavy) stride + b] += product of the entries of ranks a and b, for heavy a and b
  // up to it.
  void accumulate(Index first_heavy, Index stride, double* sum) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_rows_); ++i) {
      const std::int32_t* rank = rank_.data() + begin_[i];
      const double* value = value_.data() + begin_[i];
      const Index n_entries = begin_[i + 1] - begin_[i];
      for (Index a = others_[i]; a < n_entries; a += 4) {
        double* const into[4] = {
            sum + (rank[a] - first_heavy) * stride, sum + (rank[a + 1] - first_heavy) * stride,
            sum + (rank[a + 2] - first_heavy) * stride, sum + (rank[a + 3] - first_heavy) * stride};
        const double by[4] = {value[a], value[a + 1], value[a + 2], value[a + 3]};
        for (Index b = 0; b < a + 4; ++b) {
          const double other = value[b];
          for (int q = 0; q < 4; ++q) into[q][rank[b]] += by[q] * other;
        }
      }
    }
  }

 private:
  Index n_rows_ = 0;
  std::vector<std::int32_t> others_, heavy_;  // entries of a row
  std::vector<std::int32_t> begin_, next_;    // of a row
  std::vector<Index> end_;
  std::vector<std::int32_t> rank_;
  std::vector<double> value_;
};

// Products of heavy columns with all of lower rank: (rank - first_heavy) * stride + lower rank.
struct HeavyProducts {
  Index stride = 0;
  std::vector<double> sum;
  std::size_t bytes = 0;  // that the sums of all parts took
};

template <class Columns, class Root>
HeavyProducts heavy_products(const Columns& columns, Root root, const Problem& problem,
                             const ScaledColumns& list, const RowOrder& order, Index n_entries) {
  if (order.n_heavy() == 0) return {};
  constexpr Index worth_a_part = Index{1} << 16, most_parts = 8, entries_of_block = 16384;
  const Index n = problem.n(), m = list.size();
  const Index n_parts = std::clamp(n_entries / worth_a_part, Index{1}, most_parts);
  const Index grain = (n + n_parts - 1) / n_parts;
  const Index height = std::clamp(entries_of_block * n / (n_entries + 1), Index{256}, Index{4096});
  HeavyProducts found;
  found.stride = m + RowOrder::kPadding;
  const Index room = (order.n_heavy() + RowOrder::kPadding) * found.stride;
  std::vector<std::vector<double>> parts(static_cast<std::size_t>(n_parts));
  parallel_chunks(n, grain, problem.n_threads, [&](Index begin, Index end) {
    auto& sum = parts[static_cast<std::size_t>(begin / grain)];
    sum.assign(static_cast<std::size_t>(room), 0.0);
    std::vector<Index> cursor(static_cast<std::size_t>(m));
    for (Index r = 0; r < m; ++r) {
      const auto at = static_cast<std::size_t>(r);
      cursor[at] = columns.entry_at(list[order.position[at]], begin);
    }
    RowBlock block;
    for (Index top = begin; top < end; top += height) {
      block.fill(columns, root, list, order, top, std::min(end, top + height), cursor);
      block.accumulate(order.first_heavy, found.stride, sum.data());
    }
  });
  for (const auto& part : parts) found.bytes += bytes_of(part);
  found.sum = std::move(parts[0]);
  for (std::size_t part = 1; part < parts.size(); ++part)
    for (std::size_t e = 0; e < parts[part].size(); ++e) found.sum[e] += parts[part][e];
  return found;
}

// A copy of the light columns by rows: entries begin[i] .. begin[i + 1] of row i, in increasing
// position.
struct ByRows {
  struct Entry {
    std::int32_t position;  // in the list
    float value;            // √h x / s, of order 1 however small h may be
  };
  std::vector<Index> begin;  // n + 1, empty where no column is light
  Zeroed<Entry> entries;
};

template <class Columns, class Root>
ByRows by_rows(const Columns& columns, Root root, const Problem& problem, const ScaledColumns& list,
               const Index* first, const Index* last) {
  constexpr Index block = 8192;  // rows whose entries stay in the cache while columns add to them
  const auto n = static_cast<std::size_t>(problem.n());
  // f(k, i, x) for the entries of all columns, those of a row by one thread in increasing k.
  const auto each = [&](const auto& f) {
    parallel_chunks(problem.n(), block, problem.n_threads, [&](Index top, Index end) {
      for (const Index* k = first; k < last; ++k)
        columns.each_within(list[*k], top, end, [&f, k](Index i, double x) { f(*k, i, x); });
    });
  };
  ByRows rows;
  if (first == last) return rows;
  rows.begin.assign(n + 1, 0);
  each([&rows](Index, Index i, double) { ++rows.begin[static_cast<std::size_t>(i) + 1]; });
  for (std::size_t i = 0; i < n; ++i) rows.begin[i + 1] += rows.begin[i];
  rows.entries = Zeroed<ByRows::Entry>(static_cast<std::size_t>(rows.begin.back()));
  each([&, entries = rows.entries.data()](Index k, Index i, double x) {
    entries[rows.begin[static_cast<std::size_t>(i)]++] = {
        static_cast<std::int32_t>(k),
        static_cast<float>(root(i) * x / list.norm[static_cast<std::size_t>(k)])};
  });
  // begin[i] has moved to the end of row i, which is the beginning of row i + 1.
  std::copy_backward(rows.begin.begin(), rows.begin.end() - 1, rows.begin.end());
  rows.begin[0] = 0;
  return rows;
}

// sum[k] += Σ_i h_i x_ik x_iq / (s_k s_q) for the light columns k from `first` on.
template <class Columns, class Root>
void add_light_products(const Columns& columns, Root root, const ScaledColumns& list,
                        const ByRows& rows, Index q, Index first, double* sum) {
  constexpr Index ahead = 16;  // entries, whose rows are fetched before they are looked at
  const double inverse = 1.0 / list.norm[static_cast<std::size_t>(q)];
  const auto* indices = columns.indices();
  const Index* begin = rows.begin.data();
  const ByRows::Entry* entries = rows.entries.data();
  const Index end = columns.offsets()[list[q] + 1];
  for (Index e = columns.offsets()[list[q]]; e < end; ++e) {
    if (e + 2 * ahead < end) __builtin_prefetch(begin + indices[e + 2 * ahead]);
    if (e + ahead < end) __builtin_prefetch(entries + begin[indices[e + ahead]]);
    const Index i = indices[e];
    const double hx = root(i) * static_cast<double>(columns.values()[e]) * inverse;
    for (Index at = begin[i + 1]; at-- > begin[i] && entries[at].position >= first;)
      sum[entries[at].position] += hx * static_cast<double>(entries[at].value);
  }
}

// Whether a product is what the entries of its two columns say; for assertions.
template <class Columns, class Root>
bool agrees(const Columns& columns, Root root, const ScaledColumns& list, Index k, Index q,
            double product) {
  double direct = 0.0, size = 0.0;
  Index other = columns.offsets()[list[q]];
  const Index end = columns.offsets()[list[q] + 1];
  columns.each(list[k], [&](Index i, double x) {
    while (other < end && columns.indices()[other] < i) ++other;
    if (other == end || columns.indices()[other] != i) return;
    const double term = root(i) * x / list.norm[static_cast<std::size_t>(k)] * root(i) *
                        static_cast<double>(columns.values()[other]) /
                        list.norm[static_cast<std::size_t>(q)];
    direct += term;
    size += std::abs(term);
  });
  return !(std::abs(product - direct) > 1e-6 * std::max(1.0, size));
}

template <class Columns, class Curvature>
std::size_t sparse_products(const Columns& columns, Curvature h, const Problem& problem,
                            double total, const ScaledColumns& list, Index first_new,
                            const ProductSink& sink) {
  std::vector<double> values;
  const auto root = roots(h, problem.n(), values);
  const Index m = list.size();
  std::vector<Index> size(static_cast<std::size_t>(m));
  for (Index k = 0; k < m; ++k) size[static_cast<std::size_t>(k)] = columns.size(list[k]);
  const RowOrder order(size, first_new);
  const HeavyProducts heavy = heavy_products(columns, root, problem, list, order,
                                             std::accumulate(size.begin(), size.end(), Index{0}));
  const ByRows rows = by_rows(columns, root, problem, list, order.position.data() + first_new,
                              order.position.data() + order.first_heavy);
  parallel_chunks(m, 16, problem.n_threads, [&](Index begin, Index end) {
    std::vector<double> sum(static_cast<std::size_t>(m));
    for (Index q = begin; q < end; ++q) {
      const auto at_q = static_cast<std::size_t>(q);
      const Index first = std::max(q, first_new), rank_q = order.rank[at_q];
      std::fill(sum.begin() + first, sum.end(), 0.0);
      const double inverse = 1.0 / list.norm[at_q];
      if (rank_q < order.first_heavy && rows.entries.size() > 0)
        add_light_products(columns, root, list, rows, q, first, sum.data());
      const bool is_heavy = rank_q >= order.first_heavy;
      for (Index r = is_heavy ? first_new : order.first_heavy; r < m; ++r) {
        const Index k = order.position[static_cast<std::size_t>(r)];
        if (k < first) continue;
        const auto [low, high] = std::minmax(r, rank_q);
        sum[static_cast<std::size_t>(k)] =
            heavy.sum[static_cast<std::size_t>((high - order.first_heavy) * heavy.stride + low)];
      }
      assert(agrees(columns, root, list, m - 1, q, sum[static_cast<std::size_t>(m - 1)]));
      assert(agrees(columns, root, list, first, q, sum[static_cast<std::size_t>(first)]));
      const double weight = total * list.mean[at_q] * inverse;
      if (weight != 0.0)
        for (auto k = static_cast<std::size_t>(first); k < sum.size(); ++k)
          sum[k] -= weight * list.mean[k] / list.norm[k];
      if (first == q) sum[at_q] = 1.0;
      sink.set(q, first, m, sum.data());
    }
  });
  const std::size_t of_rows = bytes_of(rows.begin) + rows.entries.size() * sizeof(ByRows::Entry);
  return bytes_of(values) + std::max(heavy.bytes, bytes_of(heavy.sum) + of_rows);
}

}  // namespace sparsecross::detail
