// Memory that begins as zeros, page by page as it is touched.
#pragma once

#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace sparsecross {

// An array of n zeros. Large ones ask for huge pages: random access to a table of tens of megabytes
// misses the address cache at nearly each step otherwise.
template <class T>
class Zeroed {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Zeroed() = default;
  explicit Zeroed(std::size_t n) : size_(n) {
    if (n == 0) return;
    if (n > kMost / sizeof(T)) throw std::bad_alloc();
    bytes_ = (n * sizeof(T) + kPage - 1) / kPage * kPage;
#if defined(__linux__)
    void* const found =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    if (bytes_ >= kHuge) madvise(found, bytes_, MADV_HUGEPAGE);  // a wish: refused is as good
#else
    void* const found = std::calloc(bytes_, 1);
    if (!found) throw std::bad_alloc();
#endif
    data_ = static_cast<T*>(found);
  }
  Zeroed(Zeroed&& other) noexcept { swap(other); }
  Zeroed& operator=(Zeroed&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Zeroed() {
    if (!data_) return;
#if defined(__linux__)
    munmap(data_, bytes_);
#else
    std::free(data_);
#endif
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kPage = 4096, kHuge = std::size_t{4} << 20;
  static constexpr std::size_t kMost = std::size_t{1} << 62;

  void swap(Zeroed& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(bytes_, other.bytes_);
  }

  T* data_ = nullptr;
  std::size_t size_ = 0, bytes_ = 0;
};

}  // namespace sparsecross
