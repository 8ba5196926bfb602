// The container of a model: a header, a directory and blocks of numbers (docs/file_format.md).
//
// Problem: find a block of a file by its name and see its elements where they lie.
// Given:   a file of version 4.
// Result:  every block lies within the file, apart from all others, at a multiple of 8, and holds
//          whole elements; what is wrong is said by a std::runtime_error that names the file.
// Cost:    opening: the checksum of the directory, a few checks for each block, and no look at what
//          is in them; verify(): a pass over the block. Memory: the mapped file.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if !defined(SPARSECROSS_NO_MMAP) && (defined(__unix__) || defined(__APPLE__))
#define SPARSECROSS_MMAP
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#endif

#include "support/crc32.hpp"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are seen in place, which needs a little-endian processor"
#endif

namespace sparsecross {

namespace detail {

// The bytes of a file, aligned for numbers of 8 bytes: mapped where there is mmap (define
// SPARSECROSS_NO_MMAP to do without), else read. A mapped file may be replaced, but not be altered.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path) {
#ifdef SPARSECROSS_MMAP
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) fail(path, std::strerror(errno));
    struct stat about;
    const bool regular = ::fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    void* mapped = nullptr;
    if (regular && about.st_size > 0) {
      size_ = static_cast<std::size_t>(about.st_size);
      mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    }
    const int reason = errno;
    ::close(file);
    if (!regular) fail(path, "it is not a regular file");
    if (mapped == MAP_FAILED) fail(path, std::strerror(reason));
    bytes_ = static_cast<const unsigned char*>(mapped);
#else
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
    if (size < 0) fail(path, "it cannot be opened");
    size_ = static_cast<std::size_t>(size);
    read_.reset(new unsigned char[size_]);  // new aligns it for whatever has its size
    file.seekg(0);
    if (!file.read(reinterpret_cast<char*>(read_.get()), size)) fail(path, "it cannot be read");
    bytes_ = read_.get();
#endif
  }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes() {
#ifdef SPARSECROSS_MMAP
    if (bytes_ != nullptr) ::munmap(const_cast<unsigned char*>(bytes_), size_);
#endif
  }

  const unsigned char* data() const { return bytes_; }
  std::size_t size() const { return size_; }

 private:
  [[noreturn]] static void fail(const std::string& path, const char* why) {
    throw std::runtime_error("cannot read '" + path + "': " + why);
  }

  std::size_t size_ = 0;
  const unsigned char* bytes_ = nullptr;
#ifndef SPARSECROSS_MMAP
  std::unique_ptr<unsigned char[]> read_;
#endif
};

}  // namespace detail

class BlockFile {
 public:
  enum Type : std::uint32_t { u8 = 1, i32, i64, u64, f32, f64, u32, f16, i16 };

  struct Block {
    std::string name;
    Type type;
    std::uint32_t checksum;
    const unsigned char* bytes;
    std::uint64_t n_bytes;

    std::uint64_t size() const { return n_bytes / bytes_of(type); }
    template <class T>
    const T* elements() const {
      return reinterpret_cast<const T*>(bytes);
    }
  };

  explicit BlockFile(const std::string& path) : path_(path), file_(path) {
    const std::uint64_t end = read_header();
    std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
    for (std::uint64_t at = kHeader; at < end; at += kEntry) extents.push_back(read_entry(at, end));
    std::sort(extents.begin(), extents.end());
    for (std::size_t b = 1; b < extents.size(); ++b)
      if (extents[b].first < extents[b - 1].second) damaged("two of its blocks overlap");
  }

  const Block& block(const std::string& name) const {
    const auto found = blocks_.find(name);
    if (found == blocks_.end()) damaged("block '" + name + "' is missing");
    return found->second;
  }

  const Block& block(const std::string& name, Type type) const {
    const Block& found = block(name);
    if (found.type != type) damaged("block '" + name + "' has elements of another type");
    return found;
  }

  // To be called before a block's elements are looked at.
  void verify(const Block& block) const {
    if (crc32(block.bytes, block.n_bytes) != block.checksum)
      damaged("the checksum of block '" + block.name + "' is wrong");
  }

  [[noreturn]] void damaged(const std::string& what) const {
    throw std::runtime_error("'" + path_ + "' is not a whole sparsecross model: " + what);
  }

  const std::string& path() const { return path_; }

 private:
  static constexpr std::uint64_t kHeader = 32, kEntry = 32, kAlignment = 8, kName = 8;

  // 0 for what is no type.
  static std::uint64_t bytes_of(std::uint32_t type) {
    constexpr std::uint64_t kBytes[] = {0, 1, 4, 8, 8, 4, 8, 4, 2, 2};
    return type <= i16 ? kBytes[type] : 0;
  }

  template <class T>
  T number(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }

  // Where the directory ends.
  std::uint64_t read_header() const {
    const unsigned char* const bytes = file_.data();
    if (file_.size() < kHeader) damaged("it is shorter than a header");
    if (std::memcmp(bytes, "\x89SXM\r\n\x1a\n", 8) != 0)
      damaged("it does not begin with the signature of one");
    const auto version = number<std::uint32_t>(8);
    if (version != 4)
      throw std::runtime_error("'" + path_ + "' has format version " + std::to_string(version) +
                               " and this reader reads version 4: " +
                               (version > 4 ? "a newer reader is needed"
                                            : "load and save it with Python to bring it to that"));
    if (number<std::uint32_t>(28) != 0) damaged("bytes 28 to 31 of its header are not 0");
    if (number<std::uint64_t>(16) != file_.size())
      damaged("its header says another number of bytes");
    const std::uint64_t end = kHeader + kEntry * number<std::uint32_t>(12);
    if (end > file_.size()) damaged("its directory does not fit");
    unsigned char unsigned_header[kHeader];
    std::memcpy(unsigned_header, bytes, kHeader);
    std::memset(unsigned_header + 24, 0, 4);
    const std::uint32_t of_header = crc32(unsigned_header, kHeader);
    if (crc32(bytes + kHeader, end - kHeader, of_header) != number<std::uint32_t>(24))
      damaged("the checksum of its directory is wrong");
    return end;
  }

  // Where the block of the directory's entry at `at` begins and ends.
  std::pair<std::uint64_t, std::uint64_t> read_entry(std::uint64_t at, std::uint64_t end) {
    std::string name(reinterpret_cast<const char*>(file_.data() + at), kName);
    name.erase(name.find_last_not_of('\0') + 1);
    const auto type = number<std::uint32_t>(at + 8);
    const auto offset = number<std::uint64_t>(at + 16), n_bytes = number<std::uint64_t>(at + 24);
    const std::uint64_t each = bytes_of(type), size = file_.size();
    if (each == 0 || offset % kAlignment != 0 || offset < end || offset > size ||
        n_bytes > size - offset || n_bytes % each != 0)
      damaged("an entry of its directory makes no sense");
    const Block block{name, static_cast<Type>(type), number<std::uint32_t>(at + 12),
                      file_.data() + offset, n_bytes};
    if (!blocks_.emplace(std::move(name), block).second) damaged("two of its blocks have one name");
    return {offset, offset + n_bytes};
  }

  const std::string path_;
  const detail::FileBytes file_;
  std::map<std::string, Block> blocks_;
};

}  // namespace sparsecross
