// Numbers that tell columns of equal entries.
//
// Problem: for columns and products, a number that is equal for those of equal entries, and else
//          different but for bad luck.
// Cost:    a walk through each product (entries.hpp), shared among the threads; what is known is
//          not walked again. Memory: about 50 bytes for each that was asked for, of the last
//          kMost.
#pragma once

#include <unordered_map>

#include "interactions/entries.hpp"
#include "interactions/space.hpp"

namespace sparsecross {

class Contents {
 public:
  Contents(const Space& space, int n_threads) : space_(space), n_threads_(n_threads) {}

  // Sees to it that `of` knows these.
  void learn(const std::vector<Key>& keys) {
    if (known_.size() + keys.size() > kMost) known_.clear();
    std::vector<Key> fresh;
    for (const Key key : keys)
      if (known_.try_emplace(key, 0).second) fresh.push_back(key);
    std::vector<Factors> products(fresh.size());
    for (std::size_t c = 0; c < fresh.size(); ++c) products[c] = space_.keys().factors(fresh[c]);
    std::vector<std::uint64_t> content(fresh.size(), 0);
    space_.X().visit([&](const auto& columns) {
      walk_in_chunks(columns, products, n_threads_,
                     [&](ProductWalk& walk, const Index* first, const Index* last) {
                       for (; first != last; ++first) {
                         const auto at = static_cast<std::size_t>(*first);
                         walk(columns, products[at], [&sum = content[at]](Index i, double x) {
                           sum += x != 0.0 ? detail::mixed(i, x) : 0;
                         });
                       }
                     });
    });
    for (std::size_t c = 0; c < fresh.size(); ++c) known_[fresh[c]] = content[c];
  }

  std::size_t bytes() const { return bytes_of(known_); }
  std::uint64_t of(Key key) const { return known_.at(key); }

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 20;

  const Space& space_;
  int n_threads_;
  std::unordered_map<Key, std::uint64_t> known_;
};

}  // namespace sparsecross
