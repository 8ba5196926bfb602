// Python strings to codes: the only place where a loop goes over Python objects.
#include "bindings/bindings.hpp"

namespace sparsecross::bindings {
namespace {

struct Seen {
  PyObject* object;
  Py_hash_t hash;
  std::int32_t code;
};

bool equal(PyObject* a, PyObject* b) { return a == b || PyUnicode_Compare(a, b) == 0; }

// Problem: number the distinct strings of an array of Python objects.
// Given:   strings (exactly str) and None.
// Result:  (codes, blob, offsets): the distinct strings as UTF-8 in the order of their first
//          appearance, and of each element the number of its string, -1 for None; or None where
//          an element is anything else.
// Cost:    a table access for each element; strings keep their hash, so it is computed once in
//          their life. The GIL is held, and no Python code runs: nothing can change the array.
py::object encode_strings(const py::array& objects) {
  if (objects.dtype().kind() != 'O' || objects.ndim() != 1)
    throw py::type_error("objects must be a one-dimensional array of Python objects");
  const Index n = objects.shape(0);
  const char* at = static_cast<const char*>(objects.data());
  const Index stride = n > 1 ? objects.strides(0) : 0;
  Array<std::int32_t> codes(n);
  std::int32_t* out = codes.mutable_data();
  std::vector<Seen> slots(1024, Seen{nullptr, 0, 0});
  std::vector<PyObject*> distinct;
  for (Index i = 0; i < n; ++i) {
    PyObject* object = *reinterpret_cast<PyObject* const*>(at + i * stride);
    if (object == Py_None) {
      out[i] = -1;
      continue;
    }
    if (object == nullptr || !PyUnicode_CheckExact(object)) return py::none();
    const Py_hash_t hash = PyObject_Hash(object);
    std::size_t mask = slots.size() - 1, home = static_cast<std::size_t>(hash) & mask;
    while (slots[home].object != nullptr &&
           !(slots[home].hash == hash && equal(slots[home].object, object)))
      home = (home + 1) & mask;
    if (slots[home].object == nullptr) {
      slots[home] = {object, hash, static_cast<std::int32_t>(distinct.size())};
      distinct.push_back(object);
      out[i] = slots[home].code;
      if (2 * distinct.size() <= slots.size()) continue;
      std::vector<Seen> wider(4 * slots.size(), Seen{nullptr, 0, 0});
      mask = wider.size() - 1;
      for (const Seen& seen : slots) {
        if (seen.object == nullptr) continue;
        home = static_cast<std::size_t>(seen.hash) & mask;
        while (wider[home].object != nullptr) home = (home + 1) & mask;
        wider[home] = seen;
      }
      slots.swap(wider);
      continue;
    }
    out[i] = slots[home].code;
  }
  std::vector<std::uint8_t> blob;
  std::vector<std::int64_t> offsets(1, 0);
  offsets.reserve(distinct.size() + 1);
  for (PyObject* object : distinct) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == nullptr) throw py::error_already_set();
    blob.insert(blob.end(), text, text + size);
    offsets.push_back(static_cast<std::int64_t>(blob.size()));
  }
  return py::make_tuple(codes, as_array(std::move(blob)), as_array(std::move(offsets)));
}

}  // namespace

void register_objects(py::module_& module) {
  module.def("encode_strings", &encode_strings, py::arg("objects"));
}

}  // namespace sparsecross::bindings
