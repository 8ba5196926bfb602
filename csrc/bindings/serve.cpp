#include "bindings/design.hpp"
#include "serve/score.hpp"

namespace sparsecross::bindings {
namespace {

using Words = Array<std::uint64_t>;

std::uint64_t length(const Words& words, const char* name) {
  if (words.ndim() != 1)
    throw std::invalid_argument(std::string(name) + " must be one-dimensional");
  return static_cast<std::uint64_t>(words.shape(0));
}

// Weights by column, over arrays that NumPy owns (or maps); validated once, here.
struct BoundWeights {
  BoundWeights(Array<double> values, std::uint64_t universe, Words low, Words high, Words samples)
      : values_(std::move(values)),
        low_(std::move(low)),
        high_(std::move(high)),
        samples_(std::move(samples)),
        weights{EliasFano(static_cast<std::uint64_t>(values_.size()), universe, low_.data(),
                          length(low_, "low"), high_.data(), length(high_, "high"), samples_.data(),
                          length(samples_, "samples")),
                values_.data()} {
    if (values_.ndim() != 1) throw std::invalid_argument("values must be one-dimensional");
    for (const void* start :
         {static_cast<const void*>(values_.data()), static_cast<const void*>(low_.data()),
          static_cast<const void*>(high_.data()), static_cast<const void*>(samples_.data())})
      if (reinterpret_cast<std::uintptr_t>(start) % alignof(std::uint64_t) != 0)
        throw std::invalid_argument("arrays must lie at multiples of 8 bytes");
    weights.index.validate();
  }

  // Members above `weights`, which looks at them.
  Array<double> values_;
  Words low_, high_, samples_;
  SparseWeights weights;
};

py::tuple build_index(const Words& ids, std::uint64_t universe) {
  EliasFanoArrays arrays = EliasFano::build(ids.data(), length(ids, "ids"), universe);
  return py::make_tuple(as_array(std::move(arrays.low)), as_array(std::move(arrays.high)),
                        as_array(std::move(arrays.samples)));
}

Words ids_of(const BoundWeights& bound) {
  Words out(static_cast<py::ssize_t>(bound.weights.index.size()));
  std::uint64_t* ids = out.mutable_data();
  bound.weights.index.each([ids](std::uint64_t rank, std::uint64_t id) { ids[rank] = id; });
  return out;
}

Array<double> score_of(const BoundWeights& bound, const BoundDesign& X, int n_threads) {
  if (static_cast<std::uint64_t>(X.design.n_cols()) != bound.weights.index.universe())
    throw std::invalid_argument("X must have " + std::to_string(bound.weights.index.universe()) +
                                " columns, got " + std::to_string(X.design.n_cols()));
  Array<double> out(X.design.n_rows());
  double* margins = out.mutable_data();
  const py::gil_scoped_release released;  // all arrays are held by this call's arguments
  score(X.design, bound.weights, margins, n_threads);
  return out;
}

}  // namespace

void register_serve(py::module_& module) {
  module.def("build_index", &build_index, py::arg("ids").noconvert(), py::arg("universe"));
  py::class_<BoundWeights>(module, "SparseWeights")
      .def(py::init<Array<double>, std::uint64_t, Words, Words, Words>(),
           py::arg("values").noconvert(), py::arg("universe"), py::arg("low").noconvert(),
           py::arg("high").noconvert(), py::arg("samples").noconvert())
      .def("ids", &ids_of)
      .def("score", &score_of, py::arg("X"), py::arg("n_threads") = 0);
}

}  // namespace sparsecross::bindings
