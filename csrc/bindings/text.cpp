#include "bindings/bindings.hpp"
#include "text/svmlight.hpp"

namespace sparsecross::bindings {
namespace {

// (labels, indptr, indices, values) of whole lines.
py::tuple svmlight(const py::bytes& text, int n_threads) {
  char* bytes = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(text.ptr(), &bytes, &size) != 0) throw py::error_already_set();
  SvmlightRows rows;
  {
    const py::gil_scoped_release released;  // `text` is held by the caller
    rows = parse_svmlight(bytes, static_cast<std::size_t>(size), n_threads);
    rows.end.insert(rows.end.begin(), 0);
  }
  return py::make_tuple(as_array(std::move(rows.label)), as_array(std::move(rows.end)),
                        as_array(std::move(rows.index)), as_array(std::move(rows.value)));
}

}  // namespace

void register_text(py::module_& module) {
  module.def("parse_svmlight", &svmlight, py::arg("text"), py::arg("n_threads") = 0);
}

}  // namespace sparsecross::bindings
