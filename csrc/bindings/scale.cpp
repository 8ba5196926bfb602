// The border of what is asked of blocks of rows: one block at a time, on one thread; who calls has
// many blocks to share among threads.
#include "scale/rounds.hpp"

#include "bindings/loss.hpp"

namespace sparsecross::bindings {
namespace {

using Vector = Array<double>;

class BoundBlock {
 public:
  BoundBlock(const BoundDesign& X, const std::string& loss, Array<double> y,
             OptionalArray sample_weight, OptionalArray offset, double delta)
      : X_(X.design),
        loss_(X, loss, std::move(y), std::move(sample_weight), std::move(offset), delta, 1,
              Axis::rows) {}
  BoundBlock(const BoundBlock&) = delete;

  RowBlockProblem get() const { return {X_, loss_.get()}; }
  void check(const ChosenColumns& chosen) const {
    if (chosen.n_columns() != X_.n_cols())
      throw std::invalid_argument("columns must be chosen of " + std::to_string(X_.n_cols()) +
                                  ", got of " + std::to_string(chosen.n_columns()));
  }

 private:
  const Design& X_;  // kept alive by pybind11
  BoundLoss loss_;
};

std::unique_ptr<ChosenColumns> chosen_of(const Array<std::int64_t>& columns, Index n_columns) {
  if (columns.ndim() != 1) throw std::invalid_argument("columns must be one-dimensional");
  check_aligned(columns, "columns");
  if (n_columns < 0) throw std::invalid_argument("n_columns must not be negative");
  for (py::ssize_t k = 0; k < columns.size(); ++k)
    if (columns.at(k) >= n_columns || columns.at(k) < (k > 0 ? columns.at(k - 1) + 1 : 0))
      throw std::invalid_argument(
          "columns must increase and lie between 0 and " + std::to_string(n_columns - 1) +
          ", got " + std::to_string(columns.at(k)) + " at position " + std::to_string(k));
  return std::make_unique<ChosenColumns>(
      std::vector<Index>(columns.data(), columns.data() + columns.size()), n_columns);
}

Weights weights_of(const ChosenColumns& chosen, const Vector& of_columns, double intercept,
                   const char* name) {
  check_length(of_columns, chosen.size(), name);
  return {of_columns.data(), intercept};
}

// Arrays that kernels add to: only views into the caller's memory will do.
double* added_to(Vector& array, Index size, const char* name) {
  if (array.size() != size || !array.writeable())
    throw std::invalid_argument(std::string(name) + " must be writeable and have " +
                                std::to_string(size) + " elements, got " +
                                std::to_string(array.size()));
  check_aligned(array, name);
  return array.mutable_data();
}

py::tuple as_tuple(const BlockSums& s) { return py::make_tuple(s.loss, s.up, s.down, s.curvature); }

py::tuple gradient(const BoundBlock& block, const ChosenColumns& chosen, const Vector& weights,
                   double intercept, const OptionalArray& off, double off_intercept, double bound,
                   Vector z) {
  block.check(chosen);
  const Weights w = weights_of(chosen, weights, intercept, "weights");
  Weights away{nullptr, off_intercept};
  if (off) away = weights_of(chosen, *off, off_intercept, "off");
  double* const into = added_to(z, block.get().X.n_cols(), "z");
  BlockSums sums;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    sums = add_gradient(block.get(), chosen, w, off ? &away : nullptr, bound, into);
  }
  return as_tuple(sums);
}

py::tuple model(const BoundBlock& block, const ChosenColumns& chosen, const Vector& weights,
                double intercept, const Array<std::int64_t>& place, Index first_new,
                double bound_of_residuals, double bound_of_curvatures, double largest,
                Vector gradient, Vector weighted, Vector products) {
  block.check(chosen);
  const Weights w = weights_of(chosen, weights, intercept, "weights");
  check_length(place, chosen.size(), "place");
  const Index m = gradient.size();
  for (py::ssize_t k = 0; k < place.size(); ++k)
    if (place.at(k) < -1 || place.at(k) >= m)
      throw std::invalid_argument("place must lie between -1 and " + std::to_string(m - 1) +
                                  ", got " + std::to_string(place.at(k)));
  const ModelSums into{m, added_to(gradient, m, "gradient"), added_to(weighted, m, "weighted"),
                       added_to(products, m * m, "products")};
  BlockSums sums;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    sums = add_model(block.get(), chosen, w, place.data(), first_new, bound_of_residuals,
                     bound_of_curvatures, largest, into);
  }
  return as_tuple(sums);
}

std::vector<double> losses(const BoundBlock& block, const ChosenColumns& chosen,
                           const Vector& weights, double intercept, const Vector& way,
                           double way_intercept, const std::vector<double>& t) {
  block.check(chosen);
  const Weights w = weights_of(chosen, weights, intercept, "weights");
  const Weights d = weights_of(chosen, way, way_intercept, "way");
  std::vector<double> values(t.size());
  const py::gil_scoped_release released;  // the arguments hold all arrays
  losses_along(block.get(), chosen, w, d, t, values.data());
  return values;
}

std::vector<double> duals(const BoundBlock& block, const ChosenColumns& chosen,
                          const Vector& weights, double intercept, const OptionalArray& off,
                          double off_intercept, double bound, double up, double down,
                          const std::vector<double>& t) {
  block.check(chosen);
  const Weights w = weights_of(chosen, weights, intercept, "weights");
  Weights away{nullptr, off_intercept};
  if (off) away = weights_of(chosen, *off, off_intercept, "off");
  std::vector<double> values(t.size());
  const py::gil_scoped_release released;  // the arguments hold all arrays
  duals_along(block.get(), chosen, w, off ? &away : nullptr, bound, up, down, t, values.data());
  return values;
}

}  // namespace

void register_scale(py::module_& module) {
  py::class_<ChosenColumns>(module, "ChosenColumns")
      .def(py::init(&chosen_of), py::arg("columns").noconvert(), py::arg("n_columns"));

  py::class_<BoundBlock>(module, "RowBlock")
      .def(py::init<const BoundDesign&, const std::string&, Array<double>, OptionalArray,
                    OptionalArray, double>(),
           py::arg("X"), py::arg("loss"), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert() = py::none(),
           py::arg("offset").noconvert() = py::none(), py::arg("delta") = 1.35,
           py::keep_alive<1, 2>())
      .def("add_gradient", &gradient, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("off").noconvert(), py::arg("off_intercept"),
           py::arg("bound"), py::arg("z").noconvert())
      .def("add_model", &model, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("place").noconvert(), py::arg("first_new"),
           py::arg("bound_of_residuals"), py::arg("bound_of_curvatures"), py::arg("largest"),
           py::arg("gradient").noconvert(), py::arg("weighted").noconvert(),
           py::arg("products").noconvert())
      .def("losses", &losses, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("way").noconvert(), py::arg("way_intercept"), py::arg("t"))
      .def("duals", &duals, py::arg("chosen"), py::arg("weights").noconvert(), py::arg("intercept"),
           py::arg("off").noconvert(), py::arg("off_intercept"), py::arg("bound"), py::arg("up"),
           py::arg("down"), py::arg("t"));
}

}  // namespace sparsecross::bindings
