#include "bindings/design.hpp"
#include "matrix/seen_array.hpp"
#include "matrix/transpose.hpp"

namespace sparsecross::bindings {
namespace {

// Where an array begins, and its type; what lies how far apart is checked by the callers.
SeenArray seen(const py::array& array) {
  using Type = SeenArray::Type;
  const Type type = py::isinstance<py::array_t<std::int32_t>>(array)   ? Type::int32
                    : py::isinstance<py::array_t<std::int64_t>>(array) ? Type::int64
                    : py::isinstance<py::array_t<float>>(array)        ? Type::float32
                    : py::isinstance<py::array_t<double>>(array)       ? Type::float64
                                                                       : Type::none;
  return {array.data(), array.size(), type};
}

SeenArray seen_vector(const py::array& array, const char* name) {
  if (array.ndim() != 1 || (array.shape(0) > 1 && array.strides(0) != array.itemsize()))
    throw std::invalid_argument(std::string(name) + " must be one-dimensional and contiguous");
  check_aligned(array, name);
  return seen(array);
}

py::type_error wrong_type(const char* name, const char* rule, const py::array& array) {
  return py::type_error(std::string(name) + " must be " + rule + ", got " +
                        py::str(array.dtype()).cast<std::string>());
}

SeenArray seen_integers(const py::array& array, const char* name) {
  const SeenArray found = seen_vector(array, name);
  if (found.type != SeenArray::Type::int32 && found.type != SeenArray::Type::int64)
    throw wrong_type(name, "int32 or int64", array);
  return found;
}

void check_reals(const SeenArray& values, const py::array& array) {
  if (values.type != SeenArray::Type::float32 && values.type != SeenArray::Type::float64)
    throw wrong_type("values", "float32 or float64", array);
}

Axis axis_named(const std::string& name) {
  if (name == "rows") return Axis::rows;
  if (name == "columns") return Axis::columns;
  throw std::invalid_argument("sliced_by must be 'rows' or 'columns', got '" + name + "'");
}

BoundDesign inspected(Design design, Index capacity, py::tuple arrays, int n_threads) {
  Structure structure;
  {
    const py::gil_scoped_release released;  // the arrays are held by `arrays`
    structure = inspect(design, capacity, n_threads);
  }
  return {std::move(design), structure, std::move(arrays)};
}

BoundDesign from_dense(const py::array& values, const std::string& sliced_by, int n_threads) {
  if (values.ndim() != 2)
    throw std::invalid_argument("values must be two-dimensional, got " +
                                std::to_string(values.ndim()) + " dimensions");
  check_aligned(values, "values");
  const Axis axis = axis_named(sliced_by);
  const SeenArray stored = seen(values);
  check_reals(stored, values);
  const int across = axis == Axis::rows ? 0 : 1, along = 1 - across;
  const Index n = values.shape(across), length = values.shape(along);
  const Index item = values.itemsize();
  if (length > 1 && values.strides(along) != item)
    throw std::invalid_argument("dense values must be contiguous along each slice");
  if (n > 1 && values.strides(across) % item != 0)
    throw std::invalid_argument("dense slices must lie a whole number of values apart");
  const Index stride = n > 1 ? values.strides(across) / item : length;
  return inspected(dense_design(stored, n, length, stride, axis), 0, py::make_tuple(values),
                   n_threads);
}

BoundDesign from_sparse(const py::object& values, const py::array& indices,
                        const py::object& indptr, Index n_rows, Index n_cols,
                        const std::string& sliced_by, int n_threads) {
  const Axis axis = axis_named(sliced_by);
  const Index n = axis == Axis::rows ? n_rows : n_cols;
  const Index length = axis == Axis::rows ? n_cols : n_rows;
  constexpr Index largest = Index{1} << 59;  // the bytes of a vector as long can still be counted
  if (n_rows < 0 || n_cols < 0 || n_rows > largest || n_cols > largest)
    throw std::invalid_argument("n_rows and n_cols must lie between 0 and 2^59, got " +
                                std::to_string(n_rows) + " and " + std::to_string(n_cols));
  const SeenArray at = seen_integers(indices, "indices");
  SeenArray stored, ends;
  py::list arrays;
  if (!values.is_none()) {
    const auto array = values.cast<py::array>();
    stored = seen_vector(array, "values");
    check_reals(stored, array);
    arrays.append(array);
  }
  arrays.append(indices);
  if (!indptr.is_none()) {
    const auto array = indptr.cast<py::array>();
    ends = seen_integers(array, "indptr");
    arrays.append(array);
  }
  return inspected(sparse_design(stored, at, ends, n, length, axis), stored_entries(stored, at),
                   std::move(arrays), n_threads);
}

// The structure of a matrix sliced by the other axis: its positions increase whatever the source's
// order, but what stood twice still does.
Structure transposed_structure(Structure structure) {
  std::swap(structure.not_finite_slice, structure.not_finite_position);
  return structure;
}

template <class T, class I, class V, class J>
BoundDesign transposed_to(const SparseSlices<V, J>& slices, const BoundDesign& X, int n_threads) {
  constexpr bool valued = !std::is_same_v<V, Ones>;
  Array<Index> offsets(slices.length() + 1);
  Array<I> indices(slices.n_stored());
  Array<T> values(valued ? slices.n_stored() : 0);
  Index* to_offsets = offsets.mutable_data();
  I* to_indices = indices.mutable_data();
  T* to_values = values.mutable_data();
  {
    const py::gil_scoped_release released;  // X and the new arrays are held here
    transpose(slices, to_offsets, to_indices, to_values, threads_for(X.design, n_threads));
  }
  const Axis axis = X.design.sliced_by() == Axis::rows ? Axis::columns : Axis::rows;
  const Index n = slices.length(), length = slices.n_slices();
  const Offsets seen(static_cast<const Index*>(to_offsets));
  const Structure structure = transposed_structure(X.structure);
  if constexpr (valued)
    return {Design(SparseSlices<const T*, I>(seen, to_indices, to_values, n, length), axis),
            structure, py::make_tuple(values, indices, offsets)};
  else
    return {Design(SparseSlices<Ones, I>(seen, to_indices, Ones{}, n, length), axis), structure,
            py::make_tuple(indices, offsets)};
}

struct Transposer {
  const BoundDesign& X;
  int n_threads;

  template <class T>
  BoundDesign operator()(const DenseSlices<T>&) const {
    throw std::invalid_argument("only sparse matrices are transposed here");
  }
  template <class V, class J>
  BoundDesign operator()(const SparseSlices<V, J>& slices) const {
    using T = std::conditional_t<std::is_same_v<V, const float*>, float, double>;
    if (slices.n_slices() <= std::numeric_limits<std::int32_t>::max())
      return transposed_to<T, std::int32_t>(slices, X, n_threads);
    return transposed_to<T, std::int64_t>(slices, X, n_threads);
  }
};

// The same matrix without its values, which must all be 1.
struct Devaluer {
  const BoundDesign& X;

  template <class T>
  BoundDesign operator()(const DenseSlices<T>&) const {
    throw std::invalid_argument("only sparse matrices can do without values");
  }
  template <class V, class I>
  BoundDesign operator()(const SparseSlices<V, I>& slices) const {
    if (!X.structure.all_ones) throw std::invalid_argument("the stored values must all be 1");
    const py::tuple arrays =
        std::is_same_v<V, Ones> ? X.arrays : X.arrays[py::slice(1, std::nullopt, 1)];
    return {Design(SparseSlices<Ones, I>(slices.offsets(), slices.indices(), Ones{},
                                         slices.n_slices(), slices.length()),
                   X.design.sliced_by()),
            X.structure, arrays};
  }
};

Array<double> product_of(const BoundDesign& X, const Array<double>& w, int n_threads) {
  check_length(w, X.design.n_cols(), "w");
  Array<double> out(X.design.n_rows());
  const double* weights = w.data();
  double* margins = out.mutable_data();
  const py::gil_scoped_release released;  // X, w and out are held by this call's arguments
  product(X.design, weights, margins, n_threads);
  return out;
}

Array<double> transposed_product_of(const BoundDesign& X, const Array<double>& v, int n_threads) {
  if (X.design.sliced_by() != Axis::columns)
    throw std::invalid_argument("X must be sliced by columns");
  check_length(v, X.design.n_rows(), "v");
  Array<double> out(X.design.n_cols());
  const double* vector = v.data();
  double* result = out.mutable_data();
  const py::gil_scoped_release released;  // X, v and out are held by this call's arguments
  transposed_product(X.design, vector, result, n_threads);
  return out;
}

}  // namespace

void register_matrix(py::module_& module) {
  module.def("set_in_forked_child", [] { in_forked_child() = true; });
  module.def("effective_threads", &effective_threads, py::arg("requested") = 0);

  py::class_<Structure>(module, "Structure")
      .def_readonly("canonical", &Structure::canonical)
      .def_readonly("all_ones", &Structure::all_ones)
      .def_readonly("not_finite_slice", &Structure::not_finite_slice)
      .def_readonly("not_finite_position", &Structure::not_finite_position);

  py::class_<BoundDesign>(module, "Design")
      .def_static("from_dense", &from_dense, py::arg("values"), py::arg("sliced_by"),
                  py::arg("n_threads") = 0)
      .def_static("from_sparse", &from_sparse, py::arg("values"), py::arg("indices"),
                  py::arg("indptr"), py::arg("n_rows"), py::arg("n_cols"), py::arg("sliced_by"),
                  py::arg("n_threads") = 0)
      .def(
          "transposed",
          [](const BoundDesign& X, int n_threads) {
            return X.design.visit(Transposer{X, n_threads});
          },
          py::arg("n_threads") = 0)
      .def("valueless", [](const BoundDesign& X) { return X.design.visit(Devaluer{X}); })
      .def("product", &product_of, py::arg("w"), py::arg("n_threads") = 0)
      .def("transposed_product", &transposed_product_of, py::arg("v"), py::arg("n_threads") = 0)
      .def_property_readonly(
          "shape",
          [](const BoundDesign& X) { return std::make_pair(X.design.n_rows(), X.design.n_cols()); })
      .def_property_readonly("n_stored", [](const BoundDesign& X) { return X.design.n_stored(); })
      .def_property_readonly("sliced_by",
                             [](const BoundDesign& X) {
                               return X.design.sliced_by() == Axis::rows ? "rows" : "columns";
                             })
      .def_readonly("structure", &BoundDesign::structure)
      .def_readonly("arrays", &BoundDesign::arrays);
}

}  // namespace sparsecross::bindings
