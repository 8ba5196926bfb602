// Looks at a dual point that leave out the columns which it obeys for sure.
//
// Problem: for one dual point θ after the other, find the columns that violate |x_jᵀθ| <= l1_j, and
//          what all columns leave of the multiples of θ.
// Given:   θ (n), with Σ θ = 0 where there is an intercept; the weights.
// Result:  a Sight. Columns left out have |x_jᵀθ| <= l1_j / kLimit, proved by
//
//              |x_jᵀθ| <= |x_jᵀθ'| + ‖x_j - a_j‖₂ ‖θ - θ'‖₂    or, where it has few entries,
//              |x_jᵀθ| <= |x_jᵀθ'| + ‖x_j‖₁ ‖θ - θ'‖∞,
//
//          where a_j is the mean, 0 without an intercept, and θ' the point at which column j was
//          last computed. The distance is at most the length of the way since then, so that a
//          column has to remember one number. All of it holds at any strength of the penalty: a
//          walk from one strength to the next goes on with what it knows.
// Cost:    a comparison for each column (16 bytes read), one pass over the columns that are
//          computed, shared among the threads, and a pass over n. Memory: 2 vectors of length p, 1
//          of length n, and the violators (16 bytes each, twice while they are gathered).
// Sources: Hamerly 2010, "Making k-means even faster" (bounds that grow by what has moved);
//          El Ghaoui, Viallon & Rabbani 2012 (spheres around the dual optimum, of which this needs
//          none: it bounds correlations with the point at hand).
#pragma once

#include <limits>
#include <memory>
#include <new>

#include "model/certificate.hpp"

namespace sparsecross {

// A block of weight 0 (a column or a group), and how far its correlation is beyond the penalty.
struct Violator {
  double pull;
  Index block;
};

// What a look finds.
struct Sight {
  DualRoom room{std::numeric_limits<double>::infinity()};
  std::vector<Violator> violators;  // in increasing order
  bool complete = true;             // no column was left out

  // Those of the violators, twice: parts of columns gather them first.
  std::size_t bytes() const { return bytes_of(violators) + violators.size() * sizeof(Violator); }
};

class Screening {
 public:
  // No multiple of θ beyond this one may be called feasible for columns that were left out.
  static constexpr double kLimit = 1.05;

  // Looks at θ: at all columns where it is the first one or not feasible, which nothing is kept of;
  // else at those that are not known to obey, and at `held` (increasing), among which are all that
  // carry a weight.
  Sight look(const Problem& problem, const Point& at, const std::vector<Index>& held,
             const std::vector<double>& theta, bool feasible) {
    all_ = reach_.empty() || !feasible;
    keeps_ = feasible;
    if (feasible) {
      if (!reach_.empty()) go_on(theta);
      last_ = theta;
      const std::size_t n_known = reach_.size();
      reach_.resize(static_cast<std::size_t>(problem.p()));
      norm_.resize(static_cast<std::size_t>(problem.p()));
      // Nothing is known of new columns. Where all are, they are all computed, and the threads that
      // do are the first to touch their memory.
      if (!all_)
        std::fill(reach_.begin() + static_cast<std::ptrdiff_t>(n_known), reach_.end(), kUnknown);
    }
    Sight sight = look_from(0, problem, at, held, theta);
    if (!sight.complete) sight.room.limit = std::min(sight.room.limit, kLimit);
    return sight;
  }

  std::size_t bytes() const { return bytes_of(last_, reach_, norm_); }

  // Looks at the same θ again, for the sake of columns that came since; `sight` is of the others.
  Sight look_at_more(const Problem& problem, const Point& at, const std::vector<double>& theta,
                     Sight sight) {
    if (keeps_) {
      reach_.resize(static_cast<std::size_t>(problem.p()), kUnknown);
      norm_.resize(static_cast<std::size_t>(problem.p()));
    }
    const Sight more = look_from(n_seen_, problem, at, {}, theta);
    sight.room.add(more.room);
    sight.complete &= more.complete;
    sight.violators.insert(sight.violators.end(), more.violators.begin(), more.violators.end());
    return sight;
  }

 private:
  static constexpr double kUnknown = std::numeric_limits<double>::infinity();
  // How far the sample that moves most is expected to move, of the root of the mean square.
  static constexpr double kPeak = 8.0;
  static constexpr Index kChunk = 256;  // columns for a thread at a time
  static constexpr Index kGroup = 64;   // columns that are first counted, without a branch

  // At the columns from `first` on.
  Sight look_from(Index first, const Problem& problem, const Point& at,
                  const std::vector<Index>& held, const std::vector<double>& theta) {
    n_seen_ = problem.p();
    const Penalty& penalty = problem.penalty;
    if (penalty.uniform())
      return look_by(first, problem, at, held, theta,
                     [level = penalty.l1() / kLimit](Index) { return level; });
    return look_by(first, problem, at, held, theta,
                   [&penalty](Index j) { return penalty.l1(j) / kLimit; });
  }

  template <class Level>
  Sight look_by(Index from, const Problem& problem, const Point& at, const std::vector<Index>& held,
                const std::vector<double>& theta, const Level& level) {
    const Index n_columns = problem.p() - from;
    std::vector<Sight> parts(static_cast<std::size_t>((n_columns + kChunk - 1) / kChunk));
    // Whether it is known that |x_jᵀθ| <= level(j): of NaN it is not.
    const auto obeys = [&, reach = reach_.data()](Index j) {
      return reach[j] + growth(j) <= level(j);
    };
    problem.X.visit([&](const auto& columns) {
      parallel_chunks(n_columns, kChunk, problem.n_threads, [&](Index chunk, Index chunk_end) {
        const Index begin = from + chunk, end = from + chunk_end;
        Sight part;
        auto next = std::lower_bound(held.begin(), held.end(), begin);
        const auto holds = [&](Index j) {
          if (next == held.end() || *next != j) return false;
          ++next;
          return true;
        };
        for (Index first = begin; first < end; first += kGroup) {
          const Index last = std::min(first + kGroup, end);
          if (!all_ && (next == held.end() || *next >= last)) {
            Index n_obeying = 0;  // nearly all do
            for (Index j = first; j < last; ++j) n_obeying += obeys(j);
            if (n_obeying == last - first) {
              part.complete = false;
              continue;
            }
          }
          for (Index j = first; j < last; ++j) {
            if (holds(j) || all_ || !obeys(j))
              take(problem, columns, at, theta.data(), j, part);
            else
              part.complete = false;
          }
        }
        parts[static_cast<std::size_t>(chunk / kChunk)] = std::move(part);
      });
    });
    Sight sight;
    for (const Sight& part : parts) {
      sight.room.add(part.room);
      sight.complete &= part.complete;
      sight.violators.insert(sight.violators.end(), part.violators.begin(), part.violators.end());
    }
    return sight;
  }

  template <class Columns>
  [[gnu::always_inline]] void take(const Problem& problem, const Columns& columns, const Point& at,
                                   const double* theta, Index j, Sight& part) {
    const Penalty& penalty = problem.penalty;
    const auto at_j = static_cast<std::size_t>(j);
    double z;
    if (keeps_ && (all_ || reach_[at_j] == kUnknown)) {
      // Few entries are what a dense column never has.
      constexpr std::size_t n_sums = is_dense<Columns> ? 3 : 4;
      const auto sums = columns.template sums<n_sums>(j, [theta](Index i, double x) {
        if constexpr (n_sums == 3) {
          return std::array<double, 3>{x * theta[i], x * x, x};
        } else {
          return std::array<double, 4>{x * theta[i], x * x, x, std::abs(x)};
        }
      });
      z = sums[0];
      const double square = sums[1], n = static_cast<double>(problem.n());
      double left = square;
      if (problem.fit_intercept) left -= sums[2] * sums[2] / n;
      // Too near to a constant: what Σ θ is off by, in rounding, would count.
      norm_[at_j] = std::sqrt(left < 1e-6 * square ? square : left);
      if constexpr (n_sums == 4)
        if (kPeak * sums[3] < std::sqrt(n) * norm_[at_j]) norm_[at_j] = -sums[3];
    } else {
      z = columns.sum(j, [theta](Index i, double x) { return x * theta[i]; });
    }
    if (keeps_) reach_[at_j] = penalty.counted(z) - growth(j);
    const double w = at.coef[at_j];
    part.room.take(penalty, j, w, z);
    if (w != 0.0 || penalty.excluded(j) || penalty.unpenalised(j)) return;
    if (const double pull = penalty.violation(j, 0.0, z); pull > 0.0)
      part.violators.push_back({pull, j});
  }

  // Takes the step from the last θ to this one.
  void go_on(const std::vector<double>& theta) {
    const auto step = [t = theta.data(), u = last_.data()](Index i) { return t[i] - u[i]; };
    const auto n = static_cast<Index>(theta.size());
    way_ += std::sqrt(ordered_sum(n, [&step](Index i) { return step(i) * step(i); }));
    double peak = 0.0;
    for (Index i = 0; i < n; ++i) peak = std::max(peak, std::abs(step(i)));
    way_of_peaks_ += peak;
  }

  // What |x_jᵀθ| may have grown by on the way: one of the two products is negative, or both are 0.
  // NaN where the way is.
  double growth(Index j) const {
    const double norm = norm_[static_cast<std::size_t>(j)];
    return std::max(way_ * norm, -way_of_peaks_ * norm);
  }

  // Memory that nobody has written to yet.
  template <class T>
  struct Uninitialised : std::allocator<T> {
    template <class U>
    struct rebind {
      using other = Uninitialised<U>;
    };
    template <class U>
    void construct(U* at) {
      ::new (static_cast<void*>(at)) U;
    }
  };
  using Known = std::vector<double, Uninitialised<double>>;

  bool all_ = true, keeps_ = false;  // of the last look
  Index n_seen_ = 0;                 // columns at the last look
  std::vector<double> last_;         // the last feasible θ (n)
  double way_ = 0.0;                 // the length of the way so far, by the Euclidean norm
  double way_of_peaks_ = 0.0;        // and by the largest element of each step
  Known reach_;                      // p: |x_jᵀθ'|, less what it may have grown by on the way to θ'
  Known norm_;                       // p, known where the reach is: ‖x_j - a_j‖₂, or -‖x_j‖₁
};

}  // namespace sparsecross
