// What the stream border calls: a learner with all that reading rows takes.
#pragma once

#include "stream/arrays.hpp"
#include "stream/learner.hpp"
#include "stream/rows.hpp"

namespace sparsecross {

// All that makes a stream what it is.
struct StreamSpec {
  UpdateOptions update;
  LossKind loss = LossKind::squared;
  double delta = 1.0;
  bool fit_intercept = true;
  std::uint64_t window = 0;
  int n_states = 1;    // 1, or one for each class
  int n_learners = 1;  // threads that learn, without locks where there are several
  // Keys: exact where n_bits is 0.
  int n_bits = 0, admission_count = 1;
  double admission_probability = 1.0;
  // Columns and their crosses; or, where there are terms, tables.
  Index n_columns = 0;
  int order = 1;
  std::vector<std::int32_t> field;
  std::vector<Combination> combinations;
  std::vector<Term> terms;
};

// Asked between some thousand rows: other than 0 means that the user wants to stop.
using StopAsked = int (*)();

class Stream {
 public:
  explicit Stream(const StreamSpec& spec)
      : rules_(spec.order, spec.field, spec.combinations),
        keys_(spec.n_columns, spec.order),
        terms_(spec.terms),
        learner_(spec.update, spec.loss, spec.delta, spec.fit_intercept, !spec.terms.empty(),
                 spec.window, slots_of(spec, keys_)) {
    n_learners_ = spec.n_learners;
    if (n_learners_ < 1 || (n_learners_ > 1 && spec.n_bits == 0))
      throw std::invalid_argument("several learners need keys that are not exact");
    if (rules_.n_columns_with_field() > spec.n_columns)
      throw std::invalid_argument("there must be no more fields than columns");
    for (const Term& term : terms_)
      if (term.empty() || term.size() > max_fields)
        throw std::invalid_argument("a term must have 1 to 16 fields");
  }

  StreamLearner& learner() { return learner_; }
  // Tells the fields of columns behind those whose fields are known.
  void add_fields(const std::vector<std::int32_t>& field) {
    if (rules_.n_columns_with_field() + static_cast<Index>(field.size()) > keys_.p())
      throw std::invalid_argument("there must be no more fields than columns");
    rules_.extend(field);
  }

  // Rows learnt: all, unless `stop` (or null) says so.
  Index learn(const RowArrays& arrays, const double* y, const double* weight, StopAsked stop) {
    const Design X = arrays.design();
    check_width(X);
    return X.visit([&](const auto& slices) {
      return learn_all(
          [&] { return MatrixRows<std::decay_t<decltype(slices)>>(slices, rules_, keys_); },
          arrays.n_rows, y, weight, stop);
    });
  }
  Index learn(const TableArrays& arrays, const double* y, const double* weight, StopAsked stop) {
    check(arrays);
    return learn_all([&] { return rows_of(arrays); }, arrays.n_rows, y, weight, stop);
  }
  // out (n_rows x n_states)
  void margins(const RowArrays& arrays, double* out) {
    const Design X = arrays.design();
    check_width(X);
    X.visit([&](const auto& slices) {
      MatrixRows<std::decay_t<decltype(slices)>> rows(slices, rules_, keys_);
      learner_.margins(rows, 0, rows.n_rows(), out);
    });
  }
  void margins(const TableArrays& arrays, double* out) {
    check(arrays);
    TableRows rows = rows_of(arrays);
    learner_.margins(rows, 0, rows.n_rows(), out);
  }

 private:
  // Where there is room for every key, none need be hashed.
  static Slots slots_of(const StreamSpec& spec, const ProductKeys& keys) {
    if (spec.n_bits < 0 || spec.n_bits > 31 || (spec.n_bits == 0 && !spec.terms.empty()))
      throw std::invalid_argument("n_bits must lie between 1 and 31");
    if (spec.n_states < 1) throw std::invalid_argument("there must be at least one state");
    if (spec.n_bits == 0)
      return Slots::exact(spec.admission_count > 1
                              ? Admission::by_count(spec.admission_count)
                              : Admission::by_probability(spec.admission_probability),
                          spec.n_states);
    if (spec.terms.empty() && keys.universe() <= std::uint64_t{1} << spec.n_bits)
      return Slots::direct(keys.universe(), spec.n_states);
    return Slots::hashed(spec.n_bits, spec.n_states);
  }

  template <class MakeRows>
  Index learn_all(const MakeRows& make_rows, Index n_rows, const double* y, const double* weight,
                  StopAsked stop) {
    constexpr Index between = 16384;  // rows, between two questions whether to stop
    auto rows = make_rows();
    for (Index first = 0; first < n_rows; first += between) {
      if (stop && stop() != 0) return first;
      const Index last = std::min(first + between, n_rows);
      if (n_learners_ == 1) {
        learner_.learn(rows, first, last, y, weight);
      } else {
        learner_.learn_without_locks(make_rows, first, last, y, weight, n_learners_);
      }
    }
    return n_rows;
  }

  void check_width(const Design& X) const {
    if (!terms_.empty()) throw std::invalid_argument("this stream is one of tables");
    if (X.n_cols() != keys_.p())
      throw std::invalid_argument("X must have " + std::to_string(keys_.p()) + " columns, got " +
                                  std::to_string(X.n_cols()));
  }
  void check(const TableArrays& arrays) const {
    if (terms_.empty()) throw std::invalid_argument("this stream is one of matrices");
    if (arrays.fields.size() != arrays.hashes.size())
      throw std::invalid_argument("there must be hashes for each field");
    for (const Term& term : terms_)
      for (const int field : term)
        if (field < 0 || static_cast<std::size_t>(field) >= arrays.fields.size())
          throw std::invalid_argument("a term must be of fields that there are");
    for (const FieldCodes& field : arrays.fields) field.check(arrays.n_rows);
  }
  TableRows rows_of(const TableArrays& arrays) const {
    return TableRows(terms_, arrays.fields, arrays.hashes, arrays.n_rows);
  }

  CrossRules rules_;
  ProductKeys keys_;
  std::vector<Term> terms_;
  StreamLearner learner_;
  int n_learners_ = 1;
};

}  // namespace sparsecross
