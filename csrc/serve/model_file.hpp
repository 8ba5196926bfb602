// A model of a file (docs/file_format.md, version 4), scored without Python.
//
// Problem: the margins of a row, to the last bit those that the Python package computes.
// Given:   a file; a row as (column, value) entries. Encoders and the names of classes, which are
//          JSON, are not read: columns are those that an encoder makes, and outputs are in the
//          order of the classes.
// Result:  for each output the sum of x w over the weights in increasing column order, plus the
//          intercept, plus the sum of the crosses, in the order of a cross's first, second and
//          third column. Whatever is in the file, nothing outside of it is looked at.
// Cost:    opening: a few checks for each block. First row: a pass over the weights and indices,
//          which verifies them. A row of m entries: m look-ups for each output; with crosses also
//          one for each pair whose first column begins a cross, and for each triple whose first
//          two do. Memory: the mapped file and 1 to 4 bytes a cross; nothing for a row.
//
// Compile with -ffp-contract=off, or for processors without fused multiply-add: a fused one rounds
// once where two roundings are meant, so the last bits may be others.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "interactions/keys.hpp"
#include "serve/block_file.hpp"
#include "serve/elias_fano.hpp"
#include "serve/stored_weights.hpp"
#include "support/wide.hpp"

namespace sparsecross {

// All methods may be called by several threads at once. What is wrong with a file is said by a
// std::runtime_error that names it: when it is opened, or at the first row.
class ModelFile {
 public:
  using Entry = std::pair<std::int64_t, double>;  // a column and its value
  enum class Link { identity, log, softmax };

  static constexpr std::size_t kOnly = SIZE_MAX;

  // `model`: its number in a file of several; kOnly for the one of a file that has no other.
  explicit ModelFile(const std::string& path, std::size_t model = kOnly) : file_(path) {
    try {
      bind(read_shape(model));
    } catch (const std::invalid_argument& error) {
      file_.damaged(error.what());
    }
  }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  std::size_t n_models() const { return n_models_; }
  std::int64_t n_columns() const { return static_cast<std::int64_t>(universe_); }
  std::size_t n_outputs() const { return outputs_.size(); }
  int order() const { return order_; }  // how many columns a cross has at most; 1: no crosses
  Link link() const { return link_; }

  // What a regressor predicts where this is the margin.
  double response(double margin) const { return link_ == Link::log ? std::exp(margin) : margin; }

  // out[k] = the margin of output k. std::invalid_argument unless the columns of the entries
  // increase and lie below n_columns(), and their values are finite.
  void margins(const Entry* begin, const Entry* end, double* out) const {
    verify();
    check(begin, end);
    widely([&] {
      for (std::size_t k = 0; k < outputs_.size(); ++k) {
        const Output& output = outputs_[k];
        double margin = 0.0;
        for (const Entry* e = begin; e != end; ++e)
          add(margin, output.weights, static_cast<Key>(e->first), e->second);
        margin += intercepts_[k];
        if (order_ > 1) margin += crosses(output, begin, end);
        out[k] = margin;
      }
    });
  }

  // Verifies all that rows need, once; the first row does it where nobody has.
  void verify() const {
    if (verified_.load(std::memory_order_acquire)) return;
    const std::lock_guard<std::mutex> lock(guard_);
    if (verified_.load(std::memory_order_relaxed)) return;
    for (const Block* block : used_) file_.verify(*block);
    try {
      for (const Output& output : outputs_) {
        output.weights.index.validate();
        if (order_ == 1) continue;
        output.crosses.index.validate();
        output.prefixes = Prefixes(output.crosses.index, *keys_);
      }
    } catch (const std::invalid_argument& error) {
      file_.damaged(error.what());
    }
    verified_.store(true, std::memory_order_release);
  }

 private:
  using Block = BlockFile::Block;

  struct Weights {
    EliasFano index;
    StoredWeights values;
  };

  // Which columns j, and which pairs (j, k), a cross begins with. A set of hashed keys: it never
  // says no to one that is in it, and seldom yes to another.
  // Source: Bloom 1970, "Space/time trade-offs in hash coding with allowable errors".
  class Prefixes {
   public:
    Prefixes() = default;
    // std::invalid_argument where a key is not that of a cross.
    Prefixes(const EliasFano& crosses, const ProductKeys& keys) {
      const auto most = crosses.size() * static_cast<std::uint64_t>(keys.order() - 1);
      while (std::uint64_t{1} << log_bits_ < 8 * most) ++log_bits_;
      words_.assign(std::size_t{1} << (log_bits_ - 6), 0);
      crosses.each([&](std::uint64_t, Key key) {
        const Factors f = keys.factors(key);
        if (f.order() == 1) throw std::invalid_argument("a cross has the key of a column");
        keys.check(f);
        insert(keys.of(f.column[0]));
        if (f.order() == 3) insert(keys.of(f.column[0], f.column[1]));
      });
    }

    bool may_hold(Key key) const { return words_[bit(key) / 64] >> (bit(key) % 64) & 1; }

   private:
    std::size_t bit(Key key) const {
      return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> (64 - log_bits_));
    }
    void insert(Key key) { words_[bit(key) / 64] |= std::uint64_t{1} << (bit(key) % 64); }

    int log_bits_ = 6;
    std::vector<std::uint64_t> words_;
  };

  struct Output {
    Weights weights, crosses;
    mutable Prefixes prefixes;  // made by verify()
  };

  // The number of the model's first output among those of the file.
  std::uint64_t read_shape(std::size_t model) {
    constexpr std::uint64_t kNumbers = 11, kMost = INT64_MAX;
    const Block& shape = file_.block("shape", BlockFile::u64);
    n_models_ = static_cast<std::size_t>(shape.size() / kNumbers);
    if (n_models_ == 0 || shape.size() % kNumbers != 0)
      file_.damaged("block 'shape' does not hold eleven numbers for each model");
    file_.verify(shape);
    const auto number = [&](std::uint64_t of, std::uint64_t which, std::uint64_t least,
                            std::uint64_t most) {
      const std::uint64_t value = shape.elements<std::uint64_t>()[kNumbers * of + which];
      if (value < least || value > most)
        file_.damaged("number " + std::to_string(which) + " of a model's shape cannot be " +
                      std::to_string(value));
      return value;
    };
    if (model == kOnly && n_models_ == 1) model = 0;
    if (model >= n_models_)
      throw std::runtime_error(
          "'" + file_.path() + "' has " + std::to_string(n_models_) +
          (n_models_ == 1 ? " model" : " models") + ", numbered from 0" +
          (model == kOnly ? ": one must be chosen" : ", got number " + std::to_string(model)));
    const Block& intercepts = file_.block("icpt", BlockFile::f64);
    std::uint64_t n_before = 0, n_all = 0;
    for (std::uint64_t m = 0; m < n_models_; ++m) {  // each term is bounded: no overflow
      if (m == model) n_before = n_all;
      n_all += number(m, 1, 1, intercepts.size() - n_all);
    }
    if (n_all != intercepts.size()) file_.damaged("it has more intercepts than outputs");
    universe_ = number(model, 0, 0, kMost);
    n_outputs_ = number(model, 1, 1, n_all);
    order_ = static_cast<int>(number(model, 2, 1, 3));
    link_ = static_cast<Link>(number(model, 3, 0, 2));
    if (link_ == (n_outputs_ > 1 ? Link::log : Link::softmax))
      file_.damaged("its link does not fit its number of outputs");
    exponent_ = static_cast<int>(number(model, 5, 0, 1023));
    if (order_ > 1) keys_.emplace(static_cast<std::int64_t>(universe_), order_);
    return n_before;
  }

  void bind(std::uint64_t first_output) {
    intercepts_ = use(file_.block("icpt", BlockFile::f64)).elements<double>() + first_output;
    for (std::uint64_t k = 0; k < n_outputs_; ++k) {
      const std::string number = std::to_string(first_output + k);
      Output output;
      output.weights = weights(universe_, number, "w", {"lo", "hi", "sa"});
      if (order_ > 1) output.crosses = weights(keys_->universe(), number, "x", {"xl", "xh", "xs"});
      outputs_.push_back(std::move(output));
    }
  }

  Weights weights(std::uint64_t universe, const std::string& output, const char* values,
                  const std::array<const char*, 3>& index) {
    const Block& low = use(file_.block(index[0] + output, BlockFile::u64));
    const Block& high = use(file_.block(index[1] + output, BlockFile::u64));
    const Block& samples = use(file_.block(index[2] + output, BlockFile::u32));
    const Block& w = use(file_.block(values + output));
    return {{w.size(), universe, low.elements<std::uint64_t>(), low.size(),
             high.elements<std::uint64_t>(), high.size(), samples.elements<std::uint32_t>(),
             samples.size()},
            {w.bytes, type_of(w), exponent_}};
  }

  StoredWeights::Type type_of(const Block& weights) const {
    switch (weights.type) {
      case BlockFile::f64:
        return StoredWeights::Type::float64;
      case BlockFile::f32:
        return StoredWeights::Type::float32;
      case BlockFile::f16:
        return StoredWeights::Type::float16;
      case BlockFile::i16:
        return StoredWeights::Type::q2_13;
      default:
        file_.damaged("block '" + weights.name + "' has elements of another type");
    }
  }

  // Notes that rows need this block.
  const Block& use(const Block& block) {
    used_.push_back(&block);
    return block;
  }

  void check(const Entry* begin, const Entry* end) const {
    std::int64_t before = -1;
    for (const Entry* e = begin; e != end; ++e) {
      const auto& [j, x] = *e;
      if (j < 0 || j >= n_columns())
        throw std::invalid_argument("columns must be from 0 to below " +
                                    std::to_string(n_columns()) + ", got " + std::to_string(j));
      if (j <= before)
        throw std::invalid_argument("columns must increase, got " + std::to_string(j) + " after " +
                                    std::to_string(before));
      if (!std::isfinite(x))
        throw std::invalid_argument("values must be finite, got " + std::to_string(x) +
                                    " in column " + std::to_string(j));
      before = j;
    }
  }

  static void add(double& sum, const Weights& weights, Key key, double x) {
    const std::int64_t rank = weights.index.find(key);
    if (rank >= 0) sum += x * weights.values[static_cast<std::uint64_t>(rank)];
  }

  // As ProductTerms in interactions/margins.hpp: entries of 0 have no part in crosses, even where a
  // product of others is infinite.
  double crosses(const Output& output, const Entry* begin, const Entry* end) const {
    const ProductKeys& keys = *keys_;
    double sum = 0.0;
    for (const Entry* e = begin; e != end; ++e) {
      if (e->second == 0.0 || !output.prefixes.may_hold(keys.of(e->first))) continue;
      for (const Entry* f = e; f != end; ++f) {
        if (f->second == 0.0) continue;
        const double both = e->second * f->second;
        const Key pair = keys.of(e->first, f->first);
        add(sum, output.crosses, pair, both);
        if (order_ == 2 || f == e || !output.prefixes.may_hold(pair)) continue;
        for (const Entry* g = f + 1; g != end; ++g)
          if (g->second != 0.0)
            add(sum, output.crosses, keys.of(e->first, f->first, g->first), both * g->second);
      }
    }
    return sum;
  }

  const BlockFile file_;
  std::vector<const Block*> used_;
  std::size_t n_models_ = 0;
  std::uint64_t universe_ = 0, n_outputs_ = 0;
  int order_ = 1, exponent_ = 0;
  Link link_ = Link::identity;
  std::optional<ProductKeys> keys_;  // where there are crosses
  const double* intercepts_ = nullptr;
  std::vector<Output> outputs_;
  mutable std::mutex guard_;
  mutable std::atomic<bool> verified_{false};
};

}  // namespace sparsecross
