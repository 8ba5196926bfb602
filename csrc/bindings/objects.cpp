// Strings to codes: Python objects (the only place where a loop goes over them) and Arrow's arrays.
#include "bindings/bindings.hpp"
#include "cross/strings.hpp"

namespace sparsecross::bindings {
namespace {

// (codes, blob, offsets)
py::tuple result(const Array<std::int32_t>& codes, StringCounter&& counter) {
  if (counter.starts.size() > static_cast<std::size_t>(INT32_MAX))
    throw std::length_error("there must be fewer than 2^31 distinct strings");
  return py::make_tuple(codes, as_array(std::move(counter.blob)),
                        as_array(std::move(counter.starts)));
}

// Problem: number the distinct strings of an array of Python objects.
// Given:   strings (exactly str), None and NaN.
// Result:  (codes, blob, offsets): the distinct strings as UTF-8 in the order of their first
//          appearance, and of each element the number of its string, -1 for None and NaN; or None
//          where an element is anything else.
// Cost:    see StringCounter; characters of ASCII strings are read where they lie. The GIL is
//          held, and no Python code runs: nothing can change the array.
py::object encode_strings(const py::array& objects) {
  if (objects.dtype().kind() != 'O' || objects.ndim() != 1)
    throw py::type_error("objects must be a one-dimensional array of Python objects");
  const Index n = objects.shape(0);
  const char* at = static_cast<const char*>(objects.data());
  const Index stride = n > 1 ? objects.strides(0) : 0;
  Array<std::int32_t> codes(n);
  std::int32_t* out = codes.mutable_data();
  StringCounter counter;
  constexpr Index ahead = 16;
  for (Index i = 0; i < n; ++i) {
    if (i + ahead < n) {  // objects lie anywhere: the header, and where a short string ends
      const char* later = *reinterpret_cast<const char* const*>(at + (i + ahead) * stride);
      __builtin_prefetch(later);
      __builtin_prefetch(later + 48);
    }
    PyObject* object = *reinterpret_cast<PyObject* const*>(at + i * stride);
    if (object == nullptr) return py::none();
    if (PyUnicode_CheckExact(object)) {
      if (PyUnicode_IS_COMPACT_ASCII(object)) {
        out[i] = counter.add({static_cast<const char*>(PyUnicode_DATA(object)),
                              static_cast<std::size_t>(PyUnicode_GET_LENGTH(object))});
        continue;
      }
      const auto bytes = py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(object));
      if (!bytes) throw py::error_already_set();
      out[i] = counter.add({PyBytes_AS_STRING(bytes.ptr()),
                            static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))});
    } else if (object == Py_None || (PyFloat_CheckExact(object) &&
                                     PyFloat_AS_DOUBLE(object) != PyFloat_AS_DOUBLE(object))) {
      out[i] = -1;
    } else {
      return py::none();
    }
  }
  return result(codes, std::move(counter));
}

// Problem: encode_strings for strings that lie in a blob: string i is blob[offsets[i]] ..
//          blob[offsets[i + 1]], or null where nulls[i].
py::tuple encode_texts(const Array<std::uint8_t>& blob, const Array<std::int64_t>& offsets,
                       const Array<bool>& nulls) {
  if (blob.ndim() != 1 || offsets.ndim() != 1)
    throw std::invalid_argument("blob and offsets must be one-dimensional");
  const Strings strings(blob.data(), blob.size(), offsets.data(), offsets.size());
  const Index n = strings.size();
  check_length(nulls, n, "nulls");
  const bool* null = nulls.data();
  Array<std::int32_t> codes(n);
  std::int32_t* out = codes.mutable_data();
  StringCounter counter;
  {
    const py::gil_scoped_release released;  // the arrays are held by this call's arguments
    for (Index i = 0; i < n; ++i) out[i] = null[i] ? -1 : counter.add(strings[i]);
  }
  return result(codes, std::move(counter));
}

// Calls f(pointer, length) for a contiguous vector of signed integers of any width up to 32 bits.
template <class F>
void with_codes(const py::array& codes, const F& f) {
  if (codes.ndim() != 1 || codes.dtype().kind() != 'i' || (codes.flags() & py::array::c_style) == 0)
    throw py::type_error("codes must be a contiguous vector of signed integers");
  const Index n = codes.shape(0);
  switch (codes.itemsize()) {
    case 1:
      return f(static_cast<const std::int8_t*>(codes.data()), n);
    case 2:
      return f(static_cast<const std::int16_t*>(codes.data()), n);
    case 4:
      return f(static_cast<const std::int32_t*>(codes.data()), n);
    default:
      throw py::type_error("codes must have at most 32 bits");
  }
}

template <class T>
void check_codes(const T* codes, Index n, Index limit) {
  T largest = -1;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, codes[i]);
  if (static_cast<Index>(largest) >= limit)
    throw std::invalid_argument("codes must lie below " + std::to_string(limit) + ", got " +
                                std::to_string(static_cast<Index>(largest)));
}

// Which of the codes 0 .. n_codes - 1 occur, and, as the last element, whether negative ones do.
Array<bool> occurring(const py::array& codes, Index n_codes) {
  if (n_codes < 0) throw std::invalid_argument("n_codes must not be negative");
  Array<bool> found(n_codes + 1);
  bool* out = found.mutable_data();
  std::fill(out, out + n_codes + 1, false);
  with_codes(codes, [&](const auto* code, Index n) {
    check_codes(code, n, n_codes);
    for (Index i = 0; i < n; ++i) out[code[i] < 0 ? n_codes : static_cast<Index>(code[i])] = true;
  });
  return found;
}

// places[code] for each code; for negative ones the last element of places.
Array<std::int32_t> mapped(const py::array& codes, const Array<std::int32_t>& places) {
  if (places.ndim() != 1 || places.size() < 1)
    throw std::invalid_argument("places must be one-dimensional and not empty");
  const Index last = places.size() - 1;
  const std::int32_t* place = places.data();
  Array<std::int32_t> found(codes.size());
  std::int32_t* out = found.mutable_data();
  with_codes(codes, [&](const auto* code, Index n) {
    check_codes(code, n, last);
    for (Index i = 0; i < n; ++i) out[i] = place[code[i] < 0 ? last : static_cast<Index>(code[i])];
  });
  return found;
}

}  // namespace

void register_objects(py::module_& module) {
  module.def("encode_strings", &encode_strings, py::arg("objects"));
  module.def("encode_texts", &encode_texts, py::arg("blob").noconvert(),
             py::arg("offsets").noconvert(), py::arg("nulls").noconvert());
  module.def("occurring", &occurring, py::arg("codes"), py::arg("n_codes"));
  module.def("mapped", &mapped, py::arg("codes"), py::arg("places").noconvert());
}

}  // namespace sparsecross::bindings
