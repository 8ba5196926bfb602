#include "bindings/loss.hpp"

#include <pybind11/native_enum.h>

#include <memory>

#include "model/scaling.hpp"
#include "solve/solve.hpp"

namespace sparsecross::bindings {
namespace {

// The arguments that state a problem, checked against one another, and the arrays they hold.
class BoundProblem {
 public:
  BoundProblem(const BoundDesign& X, const std::string& loss, Array<double> y,
               OptionalArray sample_weight, double l1, double l2, OptionalArray penalty_factor,
               bool positive, bool fit_intercept, int n_threads, OptionalArray offset,
               OptionalArray column_scale, double delta)
      : loss_(std::make_shared<const BoundLoss>(X, loss, std::move(y), std::move(sample_weight),
                                                std::move(offset), delta,
                                                threads_for(X.design, n_threads))),
        penalty_factor_(std::move(penalty_factor)),
        column_scale_(std::move(column_scale)),
        penalty_(l1, l2, data_or_null(penalty_factor_), positive, data_or_null(column_scale_)),
        problem_{X.design, loss_->get(), penalty_, fit_intercept, threads_for(X.design, n_threads),
                 n_threads} {
    if (penalty_factor_) check_length(*penalty_factor_, X.design.n_cols(), "penalty_factor");
    if (column_scale_) check_length(*column_scale_, X.design.n_cols(), "column_scale");
  }
  // The same problem at another strength of the penalty.
  BoundProblem(const BoundProblem& other, double l1, double l2)
      : loss_(other.loss_),
        penalty_factor_(other.penalty_factor_),
        column_scale_(other.column_scale_),
        penalty_(l1, l2, data_or_null(penalty_factor_), other.penalty_.positive(),
                 data_or_null(column_scale_)),
        problem_{other.problem_.X,
                 loss_->get(),
                 penalty_,
                 other.problem_.fit_intercept,
                 other.problem_.n_threads,
                 other.problem_.dense_threads},
        kept_(other.kept_) {}
  BoundProblem(const BoundProblem&) = delete;

  const Problem& get() const { return problem_; }

  // What the last fit at any strength has left for the next. Who takes it has it alone. With the
  // GIL only.
  std::unique_ptr<Kept> take_kept() const {
    return *kept_ ? std::move(*kept_) : std::make_unique<Kept>(problem_.n());
  }
  void keep(std::unique_ptr<Kept> kept) const { *kept_ = std::move(kept); }

 private:
  std::shared_ptr<const BoundLoss> loss_;
  OptionalArray penalty_factor_, column_scale_;
  Penalty penalty_;
  Problem problem_;
  std::shared_ptr<std::unique_ptr<Kept>> kept_ = std::make_shared<std::unique_ptr<Kept>>();
};

Method method_of(const std::string& solver) {
  if (solver == "cd") return Method::cd;
  if (solver == "ista") return Method::ista;
  if (solver == "fista") return Method::fista;
  throw std::invalid_argument("solver must be 'cd', 'ista' or 'fista', got '" + solver + "'");
}

BoundSolution solve(const BoundProblem& problem, double tol, Index max_iter,
                    const OptionalArray& coef_init, double intercept_init,
                    const std::string& solver, const py::object& on_round) {
  const Method method = method_of(solver);
  if (coef_init) check_length(*coef_init, problem.get().p(), "coef_init");
  std::vector<double> start;
  if (coef_init) start.assign(coef_init->data(), coef_init->data() + coef_init->size());
  SignalPoll poll;
  OnRound tell;
  if (!on_round.is_none())
    tell = [&](const Round& round, const Point& at) {
      poll.tell(on_round, round, at.coef, at.intercept);
    };
  BoundSolution result;
  auto kept = problem.take_kept();  // lost where an exception may have left it half made
  {
    const py::gil_scoped_release released;  // `problem` holds all arrays
    result.solution = sparsecross::solve(
        problem.get(), {tol, max_iter, method}, coef_init ? &start : nullptr, intercept_init,
        [&poll] { return poll(); }, tell, kept.get());
  }
  problem.keep(std::move(kept));
  result.interruption = poll.interruption;
  return result;
}

Array<double> deviations(const BoundDesign& X, const OptionalArray& sample_weight, bool centred,
                         int n_threads) {
  if (X.design.sliced_by() != Axis::columns)
    throw std::invalid_argument("X must be sliced by columns");
  if (sample_weight) check_length(*sample_weight, X.design.n_rows(), "sample_weight");
  std::vector<double> sigma;
  {
    const py::gil_scoped_release released;
    sigma = column_deviations(X.design, data_or_null(sample_weight), centred, n_threads);
  }
  return as_array(std::move(sigma));
}

std::pair<double, double> certify_point(const BoundProblem& problem, const Array<double>& coef,
                                        double intercept) {
  check_length(coef, problem.get().p(), "coef");
  Point at;
  at.coef.assign(coef.data(), coef.data() + coef.size());
  at.intercept = intercept;
  return certified(problem.get(), std::move(at));
}

py::list history_of(const BoundSolution& bound) {
  py::list rounds;
  for (const Round& r : bound.solution.history) rounds.append(as_tuple(r));
  return rounds;
}

}  // namespace

void register_solve(py::module_& module) {
  py::native_enum<Status>(module, "Status", "enum.Enum", "How a solver ended.")
      .value("not_run", Status::not_run)
      .value("converged", Status::converged)
      .value("max_iter", Status::max_iter)
      .value("precision_limit", Status::precision_limit)
      .value("not_certified", Status::not_certified)
      .value("interrupted", Status::interrupted)
      .finalize();

  py::class_<BoundSolution>(module, "Solution")
      .def_property_readonly("coef", &BoundSolution::take_coef)
      .def_property_readonly(
          "dual_point",
          [](const BoundSolution& b) { return as_array(std::vector(b.solution.dual_point)); })
      .def_property_readonly("intercept",
                             [](const BoundSolution& b) { return b.solution.intercept; })
      .def_property_readonly("primal", [](const BoundSolution& b) { return b.solution.primal; })
      .def_property_readonly("dual", [](const BoundSolution& b) { return b.solution.dual; })
      .def_property_readonly("gap", [](const BoundSolution& b) { return b.solution.gap(); })
      .def_property_readonly("scale", [](const BoundSolution& b) { return b.solution.scale; })
      .def_property_readonly("n_iter", [](const BoundSolution& b) { return b.solution.n_iter; })
      .def_property_readonly("status", [](const BoundSolution& b) { return b.solution.status; })
      .def_property_readonly("history", &history_of)
      .def_property_readonly("peak",
                             [](const BoundSolution& b) { return as_tuple(b.solution.peak); })
      .def_readonly("interruption", &BoundSolution::interruption);

  py::class_<BoundProblem>(module, "Problem")
      .def(py::init<const BoundDesign&, const std::string&, Array<double>, OptionalArray, double,
                    double, OptionalArray, bool, bool, int, OptionalArray, OptionalArray, double>(),
           py::arg("X"), py::arg("loss"), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert(), py::arg("l1"), py::arg("l2"),
           py::arg("penalty_factor").noconvert(), py::arg("positive"), py::arg("fit_intercept"),
           py::arg("n_threads"), py::arg("offset").noconvert() = py::none(),
           py::arg("column_scale").noconvert() = py::none(), py::arg("delta") = 1.35,
           py::keep_alive<1, 2>())
      .def(
          "at",
          [](const BoundProblem& problem, double l1, double l2) {
            return std::make_unique<BoundProblem>(problem, l1, l2);
          },
          py::arg("l1"), py::arg("l2"), py::keep_alive<0, 1>())
      .def("solve", &solve, py::arg("tol"), py::arg("max_iter"),
           py::arg("coef_init").noconvert() = py::none(), py::arg("intercept_init") = 0.0,
           py::arg("solver") = "cd", py::arg("on_round") = py::none())
      .def("largest_strength",
           [](const BoundProblem& problem) {
             return interruptible(
                 [&](const Poll& poll) { return largest_strength(problem.get(), poll); });
           })
      .def("scale",
           [](const BoundProblem& problem) {
             return interruptible(
                 [&](const Poll& poll) { return null_objective(problem.get(), poll); });
           })
      .def("saturated", [](const BoundProblem& problem) { return problem.get().loss.saturated(); })
      .def("certify", &certify_point, py::arg("coef").noconvert(), py::arg("intercept"));

  module.def("column_deviations", &deviations, py::arg("X"), py::arg("sample_weight").noconvert(),
             py::arg("centred"), py::arg("n_threads"));
  module.def("soft_threshold", py::vectorize(&soft_threshold), py::arg("z"), py::arg("t"));
}

}  // namespace sparsecross::bindings
