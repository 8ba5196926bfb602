#include "bindings/design.hpp"
#include "serve/score.hpp"

namespace sparsecross::bindings {
namespace {

using Words = Array<std::uint64_t>;

std::uint64_t length(const py::array& words, const char* name) {
  if (words.ndim() != 1)
    throw std::invalid_argument(std::string(name) + " must be one-dimensional");
  return static_cast<std::uint64_t>(words.shape(0));
}

using Samples = Array<std::uint32_t>;

// Weights of one of the types that files hold.
StoredWeights stored_weights(const py::array& values, int exponent) {
  if (values.ndim() != 1 || !(values.flags() & py::array::c_style))
    throw std::invalid_argument("values must be one-dimensional and contiguous");
  check_aligned(values, "values");
  using Type = StoredWeights::Type;
  const auto is = [&](const char* dtype) { return values.dtype().equal(py::dtype(dtype)); };
  if (is("f8")) return StoredWeights(values.data(), Type::float64, exponent);
  if (is("f4")) return StoredWeights(values.data(), Type::float32, exponent);
  if (is("f2")) return StoredWeights(values.data(), Type::float16, exponent);
  if (is("i2")) return StoredWeights(values.data(), Type::q2_13, exponent);
  throw py::type_error("values must be float64, float32, float16 or int16");
}

// Weights by column, over arrays that NumPy owns (or maps); validated once, here.
struct BoundWeights {
  BoundWeights(py::array values, int exponent, std::uint64_t universe, Words low, Words high,
               Samples samples)
      : values_(std::move(values)),
        low_(std::move(low)),
        high_(std::move(high)),
        samples_(std::move(samples)),
        weights{EliasFano(static_cast<std::uint64_t>(values_.size()), universe, low_.data(),
                          length(low_, "low"), high_.data(), length(high_, "high"), samples_.data(),
                          length(samples_, "samples")),
                stored_weights(values_, exponent)} {
    check_aligned(low_, "low");
    check_aligned(high_, "high");
    check_aligned(samples_, "samples");
    weights.index.validate();
  }

  // Members above `weights`, which looks at them.
  py::array values_;
  Words low_, high_;
  Samples samples_;
  SparseWeights weights;
};

py::tuple build_index(const Words& ids, std::uint64_t universe) {
  EliasFanoArrays arrays = EliasFano::build(ids.data(), length(ids, "ids"), universe);
  return py::make_tuple(as_array(std::move(arrays.low)), as_array(std::move(arrays.high)),
                        as_array(std::move(arrays.samples)));
}

Words ids_of_earlier(std::uint64_t size, std::uint64_t universe, const Words& low,
                     const Words& high) {
  return as_array(ids_of_earlier_index(size, universe, low.data(), length(low, "low"), high.data(),
                                       length(high, "high")));
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
  module.def("index_bytes", &EliasFano::n_bytes, py::arg("size"), py::arg("universe"));
  module.def("ids_of_earlier_index", &ids_of_earlier, py::arg("size"), py::arg("universe"),
             py::arg("low").noconvert(), py::arg("high").noconvert());
  py::class_<BoundWeights>(module, "SparseWeights")
      .def(py::init<py::array, int, std::uint64_t, Words, Words, Samples>(),
           py::arg("values").noconvert(), py::arg("exponent"), py::arg("universe"),
           py::arg("low").noconvert(), py::arg("high").noconvert(), py::arg("samples").noconvert())
      .def("ids", &ids_of)
      .def("score", &score_of, py::arg("X"), py::arg("n_threads") = 0);
}

}  // namespace sparsecross::bindings
