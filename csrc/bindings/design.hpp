// A Design together with the NumPy arrays it looks at.
#pragma once

#include "bindings/bindings.hpp"
#include "matrix/design.hpp"
#include "matrix/structure.hpp"

namespace sparsecross::bindings {

struct BoundDesign {
  Design design;
  Structure structure;
  py::tuple arrays;  // keeps them alive
};

}  // namespace sparsecross::bindings
