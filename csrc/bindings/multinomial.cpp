// The border of the multinomial problem. Arrays of weights hold the classes one after the other.
#include "solve/multinomial.hpp"

#include "bindings/solve.hpp"

namespace sparsecross::bindings {
namespace {

// The multinomial problem, stated and solved in one call each.
class BoundMultinomial {
 public:
  BoundMultinomial(const BoundDesign& X, Array<std::int64_t> labels, Index n_classes,
                   OptionalArray sample_weight, double l1, double l2, OptionalArray penalty_factor,
                   bool positive, bool fit_intercept, int n_threads, OptionalArray column_scale)
      : labels_(std::move(labels)),
        sample_weight_(std::move(sample_weight)),
        penalty_factor_(std::move(penalty_factor)),
        column_scale_(std::move(column_scale)),
        penalty_(l1, l2, data_or_null(penalty_factor_), positive, data_or_null(column_scale_)),
        loss_(labels_.data(), data_or_null(sample_weight_), X.design.n_rows(), n_classes),
        problem_{X.design, loss_, penalty_, fit_intercept, threads_for(X.design, n_threads)} {
    if (X.design.sliced_by() != Axis::columns)
      throw std::invalid_argument("X must be sliced by columns");
    check_length(labels_, X.design.n_rows(), "labels");
    if (n_classes < 2) throw std::invalid_argument("there must be at least two classes");
    for (Index i = 0; i < X.design.n_rows(); ++i)
      if (labels_.data()[i] < 0 || labels_.data()[i] >= n_classes)
        throw std::invalid_argument("labels must lie between 0 and n_classes - 1, got " +
                                    std::to_string(labels_.data()[i]));
    if (sample_weight_) check_length(*sample_weight_, X.design.n_rows(), "sample_weight");
    if (penalty_factor_) check_length(*penalty_factor_, X.design.n_cols(), "penalty_factor");
    if (column_scale_) check_length(*column_scale_, X.design.n_cols(), "column_scale");
  }
  BoundMultinomial(const BoundMultinomial&) = delete;

  const MultinomialProblem& get() const { return problem_; }

 private:
  Array<std::int64_t> labels_;
  OptionalArray sample_weight_, penalty_factor_, column_scale_;
  Penalty penalty_;
  SoftmaxLoss loss_;
  MultinomialProblem problem_;
};

// Weights that hold the classes one after the other, taken apart.
ByClass by_class(const MultinomialProblem& problem, const Array<double>& coef, const char* name) {
  const Index p = problem.p();
  check_length(coef, p * static_cast<Index>(problem.n_classes()), name);
  ByClass each;
  for (const double* w = coef.data(); each.size() < problem.n_classes(); w += p)
    each.emplace_back(w, w + p);
  return each;
}

std::vector<double> intercepts_of(const MultinomialProblem& problem, const Array<double>& given,
                                  const char* name) {
  check_length(given, static_cast<Index>(problem.n_classes()), name);
  return {given.data(), given.data() + given.size()};
}

// The solution and its intercepts; `coef` and starts hold the classes one after the other.
std::pair<BoundSolution, Array<double>> solve_classes(const BoundMultinomial& problem, double tol,
                                                      Index max_iter,
                                                      const OptionalArray& coef_init,
                                                      const OptionalArray& intercept_init,
                                                      const py::object& on_round) {
  ByClass start;
  std::vector<double> intercepts(problem.get().n_classes(), 0.0);
  if (coef_init) start = by_class(problem.get(), *coef_init, "coef_init");
  if (intercept_init) intercepts = intercepts_of(problem.get(), *intercept_init, "intercept_init");
  SignalPoll poll;
  OnMultinomialRound tell;
  if (!on_round.is_none())
    tell = [&](const Round& round, const MultinomialPoint& at) {
      poll.tell(on_round, round, stacked(at.coef), at.intercept);
    };
  MultinomialSolution found;
  {
    const py::gil_scoped_release released;
    found = solve_multinomial(
        problem.get(), {tol, max_iter}, coef_init ? &start : nullptr, &intercepts,
        [&poll] { return poll(); }, tell);
  }
  return {BoundSolution{std::move(found.solution), poll.interruption, {}},
          as_array(std::move(found.intercepts))};
}

std::pair<double, double> certify_classes(const BoundMultinomial& problem,
                                          const Array<double>& coef,
                                          const Array<double>& intercept) {
  MultinomialPoint at = zero_point(problem.get());
  at.coef = by_class(problem.get(), coef, "coef");
  at.intercept = intercepts_of(problem.get(), intercept, "intercept");
  return certified(problem.get(), std::move(at));
}

}  // namespace

void register_multinomial(py::module_& module) {
  py::class_<BoundMultinomial>(module, "MultinomialProblem")
      .def(py::init<const BoundDesign&, Array<std::int64_t>, Index, OptionalArray, double, double,
                    OptionalArray, bool, bool, int, OptionalArray>(),
           py::arg("X"), py::arg("labels").noconvert(), py::arg("n_classes"),
           py::arg("sample_weight").noconvert(), py::arg("l1"), py::arg("l2"),
           py::arg("penalty_factor").noconvert(), py::arg("positive"), py::arg("fit_intercept"),
           py::arg("n_threads"), py::arg("column_scale").noconvert() = py::none(),
           py::keep_alive<1, 2>())
      .def("solve", &solve_classes, py::arg("tol"), py::arg("max_iter"),
           py::arg("coef_init").noconvert() = py::none(),
           py::arg("intercept_init").noconvert() = py::none(), py::arg("on_round") = py::none())
      .def("largest_strength",
           [](const BoundMultinomial& problem) {
             return interruptible(
                 [&](const Poll& poll) { return multinomial_strength(problem.get(), poll); });
           })
      .def("scale",
           [](const BoundMultinomial& problem) {
             return interruptible([&](const Poll& poll) {
               return multinomial_scale(multinomial_null(problem.get(), poll));
             });
           })
      .def("certify", &certify_classes, py::arg("coef").noconvert(),
           py::arg("intercept").noconvert());
}

}  // namespace sparsecross::bindings
