// The columns and products that pull hardest, of all that were met.
#pragma once

#include <algorithm>
#include <limits>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "interactions/contents.hpp"

namespace sparsecross {

struct Candidate {
  double ratio;  // |z| / ω
  Key key;
};

// Harder ones first; of equal ones that of the smaller key.
inline bool harder(const Candidate& a, const Candidate& b) {
  return a.ratio != b.ratio ? a.ratio > b.ratio : a.key < b.key;
}

// Keeps the `limit` hardest of what any threads hand in, in whatever order they do; where
// `contents` are given, of equal columns the first alone. Those have the same ratio to the last
// bit, so only columns of one ratio are compared.
class Hardest {
 public:
  Hardest(std::size_t limit, Contents* contents) : limit_(limit), contents_(contents) {}

  void take(const std::vector<Candidate>& more) {
    if (more.empty()) return;
    const std::lock_guard<std::mutex> lock(guard_);
    found_.insert(found_.end(), more.begin(), more.end());
    if (found_.size() > 4 * limit_ + 4096) prune();
  }

  void prune() {
    std::sort(found_.begin(), found_.end(), harder);
    if (contents_) drop_equal();
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
  using Place = std::vector<Candidate>::const_iterator;

  // The end of the candidates that have the same ratio as this one.
  Place end_of_equals(Place at) const {
    return std::find_if(at, found_.cend(),
                        [at](const Candidate& other) { return other.ratio != at->ratio; });
  }

  void drop_equal() {
    std::vector<Candidate> kept;
    std::unordered_set<std::uint64_t> seen;
    for (Place at = found_.cbegin(); at != found_.cend() && kept.size() < limit_;) {
      // As many as may be kept; of those which are not alone the contents are made at once.
      const auto missing = static_cast<std::ptrdiff_t>(limit_ - kept.size());
      const Place last = at + std::min(missing, found_.cend() - at);
      std::vector<Key> doubtful;
      Place stop = at;
      while (stop < last) {
        const Place end = end_of_equals(stop);
        if (end - stop > 1)
          for (; stop != end; ++stop) doubtful.push_back(stop->key);
        stop = end;
      }
      contents_->learn(doubtful);
      while (at != stop) {
        const Place end = end_of_equals(at);
        seen.clear();
        for (const bool alone = end - at == 1; at != end; ++at) {
          if (alone || seen.insert(contents_->of(at->key)).second) {
            kept.push_back(*at);
          } else {
            equal_.push_back(at->ratio);
          }
        }
      }
    }
    found_ = std::move(kept);
  }

  std::size_t limit_;
  Contents* contents_;
  std::mutex guard_;
  std::vector<Candidate> found_;
  std::vector<double> equal_;  // ratios of those left out
};

}  // namespace sparsecross
