// Whether training.copies and the other keys go together.
#ifndef GFE_CONFIG_COPIES_H
#define GFE_CONFIG_COPIES_H

#include <stdbool.h>

#include "input/config_check.h"

// As config_check(). With copies the latent of the pass before is another copy's: flows begin anew,
// training.warm_start = false.
bool config_check_copies(const struct config_input *input, struct config *config);

#endif
