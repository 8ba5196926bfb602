// Sweeps over the blocks of a working set, and where they lead to (group_model.hpp).
#pragma once

#include "solve/group_model.hpp"

namespace sparsecross {

// Which groups have columns without a row in common, as those of one field: their curvature is a
// diagonal. Looked at once for each group.
class DisjointGroups {
 public:
  bool operator()(const GroupProblem& problem, Index g) {
    if (known_.empty()) known_.assign(static_cast<std::size_t>(problem.groups.count()), kUnknown);
    char& known = known_[static_cast<std::size_t>(g)];
    if (known == kUnknown) known = look(problem, g);
    return known == kDisjoint;
  }
  std::size_t bytes() const { return bytes_of(known_, seen_); }

 private:
  static constexpr char kUnknown = 0, kDisjoint = 1, kCommon = 2;

  char look(const GroupProblem& problem, Index g) {
    return problem.X().visit([&](const auto& columns) {
      if constexpr (is_dense<std::decay_t<decltype(columns)>>) {
        return kCommon;
      } else {
        Index n_entries = 0;
        const Index* const first = problem.groups.columns(g);
        for (Index c = 0; c < problem.groups.size(g); ++c) n_entries += columns.size(first[c]);
        if (n_entries > problem.n()) return kCommon;
        if (seen_.empty()) seen_.assign(static_cast<std::size_t>(problem.n()), -1);
        bool common = false;
        for (Index c = 0; c < problem.groups.size(g) && !common; ++c)
          columns.each(first[c], [&](Index i, double) {
            common |= seen_[static_cast<std::size_t>(i)] == g;
            seen_[static_cast<std::size_t>(i)] = g;
          });
        return common ? kCommon : kDisjoint;
      }
    });
  }

  std::vector<char> known_;
  std::vector<Index> seen_;  // of each row, the group that was last seen to have an entry there
};

// The curvatures of all blocks of a set.
class BlockCurvatures {
 public:
  const BlockCurvature* of(Index position) const { return each_.data() + position * n_curved_; }
  bool shared() const { return shared_; }
  // Whether a block's weights in all outputs have one matrix.
  bool coupled() const { return coupled_; }
  std::size_t bytes() const {
    std::size_t total = bytes_of(groups_);
    for (const BlockCurvature& each : each_) total += each.bytes();
    return total;
  }

  // Where the loss is quadratic, what the last measure found of a group still holds.
  template <class Coordinates>
  void measure(const GroupProblem& problem, const GroupModel& model, const PackedSet& set,
               const Coordinates& coordinates, DisjointGroups& disjoint) {
    coupled_ = Coordinates::kCoupled;
    shared_ = coupled_ || model.shared;
    n_curved_ = coupled_ ? 1 : model.n_curved();
    std::vector<Index> measured_before;
    std::vector<BlockCurvature> before;
    if (problem.loss.quadratic()) {
      measured_before.swap(groups_);
      before.swap(each_);
      groups_ = set.groups;
    }
    each_.resize(set.groups.size() * static_cast<std::size_t>(n_curved_));
    for (std::size_t position = 0; position < set.groups.size(); ++position) {
      if constexpr (Coordinates::kCoupled) {
        const Index first = set.begin[position], s = set.begin[position + 1] - first;
        coordinates.block(first, s, 0, matrix_);
        each_[position] = of_matrix(s * problem.n_outputs());
        continue;
      }
      const Index g = set.groups[position];
      const auto known = std::lower_bound(measured_before.begin(), measured_before.end(), g);
      if (known != measured_before.end() && *known == g) {
        const auto from = (known - measured_before.begin()) * n_curved_;
        std::move(before.begin() + from, before.begin() + from + n_curved_,
                  each_.begin() + static_cast<Index>(position) * n_curved_);
        continue;
      }
      const bool diagonal = disjoint(problem, g);
      for (Index k = 0; k < n_curved_; ++k)
        each_[position * static_cast<std::size_t>(n_curved_) + static_cast<std::size_t>(k)] =
            measured(model.curved(k), k, set.begin[position], set.begin[position + 1], diagonal,
                     model.intercept, coordinates);
    }
  }

 private:
  static constexpr Index kLargestBasis = 128;  // beyond it rotations would take seconds

  template <class Coordinates>
  BlockCurvature measured(const QuadraticModel& model, Index k, Index first, Index last,
                          bool diagonal, bool centred, const Coordinates& coordinates) {
    const Index s = last - first;
    const auto begin = model.column_curvature.begin();
    std::vector<double> bend(begin + first, begin + last);
    if (s == 1) return BlockCurvature::of_diagonal(std::move(bend));
    if (diagonal) {
      std::vector<double> rank;
      if (centred && model.total > 0.0)
        for (Index c = 0; c < s; ++c) {
          const double sum = model.weighted_sum[static_cast<std::size_t>(first + c)];
          rank.push_back(sum / std::sqrt(model.total));
          bend[static_cast<std::size_t>(c)] += sum * sum / model.total;
        }
      return BlockCurvature::of_diagonal(std::move(bend), std::move(rank));
    }
    coordinates.block(first, s, k, matrix_);
    return of_matrix(s);
  }

  // The curvature of matrix_ (s x s).
  BlockCurvature of_matrix(Index s) const {
    if (s <= kLargestBasis) return BlockCurvature::of_matrix(matrix_, s);
    return BlockCurvature::of_diagonal(
        std::vector<double>(static_cast<std::size_t>(s), largest_eigenvalue(s)));
  }

  // An upper bound of the largest eigenvalue of matrix_: that of the row sums of |M|, scaled by the
  // power iterates of |M|, which come down to its own (Collatz 1942).
  double largest_eigenvalue(Index s) const {
    std::vector<double> v(static_cast<std::size_t>(s), 1.0), image(v.size());
    double bound = 0.0;
    for (int round = 0; round < 20; ++round) {
      bound = 0.0;
      double size = 0.0;
      for (Index a = 0; a < s; ++a) {
        double sum = 0.0;
        for (Index b = 0; b < s; ++b)
          sum += std::abs(matrix_[static_cast<std::size_t>(a * s + b)]) *
                 v[static_cast<std::size_t>(b)];
        image[static_cast<std::size_t>(a)] = sum;
        bound = std::max(bound, sum / v[static_cast<std::size_t>(a)]);
        size = std::max(size, sum);
      }
      if (!(size > 0.0)) return 0.0;
      // Never 0, so that the quotients stay bounds.
      for (Index a = 0; a < s; ++a)
        v[static_cast<std::size_t>(a)] = std::max(image[static_cast<std::size_t>(a)] / size, 1e-6);
    }
    return bound;
  }

  bool shared_ = true, coupled_ = false;
  Index n_curved_ = 1;
  std::vector<Index> groups_;  // of the last measure, increasing, where the loss is quadratic
  std::vector<BlockCurvature> each_;
  std::vector<double> matrix_;
};

// What a sweep did: about the fall of the objective, and the largest move as a force relative
// to the penalty (where a group has none: as the root of an energy relative to `objective`).
struct GroupSweep {
  double decrease = 0.0, worst = 0.0;
};

// One pass over the blocks of the set.
template <class Coordinates>
GroupSweep sweep(const GroupProblem& problem, const BlockCurvatures& curvatures, double objective,
                 PackedSet& set, Coordinates& coordinates, BlockStep& step) {
  const GroupPenalty& penalty = problem.penalty;
  const Index K = problem.n_outputs();
  GroupSweep result;
  std::vector<double> gradient, next;
  for (std::size_t position = 0; position < set.groups.size(); ++position) {
    const Index g = set.groups[position];
    if (penalty.excluded(g)) continue;
    const Index first = set.begin[position], last = set.begin[position + 1];
    const auto n = static_cast<std::size_t>((last - first) * K);
    double* const w = set.weights.data() + first * K;
    const BlockCurvature* const bend = curvatures.of(static_cast<Index>(position));
    gradient.resize(n);
    widely([&] {
      for (Index c = first; c < last; ++c)
        for (Index k = 0; k < K; ++k)
          gradient[static_cast<std::size_t>((c - first) * K + k)] = coordinates.gradient(c, k);
    });
    next.assign(w, w + n);
    step(bend, curvatures.shared(), curvatures.coupled() ? 1 : K, penalty.l1(g), penalty.norm(g),
         penalty.l2(g), gradient.data(), next.data());
    double square = 0.0, energy = 0.0;
    widely([&] {
      for (Index c = first; c < last; ++c)
        for (Index k = 0; k < K; ++k) {
          const auto at = static_cast<std::size_t>((c - first) * K + k);
          const double d = next[at] - w[at];
          if (d == 0.0) continue;
          coordinates.move(c, k, d);
          w[at] = next[at];
          const BlockCurvature& its = bend[curvatures.shared() ? 0 : k];
          const double h = its.basis.empty() && !curvatures.coupled()
                               ? its.diagonal[static_cast<std::size_t>(c - first)]
                               : its.largest;
          square += h * h * d * d;
          energy += h * d * d;
        }
    });
    if (square == 0.0) continue;
    const double held = penalty.norm(g) + penalty.l1(g);
    result.decrease += 0.5 * energy;
    result.worst = std::max(result.worst,
                            held > 0.0 ? std::sqrt(square) / held : std::sqrt(energy / objective));
  }
  return result;
}

// Moves to the point that past sweeps lead to, where the objective is lower there. Blocks that are
// 0 stay so.
template <class Coordinates>
bool extrapolate(const GroupProblem& problem, const Extrapolation& past, PackedSet& set,
                 Coordinates& coordinates) {
  std::vector<double> point, ahead;
  if (!past(point, &ahead)) return false;
  const Index K = problem.n_outputs();
  double rise = 0.0;
  for (std::size_t position = 0; position < set.groups.size(); ++position) {
    const Index g = set.groups[position], first = set.begin[position] * K;
    const Index n = set.begin[position + 1] * K - first;
    if (problem.penalty.excluded(g)) continue;
    // A block that is 0 now, or a weight that would change its sign where single ones are
    // penalised.
    const double* const w = set.weights.data() + first;
    const bool zero = std::all_of(w, w + n, [](double v) { return v == 0.0; });
    for (Index i = 0; i < n; ++i) {
      double& to = point[static_cast<std::size_t>(first + i)];
      const double wanted = zero                          ? 0.0
                            : problem.penalty.l1(g) > 0.0 ? within_orthant(to, w[i])
                                                          : to;
      if (wanted != to) coordinates.move((first + i) / K, (first + i) % K, wanted - to, ahead);
      to = wanted;
    }
    rise += problem.penalty.value(g, point.data() + first, n) - problem.penalty.value(g, w, n);
  }
  std::vector<double> step(point.size());
  for (std::size_t i = 0; i < step.size(); ++i) step[i] = point[i] - set.weights[i];
  if (!(coordinates.gain(ahead, step) > rise)) return false;
  set.weights.swap(point);
  coordinates.state.swap(ahead);
  return true;
}

// What a minimisation of the model has to reach, as GroupSweep tells it.
struct GroupAccuracy {
  double objective;        // the unit of moves that no penalty holds back
  double absolute = 0.0;   // enough,
  double reduction = 0.0;  // as is this part of what is found first
};

enum class Descent { reached, out_of_sweeps, interrupted };

template <class Coordinates>
Descent descend(const GroupProblem& problem, const BlockCurvatures& curvatures,
                const GroupAccuracy& accuracy, Index max_iter, const Poll& poll, PackedSet& set,
                Coordinates& coordinates, BlockStep& step, Index& n_iter) {
  constexpr double rounding = 1e-30;  // of the objective: moves that change nothing
  Extrapolation past;
  past.see(set.weights, coordinates.state);
  double first = 0.0;
  while (n_iter < max_iter) {
    const GroupSweep done = sweep(problem, curvatures, accuracy.objective, set, coordinates, step);
    ++n_iter;
    if (poll && poll()) return Descent::interrupted;
    first = std::max(first, done.worst);
    if (done.worst <= std::max(accuracy.absolute, accuracy.reduction * first) ||
        done.decrease <= rounding * accuracy.objective)
      return Descent::reached;
    if (!past.see(set.weights, coordinates.state)) continue;
    extrapolate(problem, past, set, coordinates);
    past.forget();
    past.see(set.weights, coordinates.state);
  }
  return Descent::out_of_sweeps;
}

}  // namespace sparsecross
