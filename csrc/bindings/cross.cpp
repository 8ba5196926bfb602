#include "bindings/bindings.hpp"
#include "cross/columns.hpp"
#include "cross/hashed.hpp"
#include "cross/keys.hpp"
#include "cross/strings.hpp"

namespace sparsecross::bindings {
namespace {

template <class T>
void check_vector(const Array<T>& array, const char* name) {
  if (array.ndim() != 1)
    throw std::invalid_argument(std::string(name) + " must be one-dimensional, got " +
                                std::to_string(array.ndim()) + " dimensions");
}

// Strings and the arrays they lie in.
struct BoundStrings {
  Array<std::uint8_t> blob;
  Array<std::int64_t> offsets;
  Strings strings;

  BoundStrings(Array<std::uint8_t> b, Array<std::int64_t> o)
      : blob(std::move(b)), offsets(std::move(o)), strings(checked()) {}

  Strings checked() const {
    check_vector(blob, "blob");
    check_vector(offsets, "offsets");
    return {blob.data(), blob.size(), offsets.data(), offsets.size()};
  }
};

Array<std::int32_t> find_strings(const BoundStrings& in, const BoundStrings& wanted) {
  Array<std::int32_t> out(wanted.strings.size());
  std::int32_t* positions = out.mutable_data();
  const py::gil_scoped_release released;  // both keep their arrays alive
  for (Index i = 0; i < wanted.strings.size(); ++i)
    positions[i] = in.strings.find(wanted.strings[i]);
  return out;
}

std::int32_t find_string(const BoundStrings& in, const py::bytes& wanted) {
  return in.strings.find(std::string_view(wanted));
}

// (blob, offsets) of the chosen strings, in the order given.
py::tuple take_strings(const BoundStrings& from, const Array<std::int64_t>& chosen) {
  check_vector(chosen, "chosen");
  const Index n = chosen.size();
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(n) + 1, 0);
  std::vector<std::uint8_t> blob;
  const std::int64_t* at = chosen.data();
  {
    const py::gil_scoped_release released;  // from and chosen are held by this call's arguments
    for (Index i = 0; i < n; ++i) {
      if (at[i] < 0 || at[i] >= from.strings.size())
        throw std::invalid_argument("chosen must lie between 0 and " +
                                    std::to_string(from.strings.size() - 1) + ", got " +
                                    std::to_string(at[i]));
      const std::string_view s = from.strings[at[i]];
      blob.insert(blob.end(), s.begin(), s.end());
      offsets[static_cast<std::size_t>(i) + 1] = static_cast<std::int64_t>(blob.size());
    }
    blob.shrink_to_fit();
  }
  return py::make_tuple(as_array(std::move(blob)), as_array(std::move(offsets)));
}

py::tuple ranking_of(const BoundStrings& strings) {
  Ranking out;
  {
    const py::gil_scoped_release released;  // strings keeps its arrays alive
    out = rank_strings(strings.strings);
  }
  return py::make_tuple(as_array(std::move(out.chosen)), as_array(std::move(out.rank)));
}

// A sorted index and the array it looks at.
template <class T>
struct BoundIndex {
  Array<T> keys;
  SortedIndex<T> index;

  explicit BoundIndex(Array<T> k) : keys(std::move(k)), index(checked()) {}

  SortedIndex<T> checked() const {
    check_vector(keys, "values");
    const T* data = keys.data();
    const Index n = keys.size();
    const py::gil_scoped_release released;  // keys is held by this object
    return {data, n, "values"};
  }
};

using Integers = BoundIndex<std::int64_t>;

Array<std::int32_t> find_integers(const Integers& in, const Array<std::int64_t>& wanted) {
  check_vector(wanted, "wanted");
  Array<std::int32_t> out(wanted.size());
  std::int32_t* positions = out.mutable_data();
  const std::int64_t* values = wanted.data();
  const Index n = wanted.size();
  const py::gil_scoped_release released;  // in and wanted are held by this call's arguments
  for (Index begin = 0; begin < n; begin += key_block)
    in.index.find(values + begin, std::min(key_block, n - begin), positions + begin);
  return out;
}

// (sorted distinct values, int32 code of each value); `nulls` marks values that are none: code -1.
py::tuple distinct_integers(const Array<std::int64_t>& values, const Array<bool>& nulls) {
  check_vector(values, "values");
  check_length(nulls, values.size(), "nulls");
  const std::int64_t* x = values.data();
  const bool* null = nulls.data();
  const Index n = values.size();
  std::vector<std::int64_t> sorted;
  Array<std::int32_t> codes(n);
  std::int32_t* code = codes.mutable_data();
  {
    const py::gil_scoped_release released;  // values and nulls are held by this call's arguments
    std::int64_t low = INT64_MAX, high = INT64_MIN;
    for (Index i = 0; i < n; ++i) {
      if (null[i]) continue;
      low = std::min(low, x[i]);
      high = std::max(high, x[i]);
    }
    const auto base = static_cast<std::uint64_t>(low);
    // A span of all 2^64 integers would leave no value for "no key".
    const std::uint64_t span = low > high ? 0 : static_cast<std::uint64_t>(high) - base;
    if (span >= no_key - 1)
      throw std::invalid_argument("integers must span less than 2^64 - 2, got " +
                                  std::to_string(low) + " and " + std::to_string(high));
    const auto found = distinct_keys(n, span + 1, 1, [&](const auto& f) {
      for (Index i = 0; i < n; ++i) f(null[i] ? no_key : static_cast<std::uint64_t>(x[i]) - base);
    });
    for (const std::uint64_t key : found) sorted.push_back(static_cast<std::int64_t>(key + base));
    const SortedIndex<std::int64_t> index(sorted.data(), static_cast<Index>(sorted.size()),
                                          "values");
    index.find(x, n, code);
    for (Index i = 0; i < n; ++i)
      if (null[i]) code[i] = -1;
  }
  return py::make_tuple(as_array(std::move(sorted)), codes);
}

py::tuple sets_of(const Array<std::int64_t>& offsets, const Array<std::int32_t>& codes) {
  check_vector(offsets, "offsets");
  check_vector(codes, "codes");
  std::vector<std::int64_t> o(offsets.data(), offsets.data() + offsets.size());
  std::vector<std::int32_t> c(codes.data(), codes.data() + codes.size());
  {
    const py::gil_scoped_release released;  // works on copies
    if (o.empty() || o.front() != 0 || o.back() != static_cast<std::int64_t>(c.size()) ||
        !std::is_sorted(o.begin(), o.end()))
      throw std::invalid_argument(
          "offsets must run from 0 to the number of codes and never decrease");
    make_sets(o, c);
  }
  return py::make_tuple(as_array(std::move(o)), as_array(std::move(c)));
}

// One field's (codes, offsets or None).
using GivenField = std::pair<Array<std::int32_t>, std::optional<Array<std::int64_t>>>;

std::vector<FieldCodes> fields_of(const std::vector<GivenField>& given,
                                  const std::vector<std::int64_t>& cardinalities, Index n_rows,
                                  int n_threads) {
  if (n_rows < 0) throw std::invalid_argument("n_rows must not be negative");
  if (given.size() != cardinalities.size())
    throw std::invalid_argument("there must be " + std::to_string(cardinalities.size()) +
                                " fields, got " + std::to_string(given.size()));
  std::vector<FieldCodes> fields;
  for (std::size_t f = 0; f < given.size(); ++f) {
    const auto& [codes, offsets] = given[f];
    check_vector(codes, "codes");
    if (offsets) check_length(*offsets, n_rows + 1, "offsets");
    fields.push_back(
        {codes.data(), offsets ? offsets->data() : nullptr, codes.size(), cardinalities[f]});
  }
  const py::gil_scoped_release released;  // the arrays are held by `given`
  parallel_chunks(static_cast<Index>(fields.size()), 1, n_threads,
                  [&](Index f, Index) { fields[static_cast<std::size_t>(f)].check(n_rows); });
  return fields;
}

void check_terms(const std::vector<Term>& terms, std::size_t n_fields) {
  for (const Term& term : terms) {
    if (term.empty() || term.size() > max_fields)
      throw std::invalid_argument("a term must have 1 to " + std::to_string(max_fields) +
                                  " fields, got " + std::to_string(term.size()));
    for (const int field : term)
      if (field < 0 || static_cast<std::size_t>(field) >= n_fields)
        throw std::invalid_argument("fields must lie between 0 and " + std::to_string(n_fields) +
                                    " (exclusive), got " + std::to_string(field));
  }
}

void check_cardinalities(const std::vector<std::int64_t>& cardinalities) {
  for (const std::int64_t c : cardinalities)
    if (c < 0 || c > INT32_MAX)
      throw std::invalid_argument("cardinalities must lie between 0 and 2^31 - 1, got " +
                                  std::to_string(c));
}

template <class I>
Array<I> indptr_of(const Rows& rows) {
  Array<I> indptr(static_cast<Index>(rows.ends.size()) + 1);
  I* out = indptr.mutable_data();
  *out = 0;
  std::copy(rows.ends.begin(), rows.ends.end(), out + 1);
  return indptr;
}

// (indptr, indices) of the rows that write(rows) writes, int32 where neither a column nor the
// number of entries is beyond index_limit, else int64.
template <class Write>
py::tuple csr_of(Index n_rows, Index grain, Index n_columns, std::vector<Index> chunk_starts,
                 Index index_limit, int n_threads, const Write& write) {
  // NumPy's memory, because it asks for huge pages, which halves the time of the first touch.
  Array<std::uint32_t> room(chunk_starts.back());
  Rows rows(n_rows, grain, room.mutable_data(), std::move(chunk_starts));
  Index n_stored = 0;
  {
    const py::gil_scoped_release released;  // room is this call's own
    write(rows);
    n_stored = rows.close_gaps();
  }
  if (n_stored < room.size()) room.resize({n_stored}, false);
  Array<float> ones(n_stored);
  float* one = ones.mutable_data();
  {
    const py::gil_scoped_release released;  // ones is this call's own
    parallel_chunks(n_stored, 1 << 18, n_threads,
                    [&](Index begin, Index end) { std::fill(one + begin, one + end, 1.0F); });
  }
  if (std::max(n_stored, n_columns) <= std::min<Index>(index_limit, INT32_MAX))
    return py::make_tuple(ones, room.attr("view")("int32"), indptr_of<std::int32_t>(rows));
  return py::make_tuple(ones, room.attr("astype")("int64"), indptr_of<std::int64_t>(rows));
}

// The sorted keys of each term.
py::list learnt_keys(const std::vector<Term>& terms, const std::vector<std::int64_t>& cardinalities,
                     const std::vector<GivenField>& given, Index n_rows, Index min_count,
                     int n_threads) {
  check_cardinalities(cardinalities);
  check_terms(terms, cardinalities.size());
  const auto fields = fields_of(given, cardinalities, n_rows, n_threads);
  std::vector<std::vector<std::uint64_t>> learnt;
  {
    const py::gil_scoped_release released;  // the arrays are held by `given`
    learnt = learn_keys(terms, fields, cardinalities, n_rows, min_count, n_threads);
  }
  py::list keys;
  for (auto& some : learnt) keys.append(as_array(std::move(some)));
  return keys;
}

// A TermIndex and the key arrays it looks at.
struct Columns {
  TermIndex index;
  std::vector<std::optional<Array<std::uint64_t>>> arrays;

  // Keys that are None are all the possible ones.
  Columns(std::vector<Term> terms, std::vector<std::int64_t> cardinalities,
          std::vector<std::optional<Array<std::uint64_t>>> keys)
      : arrays(std::move(keys)) {
    check_cardinalities(cardinalities);
    check_terms(terms, cardinalities.size());
    if (arrays.size() != terms.size())
      throw std::invalid_argument("there must be one array of keys for each of the " +
                                  std::to_string(terms.size()) + " terms, got " +
                                  std::to_string(arrays.size()));
    for (const auto& array : arrays)
      if (array) check_vector(*array, "keys");
    index.terms = std::move(terms);
    index.cardinalities = std::move(cardinalities);
    const py::gil_scoped_release released;  // this object holds the arrays
    std::vector<Index> sizes;
    for (std::size_t t = 0; t < arrays.size(); ++t) {
      const std::uint64_t range = key_range(index.terms[t], index.cardinalities);
      if (!arrays[t] && range > INT32_MAX)
        throw std::invalid_argument("keys must be given where there are 2^31 or more");
      if (arrays[t]) {
        const Index n = arrays[t]->size();
        index.keys.emplace_back(arrays[t]->data(), n, "keys");
        if (n > 0 && arrays[t]->data()[n - 1] >= range)
          throw std::invalid_argument("keys must lie below " + std::to_string(range) + ", got " +
                                      std::to_string(arrays[t]->data()[n - 1]));
      } else {
        index.keys.push_back(SortedIndex<std::uint64_t>::all(static_cast<Index>(range)));
      }
      sizes.push_back(index.keys.back().size());
    }
    index.starts = column_starts(sizes);
  }

  py::tuple of_rows(const std::vector<GivenField>& given, Index n_rows, Index index_limit,
                    int n_threads) const {
    const auto fields = fields_of(given, index.cardinalities, n_rows, n_threads);
    std::vector<TermKeys<MixedRadix>> keys;
    std::vector<Index> starts;
    {
      const py::gil_scoped_release released;  // the arrays are held by `given` and this object
      keys = keys_of(index.terms, fields, MixedRadix{&index.cardinalities});
      starts = chunk_starts(keys, n_rows, index.grain(), n_threads);
    }
    return csr_of(n_rows, index.grain(), index.starts.back(), std::move(starts), index_limit,
                  n_threads, [&](Rows& out) { index.write(keys, out, n_rows, n_threads); });
  }

  // One row, given by each field's code or list of codes.
  std::vector<Index> of_row(const py::list& given) const {
    std::vector<std::vector<std::int32_t>> codes;
    std::vector<std::vector<std::int64_t>> offsets;
    if (given.size() != index.cardinalities.size())
      throw std::invalid_argument("there must be " + std::to_string(index.cardinalities.size()) +
                                  " fields, got " + std::to_string(given.size()));
    for (const py::handle field : given) {
      const bool several = py::isinstance<py::list>(field);
      codes.push_back(several ? field.cast<std::vector<std::int32_t>>()
                              : std::vector<std::int32_t>{field.cast<std::int32_t>()});
      offsets.push_back({0, static_cast<std::int64_t>(codes.back().size())});
      if (!several) offsets.back().clear();
    }
    std::vector<FieldCodes> fields;
    for (std::size_t f = 0; f < codes.size(); ++f) {
      fields.push_back({codes[f].data(), offsets[f].empty() ? nullptr : offsets[f].data(),
                        static_cast<Index>(codes[f].size()), index.cardinalities[f]});
      fields.back().check(1);
    }
    std::vector<Index> columns;
    for (std::size_t t = 0; t < index.terms.size(); ++t)
      TermKeys<MixedRadix>(index.terms[t], fields, {&index.cardinalities})
          .each(0, [&](std::uint64_t key) {
            const std::int32_t id = index.keys[t].find(key);
            if (id >= 0) columns.push_back(index.starts[t] + id);
          });
    return columns;
  }

  Index table_bytes() const { return index.table_bytes(); }
};

std::vector<const std::uint64_t*> hashes_of(const std::vector<Array<std::uint64_t>>& hashes,
                                            std::vector<std::int64_t>& cardinalities) {
  std::vector<const std::uint64_t*> pointers;
  for (const auto& array : hashes) {
    check_vector(array, "hashes");
    pointers.push_back(array.data());
    cardinalities.push_back(array.size());
  }
  return pointers;
}

void check_bits(int n_bits) {
  if (n_bits < 1 || n_bits > 31)
    throw std::invalid_argument("n_bits must lie between 1 and 31, got " + std::to_string(n_bits));
}

py::tuple hash_columns(const std::vector<Term>& terms,
                       const std::vector<Array<std::uint64_t>>& hashes,
                       const std::vector<GivenField>& given, Index n_rows, int n_bits,
                       const std::optional<Array<std::uint8_t>>& kept, Index index_limit,
                       int n_threads) {
  constexpr Index grain = 1024;
  check_bits(n_bits);
  check_terms(terms, hashes.size());
  std::vector<std::int64_t> cardinalities;
  const auto pointers = hashes_of(hashes, cardinalities);
  const auto fields = fields_of(given, cardinalities, n_rows, n_threads);
  if (kept) check_length(*kept, ((Index{1} << n_bits) + 7) / 8, "kept");
  const std::uint8_t* filter = kept ? kept->data() : nullptr;
  std::vector<TermKeys<Mixer>> keys;
  std::vector<Index> starts;
  {
    const py::gil_scoped_release released;  // the arrays are held by this call's arguments
    keys = keys_of(terms, fields, Mixer{&pointers});
    starts = chunk_starts(keys, n_rows, grain, n_threads);
  }
  return csr_of(n_rows, grain, Index{1} << n_bits, std::move(starts), index_limit, n_threads,
                [&](Rows& out) { write_hashed(keys, n_bits, filter, out, n_rows, n_threads); });
}

Index hash_collisions(const std::vector<Term>& terms,
                      const std::vector<Array<std::uint64_t>>& hashes,
                      const std::vector<GivenField>& given, Index n_rows, int n_bits,
                      int n_threads) {
  check_bits(n_bits);
  check_terms(terms, hashes.size());
  std::vector<std::int64_t> cardinalities;
  const auto pointers = hashes_of(hashes, cardinalities);
  const auto fields = fields_of(given, cardinalities, n_rows, n_threads);
  const py::gil_scoped_release released;  // the arrays are held by this call's arguments
  return count_collisions(terms, fields, pointers, n_rows, n_bits, n_threads);
}

}  // namespace

void register_cross(py::module_& module) {
  py::class_<BoundStrings>(module, "Strings")
      .def(py::init<Array<std::uint8_t>, Array<std::int64_t>>(), py::arg("blob").noconvert(),
           py::arg("offsets").noconvert())
      .def("__len__", [](const BoundStrings& s) { return s.strings.size(); })
      .def("first_out_of_order",
           [](const BoundStrings& s) { return s.strings.first_out_of_order(); })
      .def("find", &find_string, py::arg("wanted"))
      .def("find_all", &find_strings, py::arg("wanted"))
      .def("take", &take_strings, py::arg("chosen").noconvert())
      .def("ranking", &ranking_of);

  py::class_<Integers>(module, "Integers")
      .def(py::init<Array<std::int64_t>>(), py::arg("values").noconvert())
      .def("__len__", [](const Integers& x) { return x.index.size(); })
      .def(
          "find", [](const Integers& x, std::int64_t value) { return x.index.find(value); },
          py::arg("wanted"))
      .def("find_all", &find_integers, py::arg("wanted").noconvert())
      .def_property_readonly("table_bytes",
                             [](const Integers& x) { return x.index.table_bytes(); });

  py::class_<Columns>(module, "Columns")
      .def(py::init<std::vector<Term>, std::vector<std::int64_t>,
                    std::vector<std::optional<Array<std::uint64_t>>>>(),
           py::arg("terms"), py::arg("cardinalities"), py::arg("keys").noconvert())
      .def("of_rows", &Columns::of_rows, py::arg("fields").noconvert(), py::arg("n_rows"),
           py::arg("index_limit"), py::arg("n_threads") = 0)
      .def("of_row", &Columns::of_row, py::arg("codes"))
      .def_property_readonly("table_bytes", &Columns::table_bytes);

  module.def("distinct_integers", &distinct_integers, py::arg("values").noconvert(),
             py::arg("nulls").noconvert());
  module.def("make_sets", &sets_of, py::arg("offsets").noconvert(), py::arg("codes").noconvert());
  module.def("learn_keys", &learnt_keys, py::arg("terms"), py::arg("cardinalities"),
             py::arg("fields").noconvert(), py::arg("n_rows"), py::arg("min_count"),
             py::arg("n_threads") = 0);
  module.def("hash_columns", &hash_columns, py::arg("terms"), py::arg("hashes").noconvert(),
             py::arg("fields").noconvert(), py::arg("n_rows"), py::arg("n_bits"),
             py::arg("kept").noconvert(), py::arg("index_limit"), py::arg("n_threads") = 0);
  module.def("hash_collisions", &hash_collisions, py::arg("terms"), py::arg("hashes").noconvert(),
             py::arg("fields").noconvert(), py::arg("n_rows"), py::arg("n_bits"),
             py::arg("n_threads") = 0);
}

}  // namespace sparsecross::bindings
