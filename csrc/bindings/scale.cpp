// The border of what is asked of blocks of rows: one block at a time, on one thread; who calls has
// many blocks to share among threads.
#include "bindings/loss.hpp"
#include "scale/moments.hpp"
#include "scale/rounds.hpp"

namespace sparsecross::bindings {
namespace {

using Vector = Array<double>;

// Units of columns, and the arrays that they look at.
class BoundUnits {
 public:
  BoundUnits(Index n_columns, OptionalArray factor, OptionalArray centre, double common,
             Index n_terms)
      : n_columns_(n_columns), factor_(std::move(factor)), centre_(std::move(centre)) {
    if (n_columns < 0) throw std::invalid_argument("n_columns must not be negative");
    if (factor_) check_length(*factor_, n_columns, "factor");
    if (centre_) check_length(*centre_, n_columns, "centre");
    if (centre_ && !factor_) throw std::invalid_argument("centre must come with factor");
    if (n_terms < 0) throw std::invalid_argument("n_terms must not be negative");
    units_ = {data_or_null(centre_), data_or_null(factor_), common, n_terms};
  }
  BoundUnits(const BoundUnits&) = delete;

  Index n_columns() const { return n_columns_; }
  const Units& get() const { return units_; }

 private:
  Index n_columns_;
  OptionalArray factor_, centre_;
  Units units_;
};

void check_units(const Design& X, Index n_columns, const Units& units) {
  if (n_columns != X.n_cols())
    throw std::invalid_argument("units must be of " + std::to_string(X.n_cols()) +
                                " columns, got " + std::to_string(n_columns));
  const bool dense =
      X.visit([](const auto& rows) { return is_dense<std::decay_t<decltype(rows)>>; });
  if (units.centre && !dense)
    throw std::invalid_argument("columns of sparse rows must have no centre");
}

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
    check_units(X_, chosen.n_columns(), chosen.units());
  }

 private:
  const Design& X_;  // kept alive by pybind11
  BoundLoss loss_;
};

// Pairs of places below n, sorted, the first at most the second.
std::vector<ChosenColumns::Pair> pairs_of(const Array<std::int64_t>& given, Index n,
                                          const Units& units) {
  if (given.ndim() != 2 || given.shape(1) != 2)
    throw std::invalid_argument("pairs must be two-dimensional, of two columns");
  check_aligned(given, "pairs");
  if (units.centre) throw std::invalid_argument("columns of pairs must have no centre");
  std::vector<ChosenColumns::Pair> pairs;
  for (py::ssize_t t = 0; t < given.shape(0); ++t) {
    const ChosenColumns::Pair pair{given.at(t, 0), given.at(t, 1)};
    if (pair[0] < 0 || pair[0] > pair[1] || pair[1] >= n || (t > 0 && !(pairs.back() < pair)))
      throw std::invalid_argument("pairs must increase, and be of places below " +
                                  std::to_string(n) + ", the first at most the second");
    pairs.push_back(pair);
  }
  return pairs;
}

std::unique_ptr<ChosenColumns> chosen_of(const Array<std::int64_t>& columns,
                                         const BoundUnits& units,
                                         const std::optional<Array<std::int64_t>>& pairs) {
  const Index n_columns = units.n_columns();
  if (columns.ndim() != 1) throw std::invalid_argument("columns must be one-dimensional");
  check_aligned(columns, "columns");
  for (py::ssize_t k = 0; k < columns.size(); ++k)
    if (columns.at(k) >= n_columns || columns.at(k) < (k > 0 ? columns.at(k - 1) + 1 : 0))
      throw std::invalid_argument(
          "columns must increase and lie between 0 and " + std::to_string(n_columns - 1) +
          ", got " + std::to_string(columns.at(k)) + " at position " + std::to_string(k));
  return std::make_unique<ChosenColumns>(
      std::vector<Index>(columns.data(), columns.data() + columns.size()), n_columns, units.get(),
      pairs ? pairs_of(*pairs, columns.size(), units.get()) : std::vector<ChosenColumns::Pair>());
}

// How many doubles a sum takes.
Index grids_of(const ChosenColumns& chosen) { return chosen.units().n_terms > 0 ? 2 : 1; }

Weights weights_of(const ChosenColumns& chosen, const Vector& of_columns, double intercept,
                   const char* name) {
  check_length(of_columns, chosen.size(), name);
  return {of_columns.data(), intercept};
}

// A point, and what its residual is off, if anything.
struct PointAndOff {
  PointAndOff(const ChosenColumns& chosen, const Vector& weights, double intercept,
              const OptionalArray& given, double off_intercept)
      : point(weights_of(chosen, weights, intercept, "weights")) {
    if (given) away = weights_of(chosen, *given, off_intercept, "off");
  }
  const Weights* off() const { return away ? &*away : nullptr; }

  Weights point;
  std::optional<Weights> away;
};

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
  const PointAndOff at(chosen, weights, intercept, off, off_intercept);
  double* const into = added_to(z, grids_of(chosen) * block.get().X.n_cols(), "z");
  BlockSums sums;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    sums = add_gradient(block.get(), chosen, at.point, at.off(), bound, into);
  }
  return as_tuple(sums);
}

py::tuple gradient_parts(const BoundBlock& block, const ChosenColumns& chosen,
                         const Vector& weights, double intercept, const OptionalArray& off,
                         double off_intercept, double bound, Vector parts) {
  block.check(chosen);
  const PointAndOff at(chosen, weights, intercept, off, off_intercept);
  double* const into = added_to(parts, 2 * grids_of(chosen) * block.get().X.n_cols(), "parts");
  BlockSums sums;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    sums = add_gradient_parts(block.get(), chosen, at.point, at.off(), bound, into);
  }
  return as_tuple(sums);
}

void pairs(const BoundBlock& block, const ChosenColumns& chosen, const Vector& weights,
           double intercept, const OptionalArray& off, double off_intercept, double bound,
           const ChosenColumns& columns, Index first, Index last, Vector sums) {
  block.check(chosen);
  block.check(columns);
  const PointAndOff at(chosen, weights, intercept, off, off_intercept);
  if (columns.size() != columns.n_own())
    throw std::invalid_argument("columns must have no products");
  if (!(0 <= first && first <= last && last <= columns.size()))
    throw std::invalid_argument("first and last must lie between 0 and " +
                                std::to_string(columns.size()));
  double* const into = added_to(sums, grids_of(chosen) * (last - first) * columns.size(), "sums");
  const py::gil_scoped_release released;  // the arguments hold all arrays
  add_pairs(block.get(), chosen, at.point, at.off(), bound, columns, first, last, into);
}

py::tuple model(const BoundBlock& block, const ChosenColumns& chosen, const Vector& weights,
                double intercept, const Array<std::int64_t>& place, Index first_new,
                double bound_of_residuals, double bound_of_curvatures, Vector gradient,
                Vector weighted, Vector products) {
  block.check(chosen);
  const Weights w = weights_of(chosen, weights, intercept, "weights");
  check_length(place, chosen.size(), "place");
  const Index grids = grids_of(chosen), m = gradient.size() / grids;
  for (py::ssize_t k = 0; k < place.size(); ++k)
    if (place.at(k) < -1 || place.at(k) >= m)
      throw std::invalid_argument("place must lie between -1 and " + std::to_string(m - 1) +
                                  ", got " + std::to_string(place.at(k)));
  const ModelSums into{m, added_to(gradient, grids * m, "gradient"),
                       added_to(weighted, grids * m, "weighted"),
                       added_to(products, grids * m * m, "products")};
  BlockSums sums;
  {
    const py::gil_scoped_release released;  // the arguments hold all arrays
    sums = add_model(block.get(), chosen, w, place.data(), first_new, bound_of_residuals,
                     bound_of_curvatures, into);
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
  const PointAndOff at(chosen, weights, intercept, off, off_intercept);
  std::vector<double> values(t.size());
  const py::gil_scoped_release released;  // the arguments hold all arrays
  duals_along(block.get(), chosen, at.point, at.off(), bound, up, down, t, values.data());
  return values;
}

// Rows whose columns are looked at without a loss.
const Design& rows_of(const BoundDesign& X) {
  if (X.design.sliced_by() != Axis::rows) throw std::invalid_argument("X must be sliced by rows");
  return X.design;
}

void extremes(const BoundDesign& X, Vector high, Vector low) {
  const Design& rows = rows_of(X);
  double* const up = added_to(high, rows.n_cols(), "high");
  double* const down = added_to(low, rows.n_cols(), "low");
  const py::gil_scoped_release released;  // the arguments hold all arrays
  widen_extremes(rows, up, down);
}

void check_terms(Index n_terms) {
  if (n_terms < 1) throw std::invalid_argument("n_terms must be at least 1");
}

void sums(const BoundDesign& X, const BoundUnits& units, const OptionalArray& weight, double bound,
          Index n_terms, Vector sums, Vector stored, Vector counts) {
  const Design& rows = rows_of(X);
  check_terms(n_terms);
  const Index p = rows.n_cols();
  check_units(rows, units.n_columns(), units.get());
  if (weight) check_length(*weight, rows.n_rows(), "weight");
  double* const of_x = added_to(sums, 2 * p, "sums");
  double* const of_rows = added_to(stored, 2 * p, "stored");
  double* const of_entries = added_to(counts, p, "counts");
  const py::gil_scoped_release released;  // the arguments hold all arrays
  add_sums(rows, data_or_null(weight), units.get(), bound, n_terms, of_x, of_rows, of_entries);
}

void squares(const BoundDesign& X, const BoundUnits& units, const OptionalArray& weight,
             const OptionalArray& mean, double bound, Index n_terms, Vector squares) {
  const Design& rows = rows_of(X);
  check_terms(n_terms);
  check_units(rows, units.n_columns(), units.get());
  if (weight) check_length(*weight, rows.n_rows(), "weight");
  if (mean) check_length(*mean, rows.n_cols(), "mean");
  double* const into = added_to(squares, 2 * rows.n_cols(), "squares");
  const py::gil_scoped_release released;  // the arguments hold all arrays
  add_squares(rows, data_or_null(weight), units.get(), data_or_null(mean), bound, n_terms, into);
}

}  // namespace

void register_scale(py::module_& module) {
  py::class_<BoundUnits>(module, "Units")
      .def(py::init<Index, OptionalArray, OptionalArray, double, Index>(), py::arg("n_columns"),
           py::arg("factor").noconvert() = py::none(), py::arg("centre").noconvert() = py::none(),
           py::arg("common") = 1.0, py::arg("n_terms") = 0);

  py::class_<ChosenColumns>(module, "ChosenColumns")
      .def(py::init(&chosen_of), py::arg("columns").noconvert(), py::arg("units"),
           py::arg("pairs").noconvert() = py::none(), py::keep_alive<1, 3>());

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
      .def("add_gradient_parts", &gradient_parts, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("off").noconvert(), py::arg("off_intercept"),
           py::arg("bound"), py::arg("parts").noconvert())
      .def("add_pairs", &pairs, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("off").noconvert(), py::arg("off_intercept"),
           py::arg("bound"), py::arg("columns"), py::arg("first"), py::arg("last"),
           py::arg("sums").noconvert())
      .def("add_model", &model, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("place").noconvert(), py::arg("first_new"),
           py::arg("bound_of_residuals"), py::arg("bound_of_curvatures"),
           py::arg("gradient").noconvert(), py::arg("weighted").noconvert(),
           py::arg("products").noconvert())
      .def("losses", &losses, py::arg("chosen"), py::arg("weights").noconvert(),
           py::arg("intercept"), py::arg("way").noconvert(), py::arg("way_intercept"), py::arg("t"))
      .def("duals", &duals, py::arg("chosen"), py::arg("weights").noconvert(), py::arg("intercept"),
           py::arg("off").noconvert(), py::arg("off_intercept"), py::arg("bound"), py::arg("up"),
           py::arg("down"), py::arg("t"));

  module.def("widen_extremes", &extremes, py::arg("X"), py::arg("high").noconvert(),
             py::arg("low").noconvert());
  module.def("add_sums", &sums, py::arg("X"), py::arg("units"), py::arg("weight").noconvert(),
             py::arg("bound"), py::arg("n_terms"), py::arg("sums").noconvert(),
             py::arg("stored").noconvert(), py::arg("counts").noconvert());
  module.def("add_squares", &squares, py::arg("X"), py::arg("units"), py::arg("weight").noconvert(),
             py::arg("mean").noconvert(), py::arg("bound"), py::arg("n_terms"),
             py::arg("squares").noconvert());
}

}  // namespace sparsecross::bindings
