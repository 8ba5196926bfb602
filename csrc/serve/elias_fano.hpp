// A sorted set of integers near the information-theoretic size, with constant expected look-up.
//
// k ids v_0 < v_1 < ... < v_{k-1} below u are split into l low bits, stored one after the other,
// and high parts, stored in unary: id i sets bit (v_i >> l) + i. Ids of one high part h form a
// bucket, which ends at the h-th zero bit. Every kSample-th zero's place is kept, so that a bucket
// is found with a look-up and a scan of a few words. l is floor(log2(u / k)) or one more: what
// takes fewer bits.
//
// Size: at most 0.9 bits an id above log2(C(u, k)) where u is large, 1.1 where u = 4 k, of which
//       the samples are 0.2 to 0.4; 2.3 bits an id where u is k.
// Sources: Elias 1974, Fano 1971; Vigna 2013, "Quasi-succinct indices".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace sparsecross {

namespace bits {

constexpr std::uint64_t kBytes = 0x0101010101010101;  // 1 in every byte

// A single instruction where the processor has it and the code is compiled for it (wide.hpp).
inline int count(std::uint64_t word) { return __builtin_popcountll(word); }
inline int lowest(std::uint64_t word) { return __builtin_ctzll(word); }

// The place of the r-th set bit of each byte: 8 bytes + r.
struct ByteSelect {
  std::uint8_t place[256][8] = {};
  constexpr ByteSelect() {
    for (int byte = 0; byte < 256; ++byte)
      for (int bit = 0, r = 0; bit < 8; ++bit)
        if (byte >> bit & 1) place[byte][r++] = static_cast<std::uint8_t>(bit);
  }
};
inline constexpr ByteSelect kByteSelect;

// The place of the r-th (from 0) set bit of a word that has more than r. First its byte: the number
// of bytes up to which at most r bits are set; then a look into a table.
// Source: Vigna 2008, "Broadword implementation of rank/select queries", algorithm 2.
inline int select(std::uint64_t word, int r) {
  std::uint64_t counts = word - ((word >> 1) & 0x5555555555555555);
  counts = (counts & 0x3333333333333333) + ((counts >> 2) & 0x3333333333333333);
  counts = (counts + (counts >> 4)) & 0x0f0f0f0f0f0f0f0f;
  const std::uint64_t running = counts * kBytes, high = kBytes << 7;
  const auto rank = static_cast<std::uint64_t>(r);
  const std::uint64_t at_most = ((rank * kBytes | high) - running) & high;
  const int byte = static_cast<int>(((at_most >> 7) * kBytes) >> 56);
  const auto before = static_cast<std::size_t>((running << 8) >> (8 * byte) & 0xff);
  const auto here = static_cast<std::size_t>(word >> (8 * byte) & 0xff);
  return 8 * byte + kByteSelect.place[here][static_cast<std::size_t>(r) - before];
}

}  // namespace bits

struct EliasFanoArrays {
  std::vector<std::uint64_t> low, high;
  std::vector<std::uint32_t> samples;
};

// Sees arrays that somebody else owns; they may lie in a mapped file.
class EliasFano {
 public:
  static constexpr std::uint64_t kSample = 128;

  EliasFano() = default;

  // Constant-time checks of the lengths; see validate() for the contents.
  EliasFano(std::uint64_t size, std::uint64_t universe, const std::uint64_t* low,
            std::uint64_t n_low, const std::uint64_t* high, std::uint64_t n_high,
            const std::uint32_t* samples, std::uint64_t n_samples)
      : size_(size),
        universe_(universe),
        low_bits_(low_bits(size, universe)),
        low_mask_((std::uint64_t{1} << low_bits_) - 1),
        last_low_(n_low == 0 ? 0 : 8 * n_low - 8),
        n_high_(n_high),
        low_(low),
        high_(high),
        samples_(samples) {
    check(size, universe);
    if (n_low != low_words(size, low_bits_) || n_high != high_words(size, universe) ||
        n_samples != sample_count(size, universe))
      throw std::invalid_argument("the arrays of an index do not have the lengths of its size");
  }

  std::uint64_t size() const { return size_; }
  std::uint64_t universe() const { return universe_; }

  // The rank of `id`, or -1 where it is not in the set. Cost: constant on average. Of most buckets
  // few ids are looked at, and that without a branch that could be foreseen wrongly.
  std::int64_t find(std::uint64_t id) const {
    if (id >= universe_ || size_ == 0) return -1;
    const std::uint64_t bucket = id >> low_bits_;
    const std::uint64_t wanted = id & low_mask_;
    const std::uint64_t start = bucket == 0 ? 0 : zero(bucket - 1) + 1;
    const std::uint64_t begin = start - bucket;
    const std::uint64_t after = ~(high_[start / 64] >> (start % 64));  // 0 for each of its ids
    const auto n = static_cast<std::uint64_t>(after == 0 ? 64 : bits::lowest(after));
    if (n > kFew || start % 64 + n >= 64) return search(bucket, begin, n, start, wanted);
    const bool first = n > 0 && low(std::min(begin, size_ - 1)) == wanted;
    const bool second = n > 1 && low(std::min(begin + 1, size_ - 1)) == wanted;
    const auto rank = static_cast<std::int64_t>(begin);
    return first ? rank : second ? rank + 1 : -1;
  }

  // f(rank, id) in increasing order.
  template <class F>
  void each(const F& f) const {
    std::uint64_t rank = 0;
    for (std::uint64_t word = 0; word < n_high_ && rank < size_; ++word)
      for (std::uint64_t left = high_[word]; left != 0 && rank < size_; left &= left - 1) {
        const std::uint64_t place = 64 * word + static_cast<std::uint64_t>(bits::lowest(left));
        f(rank, ((place - rank) << low_bits_) | low(rank));
        ++rank;
      }
  }

  // Throws unless the contents are those of an increasing set below the universe, after which
  // every other method stays within the arrays. Cost: one pass.
  void validate() const {
    std::uint64_t ones = 0, zeros = 0;
    const std::uint64_t wanted_zeros = buckets(size_, universe_);
    for (std::uint64_t word = 0; word < n_high_; ++word) {
      ones += static_cast<std::uint64_t>(bits::count(high_[word]));
      for (std::uint64_t left = ~high_[word]; left != 0; left &= left - 1, ++zeros) {
        const std::uint64_t place = 64 * word + static_cast<std::uint64_t>(bits::lowest(left));
        if (zeros < wanted_zeros && zeros % kSample == 0 && samples_[zeros / kSample] != place)
          throw std::invalid_argument("an index is damaged: a sample is not where a bucket ends");
      }
    }
    if (ones != size_ || zeros < wanted_zeros)
      throw std::invalid_argument("an index is damaged: it does not hold as many ids as it says");
    std::int64_t previous = -1;
    each([&](std::uint64_t, std::uint64_t id) {
      if (static_cast<std::int64_t>(id) <= previous || id >= universe_)
        throw std::invalid_argument("an index is damaged: its ids do not increase");
      previous = static_cast<std::int64_t>(id);
    });
  }

  // The bytes of low, high and samples.
  static std::array<std::uint64_t, 3> n_bytes(std::uint64_t size, std::uint64_t universe) {
    check(size, universe);
    return {8 * low_words(size, low_bits(size, universe)), 8 * high_words(size, universe),
            4 * sample_count(size, universe)};
  }

  // Given:  `size` increasing ids below `universe`. Result: the arrays. Cost: one pass.
  static EliasFanoArrays build(const std::uint64_t* ids, std::uint64_t size,
                               std::uint64_t universe) {
    check(size, universe);
    const int l = low_bits(size, universe);
    EliasFanoArrays out;
    out.low.assign(low_words(size, l), 0);
    out.high.assign(high_words(size, universe), 0);
    for (std::uint64_t i = 0; i < size; ++i) {
      if (ids[i] >= universe || (i > 0 && ids[i] <= ids[i - 1]))
        throw std::invalid_argument("ids must increase and lie below the universe");
      const std::uint64_t place = (ids[i] >> l) + i;
      out.high[place / 64] |= std::uint64_t{1} << (place % 64);
      if (l > 0) {
        const std::uint64_t value = ids[i] & ((std::uint64_t{1} << l) - 1);
        const std::uint64_t at = i * static_cast<std::uint64_t>(l);
        out.low[at / 64] |= value << (at % 64);
        if (at % 64 + static_cast<std::uint64_t>(l) > 64)
          out.low[at / 64 + 1] |= value >> (64 - at % 64);
      }
    }
    const std::uint64_t wanted = sample_count(size, universe);
    out.samples.reserve(wanted);
    std::uint64_t zeros = 0;
    for (std::uint64_t word = 0; out.samples.size() < wanted; ++word)
      for (std::uint64_t left = ~out.high[word]; left != 0; left &= left - 1, ++zeros)
        if (zeros % kSample == 0 && out.samples.size() < wanted)
          out.samples.push_back(
              static_cast<std::uint32_t>(64 * word + static_cast<unsigned>(bits::lowest(left))));
    return out;
  }

 private:
  static void check(std::uint64_t size, std::uint64_t universe) {
    if (size > universe || universe >> 63)
      throw std::invalid_argument("an index must hold at most as many ids as its universe");
    if (size >> 32 || (size + buckets(size, universe)) >> 32)
      throw std::invalid_argument("an index must hold at most about 2^31 ids, got " +
                                  std::to_string(size));
  }
  static int low_bits(std::uint64_t size, std::uint64_t universe) {
    if (size == 0 || universe >> 63) return 0;  // check() refuses the latter
    int l = 0;
    while ((universe / size) >> (l + 1)) ++l;
    // Another low bit of each id halves the buckets, of which each takes a zero and its share of a
    // sample.
    const std::uint64_t saved = buckets_of(universe, l) - buckets_of(universe, l + 1);
    return saved + saved * 32 / kSample > size ? l + 1 : l;
  }
  static std::uint64_t buckets_of(std::uint64_t universe, int l) {
    return universe == 0 ? 0 : ((universe - 1) >> l) + 1;
  }
  static std::uint64_t buckets(std::uint64_t size, std::uint64_t universe) {
    return size == 0 ? 0 : buckets_of(universe, low_bits(size, universe));
  }
  static std::uint64_t low_words(std::uint64_t size, int l) {
    return (size * static_cast<std::uint64_t>(l) + 63) / 64;
  }
  static std::uint64_t high_words(std::uint64_t size, std::uint64_t universe) {
    return (size + buckets(size, universe) + 63) / 64;
  }
  static std::uint64_t sample_count(std::uint64_t size, std::uint64_t universe) {
    return (buckets(size, universe) + kSample - 1) / kSample;
  }

  static constexpr std::uint64_t kFew = 2;
  static constexpr std::uint64_t kWindow = 5;  // words in which most often kSample zeros are

  // The same where ids crowd, or where the bucket may go on in the next word.
  std::int64_t search(std::uint64_t bucket, std::uint64_t begin, std::uint64_t n,
                      std::uint64_t start, std::uint64_t wanted) const {
    std::uint64_t end = start % 64 + n < 64 ? begin + n : zero(bucket) - bucket;
    while (end - begin > 8) {
      const std::uint64_t middle = begin + (end - begin) / 2;
      if (low(middle) <= wanted)
        begin = middle;
      else
        end = middle;
    }
    for (; begin < end; ++begin)
      if (low(begin) == wanted) return static_cast<std::int64_t>(begin);
    return -1;
  }

  // The place of the h-th zero bit, h below the number of buckets.
  std::uint64_t zero(std::uint64_t h) const {
    const std::uint64_t start = samples_[h / kSample];
    int left = static_cast<int>(h % kSample);
    std::uint64_t word = start / 64;
    std::uint64_t zeros = ~high_[word] & (~std::uint64_t{0} << (start % 64));
    if (word + kWindow <= n_high_) {  // at once, without a branch for each word
      int before = bits::count(zeros), passed = 0, skipped = 0;
      for (std::uint64_t k = 1; k < kWindow; ++k) {
        const bool beyond = before <= left;
        passed += beyond;
        skipped = beyond ? before : skipped;
        before += bits::count(~high_[word + k]);
      }
      left -= skipped;
      zeros = passed == 0 ? zeros : ~high_[word + static_cast<std::uint64_t>(passed)];
      word += static_cast<std::uint64_t>(passed);
    }
    for (int here = bits::count(zeros); here <= left; here = bits::count(zeros)) {
      left -= here;
      zeros = ~high_[++word];
    }
    return 64 * word + static_cast<std::uint64_t>(bits::select(zeros, left));
  }

  // The low bits of id i. Up to 57 lie within 8 bytes, wherever they begin.
  std::uint64_t low(std::uint64_t i) const {
    const std::uint64_t at = i * static_cast<std::uint64_t>(low_bits_);
    if (low_bits_ == 0) return 0;
    if (low_bits_ <= 57) {
      const std::uint64_t byte = std::min(at / 8, last_low_);
      std::uint64_t word;
      std::memcpy(&word, reinterpret_cast<const unsigned char*>(low_) + byte, sizeof word);
      return word >> (at - 8 * byte) & low_mask_;
    }
    const std::uint64_t shift = at % 64;
    std::uint64_t value = low_[at / 64] >> shift;
    if (shift + static_cast<std::uint64_t>(low_bits_) > 64)
      value |= low_[at / 64 + 1] << (64 - shift);
    return value & low_mask_;
  }

  std::uint64_t size_ = 0, universe_ = 0;
  int low_bits_ = 0;
  std::uint64_t low_mask_ = 0;
  std::uint64_t last_low_ = 0;  // where the last 8 bytes of low begin
  std::uint64_t n_high_ = 0;
  const std::uint64_t* low_ = nullptr;
  const std::uint64_t* high_ = nullptr;
  const std::uint32_t* samples_ = nullptr;
};

// The ids of an index as versions 1 to 3 of the model file have it: l is floor(log2(u / k)), and
// samples, which this needs not, are others. std::invalid_argument where it holds no k increasing
// ids below the universe.
inline std::vector<std::uint64_t> ids_of_earlier_index(std::uint64_t size, std::uint64_t universe,
                                                       const std::uint64_t* low,
                                                       std::uint64_t n_low,
                                                       const std::uint64_t* high,
                                                       std::uint64_t n_high) {
  if (size > universe || universe >> 63)
    throw std::invalid_argument("an index must hold at most as many ids as its universe");
  std::vector<std::uint64_t> ids;
  if (size == 0) return ids;
  unsigned l = 0;
  while ((universe / size) >> (l + 1)) ++l;
  if (n_low != (size * l + 63) / 64)
    throw std::invalid_argument("the arrays of an index do not have the lengths of its size");
  ids.reserve(std::min(size, 64 * n_high));
  for (std::uint64_t word = 0; word < n_high && ids.size() < size; ++word)
    for (std::uint64_t left = high[word]; left != 0 && ids.size() < size; left &= left - 1) {
      const std::uint64_t rank = ids.size(), at = rank * l;
      const std::uint64_t place = 64 * word + static_cast<std::uint64_t>(bits::lowest(left));
      std::uint64_t id = (place - rank) << l;
      for (unsigned bit = 0; bit < l; ++bit)
        id |= (low[(at + bit) / 64] >> ((at + bit) % 64) & 1) << bit;
      if (id >= universe || (rank > 0 && id <= ids.back()))
        throw std::invalid_argument("an index is damaged: its ids do not increase");
      ids.push_back(id);
    }
  if (ids.size() != size)
    throw std::invalid_argument("an index is damaged: it does not hold as many ids as it says");
  return ids;
}

}  // namespace sparsecross
