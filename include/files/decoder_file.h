// Decoders in HDF5 files: the group /decoder of results.h5, or one written elsewhere in the same
// form (postprocess/README.md).
#ifndef GFE_DECODER_FILE_H
#define GFE_DECODER_FILE_H

#include <stdbool.h>

#include "data/dataset.h"
#include "decoder/decoder.h"
#include "input/config.h"
#include "platform/comm.h"
#include "platform/h5.h"

// Reads latent, layers and loss from config->decoder.file into *config where the input file leaves
// them open; where both specify them, they must agree. The same applies to an encoder (group
// /encoder), unless run.model is gfe, and to the model itself. *scaling (owned by the caller) is
// NULL if the file has none. Not collective: rank 0 calls it.
bool decoder_file_describe(struct config *config, struct scaling **scaling, struct error *error);

// Reads the parameters into `decoder`, which was set up by decoder_file_describe(). Those of an
// encoder are left unchanged if the file has none. Not collective.
bool decoder_file_read(const char *path, struct decoder *decoder, struct error *error);

// Declares the group /decoder in a file being created by rank 0, with all attributes, and /encoder
// if there is one.
void decoder_file_declare(struct h5_file *file, const struct decoder *decoder,
                          const struct scaling *scaling, const char *shape);

// The scaling in the group /decoder of the file `name`, whose samples have n entries, owned by the
// caller; NULL if there is none. False with a message if it cannot be applied. Not collective.
bool decoder_file_read_scaling(struct h5_file *file, const char *name, size_t n,
                               struct scaling **scaling, struct error *error);

// Declares the scaling in the group /decoder, by rank 0; then writes its numbers, collectively.
void decoder_file_declare_scaling(struct h5_file *file, const struct scaling *scaling);
void decoder_file_write_scaling(struct h5_file *file, const struct scaling *scaling, int rank);

// Declares the weight and bias of a layer that has them, or arrays of the same shapes, in
// `group`/layer_NUMBER, which must not exist yet.
void decoder_file_declare_layer(struct h5_file *file, const char *group, const struct layer *layer,
                                const char *description);

// Writes rank 0's values of a network's part of theta, or of an array `values` of the same shape,
// to `group` ("/decoder" or "/encoder" for the parameters). Collective.
void decoder_file_write(struct h5_file *file, const char *group, const struct network *network,
                        const real *values, int rank);

#endif
