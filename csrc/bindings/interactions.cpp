// The border of interactions: products of columns, priced, solved and judged by key.
#include "interactions/margins.hpp"
#include "interactions/solve.hpp"

#include "bindings/loss.hpp"

namespace sparsecross::bindings {
namespace {

using Keys = Array<std::uint64_t>;
using Columns = Array<std::int64_t>;  // (m, 3): the columns of products, -1 after the last

template <class T>
void check_matrix(const Array<T>& array, const char* name) {
  check_aligned(array, name);
  if (array.ndim() != 2 || array.shape(1) != 3)
    throw std::invalid_argument(std::string(name) + " must have three columns");
}

Keys keys_of(const ProductKeys& numbering, const Columns& columns) {
  check_matrix(columns, "columns");
  Keys keys(columns.shape(0));
  for (py::ssize_t m = 0; m < columns.shape(0); ++m) {
    const Factors f{{columns.at(m, 0), columns.at(m, 1), columns.at(m, 2)}};
    numbering.check(f);
    keys.mutable_at(m) = numbering.of(f);
  }
  return keys;
}

Columns columns_of(const ProductKeys& numbering, const Keys& keys) {
  if (keys.ndim() != 1) throw std::invalid_argument("keys must be one-dimensional");
  Columns columns(std::vector<py::ssize_t>{keys.shape(0), 3});
  for (py::ssize_t m = 0; m < keys.shape(0); ++m) {
    if (keys.at(m) >= numbering.universe())
      throw std::invalid_argument("keys must lie below " + std::to_string(numbering.universe()) +
                                  ", got " + std::to_string(keys.at(m)));
    const Factors f = numbering.factors(keys.at(m));
    for (py::ssize_t c = 0; c < 3; ++c)
      columns.mutable_at(m, c) = f.column[static_cast<std::size_t>(c)];
  }
  return columns;
}

CrossRules rules_of(int order, const std::optional<Array<std::int32_t>>& field,
                    const std::optional<Array<std::int32_t>>& combinations) {
  if (field.has_value() != combinations.has_value())
    throw std::invalid_argument("field and combinations come together");
  if (!field) return CrossRules(order);
  if (field->ndim() != 1) throw std::invalid_argument("field must be one-dimensional");
  check_matrix(*combinations, "combinations");
  std::vector<Combination> rows;
  for (py::ssize_t m = 0; m < combinations->shape(0); ++m)
    rows.push_back({combinations->at(m, 0), combinations->at(m, 1), combinations->at(m, 2)});
  return CrossRules(order, {field->data(), field->data() + field->size()}, std::move(rows));
}

// A Space, and the Design it looks at.
struct BoundSpace {
  BoundSpace(const BoundDesign& X, int order, bool squares,
             const std::optional<Array<std::int32_t>>& field,
             const std::optional<Array<std::int32_t>>& combinations, int n_threads)
      : bound(X), space(checked(X), rules_of(order, field, combinations), squares, n_threads) {}
  BoundSpace(const BoundSpace&) = delete;

  static const Design& checked(const BoundDesign& X) {
    if (X.design.sliced_by() != Axis::columns)
      throw std::invalid_argument("X must be sliced by columns");
    if (!X.structure.canonical)
      throw std::invalid_argument("X must have sorted and distinct indices in each column");
    return X.design;
  }

  const BoundDesign& bound;  // kept alive by pybind11
  Space space;
};

// Which products exist.
Array<bool> held(const BoundSpace& bound, const Columns& columns) {
  check_matrix(columns, "columns");
  Array<bool> out(columns.shape(0));
  for (py::ssize_t m = 0; m < columns.shape(0); ++m) {
    const Factors f{{columns.at(m, 0), columns.at(m, 1), columns.at(m, 2)}};
    bound.space.keys().check(f);
    out.mutable_at(m) = bound.space.exists(f);
  }
  return out;
}

// (largest, keys, ratios, n_visited) of one pricing from nothing; Pricing says the rest.
py::tuple price(const BoundSpace& bound, const Array<double>& theta, const OptionalArray& factor,
                double product_factor, bool positive, double level, double strength, Index how_many,
                int n_threads) {
  check_length(theta, bound.space.n(), "theta");
  if (factor) check_length(*factor, bound.space.X().n_cols(), "factor");
  if (how_many < 1 || !(product_factor > 0.0))
    throw std::invalid_argument("how_many and product_factor must be positive");
  const std::vector<double> t(theta.data(), theta.data() + theta.size());
  Pricing pricing(bound.space, data_or_null(factor), product_factor, positive, n_threads);
  const Priced priced = interruptible([&](const Poll& poll) {
    return pricing(
        t, {level, strength, 0.0, static_cast<std::size_t>(how_many), true, {}},
        [](Key) { return false; }, poll);
  });
  std::vector<Key> keys;
  std::vector<double> ratios;
  for (const Candidate& c : priced.hardest) {
    keys.push_back(c.key);
    ratios.push_back(c.ratio);
  }
  return py::make_tuple(priced.largest, as_array(std::move(keys)), as_array(std::move(ratios)),
                        priced.n_visited);
}

ProductTerms terms_of(const Columns& columns, const Array<double>& values) {
  check_matrix(columns, "columns");
  check_length(values, columns.shape(0), "values");
  std::vector<Factors> products;
  const ProductKeys numbering(ProductKeys::kMostForPairs, 2),
      of_three(ProductKeys::kMostForTriples, 3);
  for (py::ssize_t m = 0; m < columns.shape(0); ++m) {
    products.push_back({{columns.at(m, 0), columns.at(m, 1), columns.at(m, 2)}});
    (products.back().order() == 3 ? of_three : numbering).check(products.back());
  }
  return ProductTerms(products, values.data());
}

Array<double> margins_of(const ProductTerms& terms, const BoundDesign& X, int n_threads) {
  if (terms.last_column() >= X.design.n_cols())
    throw std::invalid_argument("X must have more than " + std::to_string(terms.last_column()) +
                                " columns, got " + std::to_string(X.design.n_cols()));
  Array<double> out(X.design.n_rows());
  double* margins = out.mutable_data();
  const py::gil_scoped_release released;  // the arguments hold all arrays
  terms.margins(X.design, margins, threads_for(X.design, n_threads));
  return out;
}

KeyedWeights weights_of(const ProductKeys& numbering, const Keys& keys,
                        const Array<double>& values) {
  if (keys.ndim() != 1) throw std::invalid_argument("keys must be one-dimensional");
  check_length(values, keys.size(), "values");
  for (py::ssize_t m = 0; m < keys.size(); ++m)
    if (keys.at(m) >= numbering.universe() || (m > 0 && keys.at(m) <= keys.at(m - 1)))
      throw std::invalid_argument("keys must increase and lie below " +
                                  std::to_string(numbering.universe()));
  return {{keys.data(), keys.data() + keys.size()}, {values.data(), values.data() + values.size()}};
}

py::tuple as_tuple(const InteractionCounts& c) {
  return py::make_tuple(c.co_occurring, c.visited, c.built, c.ties);
}

struct BoundInteractionSolution {
  InteractionSolution found;
  py::object interruption;
};

// One problem over a Space at all strengths of its penalty.
class BoundInteractions {
 public:
  BoundInteractions(const BoundSpace& space, const std::string& loss, Array<double> y,
                    OptionalArray sample_weight, OptionalArray penalty_factor,
                    double product_factor, bool positive, bool fit_intercept, int n_threads,
                    OptionalArray offset, double delta)
      : space_(space.space),
        loss_(space.bound, loss, std::move(y), std::move(sample_weight), std::move(offset), delta,
              threads_for(space.space.X(), n_threads)),
        penalty_factor_(std::move(penalty_factor)),
        product_factor_(product_factor),
        positive_(positive),
        fit_intercept_(fit_intercept),
        n_threads_(n_threads) {
    if (penalty_factor_) check_length(*penalty_factor_, space_.X().n_cols(), "penalty_factor");
  }
  BoundInteractions(const BoundInteractions&) = delete;

  // f(solver), one caller at a time; after an exception what was learnt is thrown away, for it may
  // be half made. Without the GIL.
  template <class F>
  auto with_solver(const F& f) const {
    const std::lock_guard<std::mutex> lock(guard_);
    if (!solver_)
      solver_ = std::make_unique<InteractionSolver>(space_, loss_.get(),
                                                    data_or_null(penalty_factor_), product_factor_,
                                                    positive_, fit_intercept_, n_threads_);
    try {
      return f(*solver_);
    } catch (...) {
      solver_.reset();
      throw;
    }
  }

  const Space& space() const { return space_; }
  const Loss& loss() const { return loss_.get(); }

 private:
  const Space& space_;
  BoundLoss loss_;
  OptionalArray penalty_factor_;
  double product_factor_;
  bool positive_, fit_intercept_;
  int n_threads_;
  mutable std::mutex guard_;
  mutable std::unique_ptr<InteractionSolver> solver_;
};

BoundInteractionSolution solve(const BoundInteractions& problem, double l1, double l2, double tol,
                               Index max_iter, const Keys& keys, const Array<double>& values,
                               double intercept, const std::optional<Array<std::uint8_t>>& parents,
                               bool all_parents, const py::object& on_round) {
  if (!(l1 > 0.0)) throw std::invalid_argument("l1 must be positive with interactions");
  const KeyedWeights start = weights_of(problem.space().keys(), keys, values);
  if (parents) check_length(*parents, problem.space().X().n_cols(), "parents");
  const Parents allowed{parents ? parents->data() : nullptr, all_parents};
  SignalPoll poll;
  OnInteractionRound tell;
  const Index p = problem.space().X().n_cols();
  if (!on_round.is_none())
    tell = [&](const InteractionRound& round, const KeyedWeights& weights, double b) {
      std::vector<double> coef(static_cast<std::size_t>(p), 0.0);
      for (std::size_t k = 0; k < weights.keys.size(); ++k)
        if (!problem.space().keys().is_product(weights.keys[k]))
          coef[weights.keys[k]] = weights.values[k];
      poll.tell(on_round, round.round, coef, std::make_tuple(b, weights.keys, weights.values));
    };
  BoundInteractionSolution result;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    result.found = problem.with_solver([&](InteractionSolver& solver) {
      return solver.solve(
          l1, l2, {tol, max_iter}, start, intercept, allowed, [&poll] { return poll(); }, tell);
    });
  }
  result.interruption = poll.interruption;
  return result;
}

}  // namespace

void register_interactions(py::module_& module) {
  py::class_<ProductKeys>(module, "ProductKeys")
      .def(py::init<std::int64_t, int>(), py::arg("n_columns"), py::arg("order"))
      .def_static("most_columns", &ProductKeys::most_columns, py::arg("order"))
      .def("keys", &keys_of, py::arg("columns").noconvert())
      .def("columns", &columns_of, py::arg("keys").noconvert())
      .def_property_readonly("universe", &ProductKeys::universe);

  py::class_<BoundSpace>(module, "ProductSpace")
      .def(py::init<const BoundDesign&, int, bool, const std::optional<Array<std::int32_t>>&,
                    const std::optional<Array<std::int32_t>>&, int>(),
           py::arg("X"), py::arg("order"), py::arg("squares"), py::arg("field") = py::none(),
           py::arg("combinations") = py::none(), py::arg("n_threads") = 0, py::keep_alive<1, 2>())
      .def("price", &price, py::arg("theta").noconvert(), py::arg("factor").noconvert(),
           py::arg("product_factor"), py::arg("positive"), py::arg("level"), py::arg("strength"),
           py::arg("how_many"), py::arg("n_threads"))
      .def("holds", &held, py::arg("columns").noconvert())
      .def(
          "count_cooccurring",
          [](const BoundSpace& bound, int n_threads) {
            const py::gil_scoped_release released;
            return count_cooccurring(bound.space, n_threads);
          },
          py::arg("n_threads"))
      .def_property_readonly("nbytes", [](const BoundSpace& bound) { return bound.space.bytes(); });

  py::class_<ProductTerms>(module, "ProductTerms")
      .def(py::init(&terms_of), py::arg("columns").noconvert(), py::arg("values").noconvert())
      .def("margins", &margins_of, py::arg("X"), py::arg("n_threads"))
      .def_property_readonly("nbytes", &ProductTerms::n_bytes);

  using Found = BoundInteractionSolution;
  const auto of = [](auto part) {
    return [part](const Found& b) { return b.found.solution.*part; };
  };
  py::class_<Found>(module, "InteractionSolution")
      .def_property_readonly(
          "keys", [](const Found& b) { return as_array(std::vector(b.found.weights.keys)); })
      .def_property_readonly(
          "values", [](const Found& b) { return as_array(std::vector(b.found.weights.values)); })
      .def_property_readonly(
          "dual_point",
          [](const Found& b) { return as_array(std::vector(b.found.solution.dual_point)); })
      .def_property_readonly("intercept", of(&Solution::intercept))
      .def_property_readonly("primal", of(&Solution::primal))
      .def_property_readonly("dual", of(&Solution::dual))
      .def_property_readonly("gap", [](const Found& b) { return b.found.solution.gap(); })
      .def_property_readonly("scale", of(&Solution::scale))
      .def_property_readonly("n_iter", of(&Solution::n_iter))
      .def_property_readonly("status", of(&Solution::status))
      .def_property_readonly("peak", [](const Found& b) { return as_tuple(b.found.solution.peak); })
      .def_property_readonly(
          "history",
          [](const Found& b) {
            py::list rounds;
            for (const InteractionRound& r : b.found.history)
              rounds.append(py::make_tuple(as_tuple(r.round), as_tuple(r.counts)));
            return rounds;
          })
      .def_readonly("interruption", &Found::interruption);

  py::class_<BoundInteractions>(module, "InteractionProblem")
      .def(py::init<const BoundSpace&, const std::string&, Array<double>, OptionalArray,
                    OptionalArray, double, bool, bool, int, OptionalArray, double>(),
           py::arg("space"), py::arg("loss"), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert(), py::arg("penalty_factor").noconvert(),
           py::arg("product_factor"), py::arg("positive"), py::arg("fit_intercept"),
           py::arg("n_threads"), py::arg("offset").noconvert() = py::none(),
           py::arg("delta") = 1.35, py::keep_alive<1, 2>())
      .def("solve", &solve, py::arg("l1"), py::arg("l2"), py::arg("tol"), py::arg("max_iter"),
           py::arg("keys").noconvert(), py::arg("values").noconvert(), py::arg("intercept"),
           py::arg("parents").noconvert() = py::none(), py::arg("all_parents") = false,
           py::arg("on_round") = py::none())
      .def("largest_strength",
           [](const BoundInteractions& problem) {
             return interruptible([&](const Poll& poll) {
               return problem.with_solver(
                   [&](InteractionSolver& solver) { return solver.largest_strength(poll); });
             });
           })
      .def("scale",
           [](const BoundInteractions& problem) {
             return interruptible([&](const Poll& poll) {
               return problem.with_solver(
                   [&](InteractionSolver& solver) { return solver.null_objective(poll); });
             });
           })
      .def("saturated", [](const BoundInteractions& problem) { return problem.loss().saturated(); })
      .def(
          "certify",
          [](const BoundInteractions& problem, double l1, double l2, const Keys& keys,
             const Array<double>& values, double intercept) {
            const KeyedWeights weights = weights_of(problem.space().keys(), keys, values);
            return interruptible([&](const Poll& poll) {
              const Certificate certificate = problem.with_solver([&](InteractionSolver& solver) {
                return solver.certify(l1, l2, weights, intercept, poll);
              });
              return std::make_pair(certificate.primal, certificate.dual);
            });
          },
          py::arg("l1"), py::arg("l2"), py::arg("keys").noconvert(), py::arg("values").noconvert(),
          py::arg("intercept"));
}

}  // namespace sparsecross::bindings
