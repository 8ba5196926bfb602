// The checksum of zlib and PNG.
//
// Problem: CRC-32 of a sequence of bytes, polynomial 0xEDB88320, least significant bits first.
// Given:   the bytes, all at once or piece by piece.
// Result:  what zlib's crc32 returns; crc32(b, crc32(a)) is that of a followed by b.
// Cost:    eight look-ups for eight bytes, which do not wait for one another; 8 KiB of tables, made
//          by the compiler.
// Source:  Kounavis & Berry 2005, "A systematic approach to building high performance software-
//          based CRC generators" (slicing by 8).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sparsecross {

namespace detail {

// after[z][b]: what byte b leaves behind when z zero bytes have followed it.
struct Crc32Tables {
  std::uint32_t after[8][256] = {};
  constexpr Crc32Tables() {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t left = byte;
      for (int bit = 0; bit < 8; ++bit) left = (left >> 1) ^ ((left & 1) != 0 ? 0xEDB88320u : 0u);
      after[0][byte] = left;
    }
    for (int zeros = 1; zeros < 8; ++zeros)
      for (int byte = 0; byte < 256; ++byte) {
        const std::uint32_t before = after[zeros - 1][byte];
        after[zeros][byte] = (before >> 8) ^ after[0][before & 255];
      }
  }
};
inline constexpr Crc32Tables kCrc32;

}  // namespace detail

inline std::uint32_t crc32(const unsigned char* bytes, std::size_t size, std::uint32_t before = 0) {
  const auto& after = detail::kCrc32.after;
  const auto word = [](const unsigned char* b) {
    return static_cast<std::uint32_t>(b[0]) | static_cast<std::uint32_t>(b[1]) << 8 |
           static_cast<std::uint32_t>(b[2]) << 16 | static_cast<std::uint32_t>(b[3]) << 24;
  };
  std::uint32_t sum = ~before;
  for (; size >= 8; bytes += 8, size -= 8) {
    const std::uint32_t first = word(bytes) ^ sum, second = word(bytes + 4);
    sum = after[7][first & 255] ^ after[6][first >> 8 & 255] ^ after[5][first >> 16 & 255] ^
          after[4][first >> 24] ^ after[3][second & 255] ^ after[2][second >> 8 & 255] ^
          after[1][second >> 16 & 255] ^ after[0][second >> 24];
  }
  for (; size > 0; ++bytes, --size) sum = (sum >> 8) ^ after[0][(sum ^ *bytes) & 255];
  return ~sum;
}

}  // namespace sparsecross
