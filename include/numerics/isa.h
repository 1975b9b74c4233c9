// Which instruction set the kernels use. A kernel is a source that is compiled once per set (see
// numerics/vector.h) and gives the same bits in each, so the choice is one of speed alone.
#ifndef GFE_ISA_H
#define GFE_ISA_H

#include <stdbool.h>

#include "ground/error.h"

enum isa { ISA_PLAIN, ISA_NEON, ISA_AVX2, ISA_AVX512, ISA_COUNT };

// "plain", "neon", "avx2", "avx512"; NULL beyond the last.
const char *isa_name(int isa);

// Whether this binary has kernels for a set and this CPU runs them.
bool isa_is_there(enum isa isa);

// The set in use: the fastest one available, unless isa_choose() has selected another.
enum isa isa_chosen(void);

// Selects the set named by the environment variable GFE_ISA, if it is set. False with a message in
// *error if there is no such set or the CPU does not support it. To be called before the first
// product.
bool isa_choose(struct error *error);

// The variants of a table of kernels, indexed by the set: NULL where this binary has none.
#if defined __x86_64__
#define ISA_VARIANTS(type, name)                              \
  extern const type name##_plain, name##_avx2, name##_avx512; \
  static const type *const name##_variants[ISA_COUNT] = {     \
      [ISA_PLAIN] = &name##_plain, [ISA_AVX2] = &name##_avx2, [ISA_AVX512] = &name##_avx512}
#elif defined __aarch64__
#define ISA_VARIANTS(type, name)                          \
  extern const type name##_plain, name##_neon;            \
  static const type *const name##_variants[ISA_COUNT] = { \
      [ISA_PLAIN] = &name##_plain, [ISA_NEON] = &name##_neon}
#else
#define ISA_VARIANTS(type, name)  \
  extern const type name##_plain; \
  static const type *const name##_variants[ISA_COUNT] = {[ISA_PLAIN] = &name##_plain}
#endif

#endif
