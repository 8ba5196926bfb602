// The border of problems of groups. Weights come and go as K for each column of X after the other,
// targets and dual points as an output after the other.
#include "bindings/loss.hpp"
#include "solve/group_working_set.hpp"

namespace sparsecross::bindings {
namespace {

// Which columns are in which group: every column in one, increasing within a group.
class BoundGrouping {
 public:
  BoundGrouping(Array<Index> begin, Array<Index> columns)
      : begin_(std::move(begin)),
        columns_(std::move(columns)),
        groups_(begin_.data(), columns_.data(), begin_.size() - 1) {
    check_length(begin_, std::max<Index>(begin_.size(), 1), "group_begin");
    const Index p = columns_.size();
    check_length(columns_, p, "group_columns");
    const Index *b = begin_.data(), *c = columns_.data(), count = begin_.size() - 1;
    bool valid = b[0] == 0 && b[count] == p;
    for (Index g = 0; g < count && valid; ++g) valid = b[g] < b[g + 1] && b[g + 1] <= p;
    std::vector<char> seen(static_cast<std::size_t>(p), 0);
    for (Index g = 0; g < count && valid; ++g)
      for (Index k = b[g]; k < b[g + 1] && valid; ++k) {
        valid = 0 <= c[k] && c[k] < p && (k == b[g] || c[k - 1] < c[k]) &&
                !seen[static_cast<std::size_t>(c[k])];
        if (valid) seen[static_cast<std::size_t>(c[k])] = 1;
      }
    if (!valid)
      throw std::invalid_argument(
          "group_begin and group_columns must share out all columns, increasing in each group");
  }

  const Groups& get() const { return groups_; }
  Index n_columns() const { return columns_.size(); }

 private:
  Array<Index> begin_, columns_;
  Groups groups_;
};

class BoundGroupProblem {
 public:
  // Targets (K x n) of a smooth loss of one margin each, or labels (1 x n) in 0 .. n_classes - 1.
  BoundGroupProblem(const BoundDesign& X, const std::string& loss, Array<double> targets,
                    Index n_classes, OptionalArray sample_weight, double l1, double norm, double l2,
                    const BoundGrouping& groups, OptionalArray penalty_factor, bool fit_intercept,
                    int n_threads, OptionalArray offset, double delta)
      : zeros_(X.design.n_rows()),
        sample_weight_(sample_weight),
        penalty_factor_(std::move(penalty_factor)),
        no_penalty_(0.0, 0.0, nullptr, false),
        penalty_(l1, norm, l2, data_or_null(penalty_factor_)) {
    const Index n = X.design.n_rows();
    const int threads = threads_for(X.design, n_threads);
    std::fill_n(zeros_.mutable_data(), n, 0.0);
    none_ =
        std::make_unique<BoundLoss>(X, "squared", zeros_, std::nullopt, std::nullopt, 1.0, threads);
    if (targets.ndim() != 2 || targets.shape(1) != n || targets.shape(0) < 1)
      throw std::invalid_argument("targets must have shape (n_outputs, " + std::to_string(n) + ")");
    check_aligned(targets, "targets");
    if (groups.n_columns() != X.design.n_cols())
      throw std::invalid_argument("groups must be of " + std::to_string(X.design.n_cols()) +
                                  " columns, got " + std::to_string(groups.n_columns()));
    if (penalty_factor_) check_length(*penalty_factor_, groups.get().count(), "penalty_factor");
    if (loss == "multinomial") {
      if (sample_weight_) check_length(*sample_weight_, n, "sample_weight");
      if (targets.shape(0) != 1 || n_classes < 2)
        throw std::invalid_argument("labels must have shape (1, n) of at least two classes");
      for (Index i = 0; i < n; ++i) {
        const double label = targets.data()[i];
        if (!(label >= 0.0 && label < static_cast<double>(n_classes)))
          throw std::invalid_argument("labels must lie between 0 and n_classes - 1, got " +
                                      std::to_string(label));
        labels_.push_back(static_cast<std::int64_t>(label));
      }
      softmax_ =
          std::make_unique<SoftmaxLoss>(labels_.data(), data_or_null(sample_weight_), n, n_classes);
      outputs_ = std::make_unique<SoftmaxOutputs>(*softmax_);
    } else {
      if (loss == "absolute") throw std::invalid_argument("loss must be smooth, got 'absolute'");
      std::vector<const Loss*> losses;
      for (Index k = 0; k < targets.shape(0); ++k) {
        Array<double> each(n);
        std::copy_n(targets.data() + k * n, n, each.mutable_data());
        separate_.push_back(std::make_unique<BoundLoss>(X, loss, std::move(each), sample_weight,
                                                        offset, delta, threads));
        losses.push_back(&separate_.back()->get());
      }
      outputs_ = std::make_unique<SeparateOutputs>(std::move(losses));
    }
    columns_ = std::make_unique<Problem>(
        Problem{X.design, none_->get(), no_penalty_, fit_intercept, threads, n_threads});
    problem_ =
        std::make_unique<GroupProblem>(GroupProblem{*columns_, *outputs_, groups.get(), penalty_});
  }
  BoundGroupProblem(const BoundGroupProblem&) = delete;

  const GroupProblem& get() const { return *problem_; }
  double saturated() const {
    double total = 0.0;
    for (const auto& each : separate_) total += each->get().saturated();
    return total;
  }

 private:
  Array<double> zeros_;
  OptionalArray sample_weight_, penalty_factor_;
  std::unique_ptr<BoundLoss> none_;
  std::vector<std::unique_ptr<BoundLoss>> separate_;
  std::vector<std::int64_t> labels_;
  std::unique_ptr<SoftmaxLoss> softmax_;
  std::unique_ptr<OutputLoss> outputs_;
  Penalty no_penalty_;
  GroupPenalty penalty_;
  std::unique_ptr<Problem> columns_;
  std::unique_ptr<GroupProblem> problem_;
};

std::vector<double> as_vector(const Array<double>& given, Index length, const char* name) {
  check_length(given, length, name);
  return {given.data(), given.data() + given.size()};
}

// The solution and its intercepts.
std::pair<BoundSolution, Array<double>> solve_group_problem(const BoundGroupProblem& problem,
                                                            double tol, Index max_iter,
                                                            const OptionalArray& coef_init,
                                                            const OptionalArray& intercept_init,
                                                            const py::object& on_round) {
  const Index K = problem.get().n_outputs();
  std::vector<double> start, intercepts(static_cast<std::size_t>(K), 0.0);
  if (coef_init) start = as_vector(*coef_init, K * problem.get().p(), "coef_init");
  if (intercept_init) intercepts = as_vector(*intercept_init, K, "intercept_init");
  SignalPoll poll;
  OnGroupRound tell;
  if (!on_round.is_none())
    tell = [&](const Round& round, const GroupPoint& at) {
      poll.tell(on_round, round, at.coef, at.intercept);
    };
  GroupSolution found;
  {
    const py::gil_scoped_release released;  // `problem` holds all arrays
    Options options;
    options.tol = tol;
    options.max_iter = max_iter;
    found = solve_groups(
        problem.get(), options, coef_init ? &start : nullptr, &intercepts,
        [&poll] { return poll(); }, tell);
  }
  return {BoundSolution{std::move(found.solution), poll.interruption, {}},
          as_array(std::move(found.intercepts))};
}

std::pair<double, double> certify_groups(const BoundGroupProblem& problem,
                                         const Array<double>& coef,
                                         const Array<double>& intercept) {
  GroupPoint at = zero_point(problem.get());
  at.coef = as_vector(coef, static_cast<Index>(at.coef.size()), "coef");
  at.intercept = as_vector(intercept, problem.get().n_outputs(), "intercept");
  return certified(problem.get(), std::move(at));
}

}  // namespace

void register_groups(py::module_& module) {
  py::class_<BoundGrouping>(module, "Grouping")
      .def(py::init<Array<Index>, Array<Index>>(), py::arg("begin").noconvert(),
           py::arg("columns").noconvert());
  py::class_<BoundGroupProblem>(module, "GroupProblem")
      .def(py::init<const BoundDesign&, const std::string&, Array<double>, Index, OptionalArray,
                    double, double, double, const BoundGrouping&, OptionalArray, bool, int,
                    OptionalArray, double>(),
           py::arg("X"), py::arg("loss"), py::arg("targets").noconvert(), py::arg("n_classes"),
           py::arg("sample_weight").noconvert(), py::arg("l1"), py::arg("norm"), py::arg("l2"),
           py::arg("groups"), py::arg("penalty_factor").noconvert(), py::arg("fit_intercept"),
           py::arg("n_threads"), py::arg("offset").noconvert() = py::none(),
           py::arg("delta") = 1.35, py::keep_alive<1, 2>(), py::keep_alive<1, 10>())
      .def("solve", &solve_group_problem, py::arg("tol"), py::arg("max_iter"),
           py::arg("coef_init").noconvert() = py::none(),
           py::arg("intercept_init").noconvert() = py::none(), py::arg("on_round") = py::none())
      .def("largest_strength",
           [](const BoundGroupProblem& problem) {
             return interruptible(
                 [&](const Poll& poll) { return group_strength(problem.get(), poll); });
           })
      .def("scale",
           [](const BoundGroupProblem& problem) {
             return interruptible([&](const Poll& poll) {
               return group_scale(problem.get(), group_null(problem.get(), poll));
             });
           })
      .def("saturated", &BoundGroupProblem::saturated)
      .def("certify", &certify_groups, py::arg("coef").noconvert(),
           py::arg("intercept").noconvert());
}

}  // namespace sparsecross::bindings
