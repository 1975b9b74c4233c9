// The linear layer of a decoder: all of it, or the second branch of a residual that is all of it.
#ifndef GFE_POD_BRANCH_H
#define GFE_POD_BRANCH_H

#include "decoder/decoder.h"
#include "engine/pod.h"

// The dense layer without activation from the network's input to its output, alone or as the second
// branch of a last residual; NULL if there is none. Borrowed.
const struct layer *pod_branch_find(const struct network *network);

// The same of a list of layers: how many stand in the first branch; 0 if there is no such residual.
int64_t pod_branch_beside(int64_t count, const struct layer_spec *specs);

// What the linear layer decodes to, as a POD whose modes need not stand at right angles: its codes
// are those for which the linear layer alone is best. Owned.
struct pod *pod_branch_take(const struct decoder *decoder);

#endif
