#include <pybind11/native_enum.h>

#include <chrono>
#include <memory>
#include <optional>

#include "bindings/design.hpp"
#include "model/scaling.hpp"
#include "solve/multinomial.hpp"
#include "solve/smoothing.hpp"

namespace sparsecross::bindings {
namespace {

using OptionalArray = std::optional<Array<double>>;

const double* data_or_null(const OptionalArray& array) { return array ? array->data() : nullptr; }

// A pass over fewer entries than this takes less time than to wake a thread that sleeps.
constexpr Index kWorthThreads = 200000;

int threads_for(const Design& X, int n_threads) {
  return X.n_stored() < kWorthThreads ? 1 : n_threads;
}

// The arguments that state a problem, checked against one another, and the arrays they hold.
class BoundProblem {
 public:
  BoundProblem(const BoundDesign& X, const std::string& loss, Array<double> y,
               OptionalArray sample_weight, double l1, double l2, OptionalArray penalty_factor,
               bool positive, bool fit_intercept, int n_threads, OptionalArray offset,
               OptionalArray column_scale, double delta)
      : y_(std::move(y)),
        sample_weight_(std::move(sample_weight)),
        penalty_factor_(std::move(penalty_factor)),
        offset_(std::move(offset)),
        column_scale_(std::move(column_scale)),
        penalty_(l1, l2, data_or_null(penalty_factor_), positive, data_or_null(column_scale_)),
        loss_(make_loss(loss, X.design.n_rows(), delta, threads_for(X.design, n_threads))),
        problem_{X.design, *loss_, penalty_, fit_intercept, threads_for(X.design, n_threads)} {
    if (X.design.sliced_by() != Axis::columns)
      throw std::invalid_argument("X must be sliced by columns");
    if (!X.structure.canonical)
      throw std::invalid_argument("X must have sorted and distinct indices in each column");
    if (X.structure.not_finite_slice >= 0) throw std::invalid_argument("X must be finite");
    if (X.design.n_rows() == 0) throw std::invalid_argument("X must have at least one row");
    check_length(y_, X.design.n_rows(), "y");
    if (sample_weight_) check_length(*sample_weight_, X.design.n_rows(), "sample_weight");
    if (penalty_factor_) check_length(*penalty_factor_, X.design.n_cols(), "penalty_factor");
    if (offset_) check_length(*offset_, X.design.n_rows(), "offset");
    if (column_scale_) check_length(*column_scale_, X.design.n_cols(), "column_scale");
  }
  // The same problem at another strength of the penalty.
  BoundProblem(const BoundProblem& other, double l1, double l2)
      : y_(other.y_),
        sample_weight_(other.sample_weight_),
        penalty_factor_(other.penalty_factor_),
        offset_(other.offset_),
        column_scale_(other.column_scale_),
        penalty_(l1, l2, data_or_null(penalty_factor_), other.penalty_.positive(),
                 data_or_null(column_scale_)),
        loss_(other.loss_),
        problem_{other.problem_.X, *loss_, penalty_, other.problem_.fit_intercept,
                 other.problem_.n_threads},
        kept_(other.kept_) {}
  BoundProblem(const BoundProblem&) = delete;

  const Problem& get() const { return problem_; }

  // What the last fit at any strength has left for the next: products of columns, a factor. Who
  // takes it has it alone. With the GIL only.
  std::unique_ptr<detail::Workspace> take_workspace() const {
    return *kept_ ? std::move(*kept_) : std::make_unique<detail::Workspace>(problem_.n());
  }
  void keep(std::unique_ptr<detail::Workspace> space) const { *kept_ = std::move(space); }

 private:
  template <class Pointwise>
  std::unique_ptr<Loss> over_samples(Pointwise pointwise, Index n, int n_threads) const {
    return std::make_unique<SampleLoss<Pointwise>>(pointwise, y_.data(), data_or_null(offset_),
                                                   data_or_null(sample_weight_), n, n_threads);
  }
  std::unique_ptr<Loss> make_loss(const std::string& name, Index n, double delta,
                                  int n_threads) const {
    if (name == "squared") return over_samples(SquaredLoss(), n, n_threads);
    if (name == "logistic") return over_samples(LogisticLoss(), n, n_threads);
    if (name == "absolute") return over_samples(AbsoluteLoss(), n, n_threads);
    if (name == "poisson") return over_samples(PoissonLoss(), n, n_threads);
    if (name != "huber")
      throw std::invalid_argument(
          "loss must be 'squared', 'logistic', 'huber', 'absolute' or 'poisson', got '" + name +
          "'");
    if (!(delta > 0.0))
      throw std::invalid_argument("delta must be positive, got " + std::to_string(delta));
    return over_samples(HuberLoss(delta), n, n_threads);
  }

  Array<double> y_;
  OptionalArray sample_weight_, penalty_factor_, offset_, column_scale_;
  Penalty penalty_;
  std::shared_ptr<const Loss> loss_;
  Problem problem_;
  std::shared_ptr<std::unique_ptr<detail::Workspace>> kept_ =
      std::make_shared<std::unique_ptr<detail::Workspace>>();
};

// A tuple (n_iter, working_set, n_active, primal, dual, seconds, restarts).
py::tuple as_tuple(const Round& r) {
  return py::make_tuple(r.n_iter, r.working_set, r.n_active, r.primal, r.dual, r.seconds,
                        r.restarts);
}

// Looks for signals at most every 50 ms: taking the GIL each sweep would starve other threads.
class SignalPoll {
 public:
  // Calls on_round(round, coef, intercept), where coef is a view that lives as long as the call.
  // True ends the solve, and so does an exception, which is kept as that of a signal handler is.
  void tell(const py::object& on_round, const Round& round, const Point& at) {
    const py::gil_scoped_acquire held;
    try {
      py::array_t<double> coef(static_cast<py::ssize_t>(at.coef.size()), at.coef.data(),
                               py::none());
      coef.attr("setflags")(py::arg("write") = false);
      if (py::cast<bool>(on_round(as_tuple(round), coef, at.intercept))) interrupted_ = true;
    } catch (py::error_already_set& error) {
      interruption = error.value();
      interrupted_ = true;
    }
  }

  bool operator()() {
    if (interrupted_) return true;  // a signal is seen once, but several loops may have to end
    const auto now = Clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(50);
    const py::gil_scoped_acquire held;
    if (PyErr_CheckSignals() == 0) return false;
    interruption = py::error_already_set().value();
    return interrupted_ = true;
  }

  py::object interruption = py::none();

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_ = Clock::now();
  bool interrupted_ = false;
};

struct BoundSolution {
  Solution solution;
  py::object interruption;  // the exception that a signal handler raised, or None
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
    tell = [&](const Round& round, const Point& at) { poll.tell(on_round, round, at); };
  BoundSolution result;
  auto space = problem.take_workspace();  // lost where an exception may have left it half made
  {
    const py::gil_scoped_release released;  // `problem` holds all arrays
    result.solution = sparsecross::solve(
        problem.get(), {tol, max_iter, method}, coef_init ? &start : nullptr, intercept_init,
        [&poll] { return poll(); }, tell, space.get());
  }
  problem.keep(std::move(space));
  result.interruption = poll.interruption;
  return result;
}

// compute(poll) without the GIL; what a signal handler raised meanwhile is raised again.
template <class Compute>
auto interruptible(const Compute& compute) {
  SignalPoll poll;
  decltype(compute(Poll())) result;
  {
    const py::gil_scoped_release released;  // the caller's arguments hold all arrays
    result = compute(Poll([&poll] { return poll(); }));
  }
  if (!poll.interruption.is_none()) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(poll.interruption.ptr())),
                    poll.interruption.ptr());
    throw py::error_already_set();
  }
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
  return interruptible([&](const Poll& poll) {
    const Certificate certificate = certify(problem.get(), std::move(at), poll);
    return std::make_pair(certificate.primal, certificate.dual);
  });
}

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

// The solution and its intercepts; `coef` and starts hold the classes one after the other.
std::pair<BoundSolution, Array<double>> solve_classes(const BoundMultinomial& problem, double tol,
                                                      Index max_iter,
                                                      const OptionalArray& coef_init,
                                                      const OptionalArray& intercept_init) {
  const auto K = problem.get().n_classes();
  const Index p = problem.get().p();
  ByClass start;
  std::vector<double> intercepts(K, 0.0);
  if (coef_init) {
    check_length(*coef_init, p * static_cast<Index>(K), "coef_init");
    for (std::size_t k = 0; k < K; ++k)
      start.emplace_back(coef_init->data() + static_cast<Index>(k) * p,
                         coef_init->data() + static_cast<Index>(k + 1) * p);
  }
  if (intercept_init) {
    check_length(*intercept_init, static_cast<Index>(K), "intercept_init");
    intercepts.assign(intercept_init->data(), intercept_init->data() + K);
  }
  SignalPoll poll;
  MultinomialSolution found;
  {
    const py::gil_scoped_release released;
    found = solve_multinomial(problem.get(), {tol, max_iter}, coef_init ? &start : nullptr,
                              &intercepts, [&poll] { return poll(); });
  }
  return {BoundSolution{std::move(found.solution), poll.interruption},
          as_array(std::move(found.intercepts))};
}

py::list history_of(const BoundSolution& bound) {
  py::list rounds;
  for (const Round& r : bound.solution.history) rounds.append(as_tuple(r));
  return rounds;
}

template <class Member>
auto taken(Member Solution::* member) {
  return [member](BoundSolution& bound) { return as_array(std::vector(bound.solution.*member)); };
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
      .def_property_readonly("coef", taken(&Solution::coef))
      .def_property_readonly("dual_point", taken(&Solution::dual_point))
      .def_property_readonly("intercept",
                             [](const BoundSolution& b) { return b.solution.intercept; })
      .def_property_readonly("primal", [](const BoundSolution& b) { return b.solution.primal; })
      .def_property_readonly("dual", [](const BoundSolution& b) { return b.solution.dual; })
      .def_property_readonly("gap", [](const BoundSolution& b) { return b.solution.gap(); })
      .def_property_readonly("scale", [](const BoundSolution& b) { return b.solution.scale; })
      .def_property_readonly("n_iter", [](const BoundSolution& b) { return b.solution.n_iter; })
      .def_property_readonly("status", [](const BoundSolution& b) { return b.solution.status; })
      .def_property_readonly("history", &history_of)
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
                 [&](const Poll& poll) { return objective_scale(problem.get(), poll); });
           })
      .def("saturated", [](const BoundProblem& problem) { return problem.get().loss.saturated(); })
      .def("certify", &certify_point, py::arg("coef").noconvert(), py::arg("intercept"));

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
           py::arg("intercept_init").noconvert() = py::none())
      .def("largest_strength", [](const BoundMultinomial& problem) {
        return interruptible(
            [&](const Poll& poll) { return multinomial_strength(problem.get(), poll); });
      });

  module.def("column_deviations", &deviations, py::arg("X"), py::arg("sample_weight").noconvert(),
             py::arg("centred"), py::arg("n_threads"));
  module.def("soft_threshold", py::vectorize(&soft_threshold), py::arg("z"), py::arg("t"));
}

}  // namespace sparsecross::bindings
