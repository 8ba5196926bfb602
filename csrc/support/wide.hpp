// Loops for wider vectors than every processor of a kind has, chosen when the program runs.
#pragma once

namespace sparsecross {

#if defined(__x86_64__)
namespace detail {
template <class F>
[[gnu::target("avx2"), gnu::flatten]] inline auto call_avx2(const F& f) {
  return f();
}
}  // namespace detail

// f(), with its loops compiled twice: for the vectors that every processor has, and for AVX2's.
// Products and sums are not fused, so that both give the same bits.
template <class F>
[[gnu::flatten]] inline auto widely(const F& f) {
  static const bool avx2 = __builtin_cpu_supports("avx2");
  return avx2 ? detail::call_avx2(f) : f();
}
#else
template <class F>
inline auto widely(const F& f) {
  return f();
}
#endif

}  // namespace sparsecross
