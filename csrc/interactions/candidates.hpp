// The columns and products that pull hardest, of all that were met.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "interactions/keys.hpp"

namespace sparsecross {

struct Candidate {
  double ratio;  // |z| / ω
  Key key;
};

// Harder ones first; of equal ones that of the smaller key.
inline bool harder(const Candidate& a, const Candidate& b) {
  return a.ratio != b.ratio ? a.ratio > b.ratio : a.key < b.key;
}

// A number that is equal for columns of equal entries, else different but for bad luck.
using Content = std::function<std::uint64_t(Key)>;

// Keeps the `limit` hardest of what any threads hand in, in whatever order they do; where
// `content` is given, of equal columns the first alone. Those have the same ratio to the last bit,
// so only columns of one ratio are compared.
class Hardest {
 public:
  Hardest(std::size_t limit, Content content) : limit_(limit), content_(std::move(content)) {}

  void take(const std::vector<Candidate>& more) {
    if (more.empty()) return;
    const std::lock_guard<std::mutex> lock(guard_);
    found_.insert(found_.end(), more.begin(), more.end());
    if (found_.size() > 4 * limit_ + 4096) prune();
  }

  void prune() {
    std::sort(found_.begin(), found_.end(), harder);
    if (content_) drop_equal();
    if (found_.size() > limit_) found_.resize(limit_);
    // What is not above the floor might have been cut off before it was compared, or not.
    equal_.erase(std::remove_if(equal_.begin(), equal_.end(),
                                [low = floor()](double ratio) { return ratio <= low; }),
                 equal_.end());
  }

  // After `prune`: how many columns above the floor were left out for an equal one.
  std::size_t n_equal() const { return equal_.size(); }

  // After `prune`: whoever is below this ratio cannot be among the hardest.
  double floor() const {
    return found_.size() < limit_ ? -std::numeric_limits<double>::infinity() : found_.back().ratio;
  }
  // After `prune`.
  std::vector<Candidate>& found() { return found_; }

 private:
  void drop_equal() {
    std::vector<Candidate> kept;
    std::unordered_set<std::uint64_t> seen;
    for (auto at = found_.begin(); at != found_.end() && kept.size() < limit_;) {
      const auto end = std::find_if(
          at, found_.end(), [&](const Candidate& other) { return other.ratio != at->ratio; });
      seen.clear();
      for (const bool alone = end - at == 1; at != end; ++at) {
        if (alone || seen.insert(content_of(at->key)).second) {
          kept.push_back(*at);
        } else {
          equal_.push_back(at->ratio);
        }
      }
    }
    found_ = std::move(kept);
  }

  std::uint64_t content_of(Key key) {
    const auto [place, fresh] = known_.try_emplace(key, 0);
    if (fresh) place->second = content_(key);
    return place->second;
  }

  std::size_t limit_;
  Content content_;
  std::unordered_map<Key, std::uint64_t> known_;
  std::mutex guard_;
  std::vector<Candidate> found_;
  std::vector<double> equal_;  // ratios of those left out
};

}  // namespace sparsecross
