#include <cmath>

#include "bindings/bindings.hpp"
#include "model/array_shrinkage.hpp"

namespace sparsecross::bindings {
namespace {

template <class T>
T strength(double given, const char* name) {
  const T rounded = static_cast<T>(given);
  if (!(rounded >= 0) || std::isinf(rounded))
    throw std::invalid_argument(std::string(name) + " must be finite and not negative, got " +
                                std::to_string(given));
  return rounded;
}

// In place: the array is that of the caller, and is never a converted copy.
template <class T>
void shrink_groups(Array<T>& values, double l1, double l2, int n_threads) {
  check_aligned(values, "values");
  if (values.ndim() != 3)
    throw std::invalid_argument("values must have three dimensions (outer, groups, inner), got " +
                                std::to_string(values.ndim()));
  if (!values.writeable()) throw std::invalid_argument("values must be writeable");
  const T each = strength<T>(l1, "l1"), group = strength<T>(l2, "l2");
  T* const w = values.mutable_data();
  const Index n_outer = values.shape(0), n_groups = values.shape(1), n_inner = values.shape(2);
  const py::gil_scoped_release released;
  shrink_array(w, n_outer, n_groups, n_inner, each, group, n_threads);
}

template <class T>
void define(py::module_& module) {
  module.def("shrink_groups", &shrink_groups<T>, py::arg("values").noconvert(), py::arg("l1"),
             py::arg("l2"), py::arg("n_threads") = 0);
}

}  // namespace

void register_shrinkage(py::module_& module) {
  define<float>(module);
  define<double>(module);
}

}  // namespace sparsecross::bindings
