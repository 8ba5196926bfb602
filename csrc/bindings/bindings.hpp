// The batch border: whole arrays in, results out, the GIL released while a kernel runs.
// Each file of this folder registers one layer; module.cpp calls them in order.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "support/parallel.hpp"

namespace sparsecross::bindings {

namespace py = pybind11;

// Exactly this dtype and contiguous, or a TypeError: nothing is converted at the border.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

// A NumPy array that takes over a vector's memory.
template <class T>
Array<T> as_array(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  const py::capsule owner(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return Array<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), owner);
}

// Kernels read whole numbers of values at addresses that the processor likes.
inline void check_aligned(const py::array& array, const char* name) {
  if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
    throw std::invalid_argument(std::string(name) + " must be aligned in memory");
}

// The length of a one-dimensional array, which must be `expected`.
template <class T>
void check_length(const Array<T>& array, Index expected, const char* name) {
  check_aligned(array, name);
  if (array.ndim() != 1 || array.shape(0) != expected)
    throw std::invalid_argument(std::string(name) + " must be one-dimensional of length " +
                                std::to_string(expected) + ", got " + std::to_string(array.ndim()) +
                                " dimensions and " + std::to_string(array.size()) + " elements");
}

void register_matrix(py::module_& module);
void register_solve(py::module_& module);
void register_groups(py::module_& module);
void register_interactions(py::module_& module);
void register_multinomial(py::module_& module);
void register_scale(py::module_& module);
void register_serve(py::module_& module);
void register_cross(py::module_& module);
void register_objects(py::module_& module);
void register_text(py::module_& module);
void register_shrinkage(py::module_& module);

}  // namespace sparsecross::bindings
