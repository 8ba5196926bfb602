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

// f(), with its loops compiled twice where it is worth the space: for the vectors that every
// processor has, and for AVX2's. Products and sums are not fused, so that both give the same bits.
template <bool worth = true, class F>
inline auto widely(const F& f) {
  if constexpr (worth) {
    static const bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2) return detail::call_avx2(f);
  }
  return f();
}
#else
template <bool worth = true, class F>
inline auto widely(const F& f) {
  return f();
}
#endif

}  // namespace sparsecross
