// Tests that run on every instruction set of this machine.
#ifndef GFE_TEST_ISA_H
#define GFE_TEST_ISA_H

#include <stdlib.h>

#include "numerics/isa.h"
#include "support/test.h"

// Uses `isa` from now on; false if this binary or machine lacks it.
static inline bool isa_test_use(enum isa isa) {
  struct error error = {""};
  if (!isa_is_there(isa)) return false;
  setenv("GFE_ISA", isa_name((int)isa), 1);
  CHECK(isa_choose(&error) && isa_chosen() == isa, "%s", error.text);
  return true;
}

#endif
