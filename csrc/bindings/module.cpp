#include "bindings/bindings.hpp"

PYBIND11_MODULE(_solvers, module) {
  using namespace sparsecross::bindings;
  module.doc() = "Compiled kernels of sparsecross: whole arrays in, results out.";
#ifdef NDEBUG
  module.attr("assertions_alive") = false;
#else
  module.attr("assertions_alive") = true;
#endif
  register_matrix(module);
  register_solve(module);
  register_multinomial(module);
  register_groups(module);
  register_scale(module);
  register_interactions(module);
  register_serve(module);
  register_cross(module);
  register_objects(module);
  register_text(module);
  register_shrinkage(module);
}
