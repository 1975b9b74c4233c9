// The linear layer of a decoder: either the whole decoder, or the second branch of a residual that
// is the whole decoder.
#ifndef GFE_POD_BRANCH_H
#define GFE_POD_BRANCH_H

#include "decoder/decoder.h"
#include "engine/pod.h"

// The dense layer without activation from the network's input to its output, alone or as the second
// branch of a last residual; NULL if there is none. Borrowed.
const struct layer *pod_branch_find(const struct network *network);

// The same for a list of layers: how many the first branch has; 0 if there is no such residual.
int64_t pod_branch_beside(int64_t count, const struct layer_spec *specs);

// The linear layer as a POD whose modes need not be orthogonal: its codes are those that the linear
// layer alone decodes best. Owned.
struct pod *pod_branch_take(const struct decoder *decoder);

#endif
