#include "bindings/bindings.hpp"
#include "text/svmlight.hpp"

namespace sparsecross::bindings {
namespace {

template <class T>
Array<T> front(const Array<T>& array, Index n) {
  return array[py::slice(0, n, 1)].template cast<Array<T>>();
}

// (labels, indptr, indices, values, lines) with indices of type I; nothing where they do not fit.
template <class I>
py::object rows_of(const SvmlightText& text) {
  const SvmlightCounts& n = text.at_most();
  Array<double> label(n.rows), value(n.entries);
  Array<I> indptr(n.rows + 1), index(n.entries);
  I* const ends = indptr.mutable_data();
  ends[0] = 0;
  const SvmlightRows<I> rows{label.mutable_data(), ends + 1, index.mutable_data(),
                             value.mutable_data()};
  SvmlightCounts found;
  bool fit = false;
  {
    const py::gil_scoped_release released;
    fit = text.parse(rows, found);
  }
  if (!fit) return py::none();
  return py::make_tuple(front(label, found.rows), front(indptr, found.rows + 1),
                        front(index, found.entries), front(value, found.entries), n.rows);
}

py::object svmlight(const py::bytes& bytes, int n_threads) {
  char* text = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &text, &size) != 0) throw py::error_already_set();
  const SvmlightText lines = [&] {
    const py::gil_scoped_release released;  // `bytes` is held by the caller
    return SvmlightText(text, size, n_threads);
  }();
  py::object rows = rows_of<std::int32_t>(lines);
  return rows.is_none() ? rows_of<Index>(lines) : rows;
}

}  // namespace

void register_text(py::module_& module) {
  module.def("parse_svmlight", &svmlight, py::arg("text"), py::arg("n_threads") = 0);
}

}  // namespace sparsecross::bindings
