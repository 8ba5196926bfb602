// What the borders of the solvers share: signals and looks while a kernel runs without the GIL.
#pragma once

#include <chrono>
#include <optional>

#include "bindings/design.hpp"
#include "model/certificate.hpp"
#include "solve/solution.hpp"

namespace sparsecross::bindings {

using OptionalArray = std::optional<Array<double>>;

inline const double* data_or_null(const OptionalArray& array) {
  return array ? array->data() : nullptr;
}

// A tuple (n_iter, working_set, n_active, primal, dual, seconds, restarts).
inline py::tuple as_tuple(const Round& r) {
  return py::make_tuple(r.n_iter, r.working_set, r.n_active, r.primal, r.dual, r.seconds,
                        r.restarts);
}

// A tuple (vectors, working_set), bytes.
inline py::tuple as_tuple(const Footprint& f) { return py::make_tuple(f.vectors, f.working_set); }

// Looks for signals at most every 50 ms: taking the GIL each sweep would starve other threads.
class SignalPoll {
 public:
  // Calls on_round(round, coef, intercept), where coef is a view that lives as long as the call and
  // intercept a number, or a list of one for each class. True ends the solve, and so does an
  // exception, which is kept as that of a signal handler is.
  template <class Intercept>
  void tell(const py::object& on_round, const Round& round, const std::vector<double>& coef,
            const Intercept& intercept) {
    const py::gil_scoped_acquire held;
    try {
      py::array_t<double> view(static_cast<py::ssize_t>(coef.size()), coef.data(), py::none());
      view.attr("setflags")(py::arg("write") = false);
      if (py::cast<bool>(on_round(as_tuple(round), view, intercept))) interrupted_ = true;
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
  py::object coef;          // the solution's, once it has been asked for

  // Moved into the array, not copied: it is as long as X is wide.
  py::object take_coef() {
    if (!coef) coef = as_array(std::move(solution.coef));
    return coef;
  }
};

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

// The primal value and the bound of a point of either kind of problem.
template <class AnyProblem, class AnyPoint>
std::pair<double, double> certified(const AnyProblem& problem, AnyPoint at) {
  return interruptible([&](const Poll& poll) {
    const Certificate certificate = certify(problem, std::move(at), poll);
    return std::make_pair(certificate.primal, certificate.dual);
  });
}

}  // namespace sparsecross::bindings
