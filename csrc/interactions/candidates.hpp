// The columns and products that pull hardest, of all that were met.
#pragma once

#include <algorithm>
#include <limits>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "interactions/keys.hpp"

namespace sparsecross {

struct Candidate {
  double ratio;  // |z| / ω
  Key key;
  std::uint64_t content;  // equal for columns of equal entries, else different but for bad luck
};

// Harder ones first; of equal ones that of the smaller key.
inline bool harder(const Candidate& a, const Candidate& b) {
  return a.ratio != b.ratio ? a.ratio > b.ratio : a.key < b.key;
}

// Keeps the `limit` hardest of what any threads hand in, in whatever order they do; of columns of
// equal content, where `distinct`, the first alone.
class Hardest {
 public:
  Hardest(std::size_t limit, bool distinct) : limit_(limit), distinct_(distinct) {}

  void take(const std::vector<Candidate>& more) {
    if (more.empty()) return;
    const std::lock_guard<std::mutex> lock(guard_);
    found_.insert(found_.end(), more.begin(), more.end());
    if (found_.size() > 4 * limit_ + 4096) prune();
  }

  void prune() {
    std::sort(found_.begin(), found_.end(), harder);
    if (distinct_) {
      std::unordered_set<std::uint64_t> seen;
      found_.erase(
          std::remove_if(found_.begin(), found_.end(),
                         [&](const Candidate& c) { return !seen.insert(c.content).second; }),
          found_.end());
    }
    if (found_.size() > limit_) found_.resize(limit_);
  }

  // After `prune`: whoever is below this ratio cannot be among the hardest.
  double floor() const {
    return found_.size() < limit_ ? -std::numeric_limits<double>::infinity() : found_.back().ratio;
  }
  // After `prune`.
  std::vector<Candidate>& found() { return found_; }

 private:
  std::size_t limit_;
  bool distinct_;
  std::mutex guard_;
  std::vector<Candidate> found_;
};

}  // namespace sparsecross
