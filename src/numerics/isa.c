#include "numerics/isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[ISA_COUNT] = {
    [ISA_PLAIN] = "plain", [ISA_NEON] = "neon", [ISA_AVX2] = "avx2", [ISA_AVX512] = "avx512"};

static enum isa chosen;

const char *isa_name(int isa) { return isa >= 0 && isa < ISA_COUNT ? names[isa] : NULL; }

bool isa_is_there(enum isa isa) {
  if (isa == ISA_PLAIN) return true;
#if defined __x86_64__
  if (isa == ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == ISA_AVX512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined __aarch64__
  if (isa == ISA_NEON) return true;
#endif
  return false;
}

// Before main(), so that the choice is made before there are threads.
__attribute__((constructor)) static void choose_fastest(void) {
#if defined __x86_64__
  __builtin_cpu_init();
#endif
  for (enum isa isa = ISA_PLAIN; isa < ISA_COUNT; isa++)
    if (isa_is_there(isa)) chosen = isa;
}

enum isa isa_chosen(void) { return chosen; }

bool isa_choose(struct error *error) {
  const char *wanted = getenv("GFE_ISA");
  if (wanted == NULL || wanted[0] == '\0') return true;
  const char *there[ISA_COUNT];
  size_t count = 0;
  for (enum isa isa = ISA_PLAIN; isa < ISA_COUNT; isa++) {
    if (!isa_is_there(isa)) continue;
    if (strcmp(wanted, names[isa]) == 0) {
      chosen = isa;
      return true;
    }
    there[count++] = names[isa];
  }
  char list[64] = "";
  for (size_t i = 0; i < count; i++) {
    strcat(list, i == 0 ? "" : i + 1 < count ? ", " : " or ");
    strcat(list, there[i]);
  }
  return error_set(error, "environment variable GFE_ISA = %.32s: must be %s on this CPU", wanted,
                   list);
}
