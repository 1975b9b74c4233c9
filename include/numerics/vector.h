// The vectors of the instruction set for which a kernel is being compiled. Only kernels include
// this header: the sources in the meson list `kernels`, compiled once per set with -DGFE_ISA=SET.
// Everything but the fused multiply-add and the broadcast is written with the compiler's vector
// extensions or as plain loops.
//
// Bits: no compiler contracts a * b + c here (-ffp-contract=off), so a kernel uses vector_fma()
// explicitly where it is wanted, and results do not depend on the number of lanes of a vector.
#ifndef GFE_VECTOR_H
#define GFE_VECTOR_H

#include <math.h>
#include <stddef.h>

#include "ground/real.h"

#define VECTOR_JOIN(name, set) name##_##set
#define VECTOR_JOINED(name, set) VECTOR_JOIN(name, set)
#define VECTOR_VARIANT(name) VECTOR_JOINED(name, GFE_ISA)  // name_avx512, name_avx2, ...

// TILE_ROWS: the number of rows of a register tile that is two vectors wide.
#if defined GFE_ISA_avx512
#include <immintrin.h>
enum { VECTOR_BYTES = 64, TILE_ROWS = 12 };
#elif defined GFE_ISA_avx2
#include <immintrin.h>
enum { VECTOR_BYTES = 32, TILE_ROWS = 6 };
#elif defined GFE_ISA_neon
#include <arm_neon.h>
enum { VECTOR_BYTES = 16, TILE_ROWS = 12 };
#else
enum { VECTOR_BYTES = 16, TILE_ROWS = 4 };
#endif

// Unrolls a loop over registers completely; otherwise they would become an array in memory.
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { LANES = VECTOR_BYTES / sizeof(real) };
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef vector vector_at __attribute__((aligned(sizeof(real)), may_alias));  // anywhere in memory

static inline vector vector_load(const real *from) { return *(const vector_at *)from; }
static inline void vector_store(real *to, vector x) { *(vector_at *)to = x; }

static inline vector vector_all(real x) {
#if defined GFE_ISA_avx512 && defined GFE_DOUBLE
  return (vector)_mm512_set1_pd(x);
#elif defined GFE_ISA_avx512
  return (vector)_mm512_set1_ps(x);
#elif defined GFE_ISA_avx2 && defined GFE_DOUBLE
  return (vector)_mm256_set1_pd(x);
#elif defined GFE_ISA_avx2
  return (vector)_mm256_set1_ps(x);
#else
  vector v;
  for (size_t i = 0; i < LANES; i++) v[i] = x;
  return v;
#endif
}

// a b + c, rounded once.
static inline vector vector_fma(vector a, vector b, vector c) {
#if defined GFE_ISA_avx512 && defined GFE_DOUBLE
  return (vector)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined GFE_ISA_avx512
  return (vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined GFE_ISA_avx2 && defined GFE_DOUBLE
  return (vector)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined GFE_ISA_avx2
  return (vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined GFE_ISA_neon && defined GFE_DOUBLE
  return (vector)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined GFE_ISA_neon
  return (vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  vector v;
  for (size_t i = 0; i < LANES; i++) v[i] = real_fma(a[i], b[i], c[i]);
  return v;
#endif
}

#endif
