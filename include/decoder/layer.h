// Layers of a network: pure functions on rows of samples. A layer computes sums s from its input a;
// the activation (activation.h) makes the next input of them. One file layer_*.c and one row of the
// table in layer.c per kind. The backward products quote the forward one.
//
// Numbers without order are flat: arrays of rows, of stride real_padded(width). A field has
// channels and axes of space, and its rows are kept transposed, in blocks of LAYER_ROWS samples:
// [channel][position][sample], so that whatever moves through space moves LAYER_ROWS numbers at a
// time, and a product takes the samples of a block as neighbouring columns. A block begins where
// its rows would. Flattened, a field is channel by channel, in C order.
#ifndef GFE_LAYER_H
#define GFE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/activation.h"
#include "decoder/patches.h"
#include "decoder/placement.h"
#include "ground/error.h"
#include "ground/real.h"

enum layer_kind {
  LAYER_DENSE,
  LAYER_RESHAPE,
  LAYER_CONV,
  LAYER_CONV_TRANSPOSE,
  LAYER_UPSAMPLE,  // nearest
  LAYER_RESIDUAL,  // the sum of two branches
  LAYER_KINDS
};
const char *layer_name(int kind);

enum {
  LAYER_AXES = 1 + PATCHES_AXES,  // channels and space
  LAYER_ROWS = PLACEMENT_ROWS     // samples of a block
};

// Numbers of the input file, one per axis; a single one stands for all axes.
struct layer_sizes {
  int64_t count, value[LAYER_AXES];
};

// What the input file says of a layer. Plain data.
struct layer_spec {
  enum layer_kind kind;
  int64_t width;  // dense: outputs; conv, conv_transpose: channels
  enum activation_kind activation;
  struct layer_sizes kernel, stride, padding, output_padding;
  struct layer_sizes sizes;  // reshape: the new shape; upsample: factors
  // residual: layers of its two branches, which stand before it in the list one after the other and
  // begin from the same layer; no layers: what the other begins from.
  int64_t branch[2];
};

// Whether two layers are the same, but for what stands before them.
bool layer_spec_equal(const struct layer_spec *a, const struct layer_spec *b);

// Channels first; a single axis if flat. A weight has one axis more.
struct layer_shape {
  size_t axes, size[LAYER_AXES + 1];
};

// The text "64 x 8 x 8".
enum { LAYER_SHAPE_TEXT = 96 };
const char *layer_shape_text(const struct layer_shape *shape, char text[LAYER_SHAPE_TEXT]);

// A layer in its place.
struct layer {
  enum layer_kind kind;
  enum activation_kind activation;
  struct layer_spec spec;
  size_t number;  // in the input file's list, in which LAYER_NONE stands for layers of our own
  struct layer_shape from, to;
  size_t inputs, outputs;            // numbers in them
  size_t weight_rows, weight_count;  // first axis and elements of the weight
  size_t bias_count;
  size_t weight, bias;     // where they begin in the block of all parameters
  struct patches patches;  // conv, conv_transpose, upsample: how the fields are connected
  size_t sources;          // 1, or 2 if the outputs of two layers are summed
  size_t source[2];        // layers whose outputs it takes; LAYER_NONE: the network's input
  bool shared[2];          // a later layer, or its own other source, takes the same
};
#define LAYER_NONE SIZE_MAX

// theta, and the gradient arrays, are blocks of all parameters. `work` has layer_work() elements.
// Rows of fields come in whole blocks.
struct layer_ops {
  const char *name;
  bool flat;           // takes and gives numbers without order only
  bool weight_in_out;  // the weight's axes are (in, out, kernel ...)
  // Completes a layer of which kind, activation, number and from are set; false with the reason in
  // *error if the shapes do not fit.
  bool (*place)(struct layer *layer, const struct layer_spec *spec, struct error *error);
  // NULL without parameters: the bound of the uniform distribution they begin with.
  double (*bound)(const struct layer *layer);
  // Elements of work space, NULL for none.
  size_t (*work)(const struct layer *layer);
  // s = W a, without the bias.
  void (*forward)(const struct layer *layer, const real *theta, size_t rows, const real *a, real *s,
                  real *work);
  // delta_a = W^T delta_s; `add`: added to it.
  void (*backward_input)(const struct layer *layer, const real *theta, size_t rows,
                         const real *delta_s, bool add, real *delta_a, real *work);
  // NULL without parameters. gradient = sum over rows of delta_s a^T for the weight, and over the
  // first bias_rows rows of delta_s for the bias; `add`: added to it.
  void (*backward_parameters)(const struct layer *layer, size_t rows, size_t bias_rows,
                              const real *delta_s, const real *a, bool add, real *gradient,
                              real *work);
  // NULL without products. Narrows the rule of placement until it holds for them.
  void (*narrow)(const struct layer *layer, struct placement_rule *rule);
};

extern const struct layer_ops layer_dense, layer_reshape, layer_conv, layer_conv_transpose,
    layer_upsample, layer_residual;

const struct layer_ops *layer_ops(enum layer_kind kind);

// Whether an input or output is a field.
static inline bool layer_is_field(const struct layer_shape *shape) { return shape->axes > 1; }

// Numbers in a shape.
size_t layer_shape_size(const struct layer_shape *shape);

// Fills weight and bias; `index` is the layer's number among those that share theta.
void layer_initialise(const struct layer *layer, uint64_t seed, uint64_t index, real *theta);

// Rows that share one block of layer_block() * real_padded(outputs) numbers: 1 if the output is
// flat.
size_t layer_block(const struct layer *layer);

// The bias of such a block. Returns where it stands in theta if it can be taken from there, else
// `bias`, of layer_bias_size() elements and zero at first, filled; NULL if there is none to add.
const real *layer_bias(const struct layer *layer, const real *theta, real *bias);
size_t layer_bias_size(const struct layer *layer);

size_t layer_work(const struct layer *layer);

// Sizes of one kind for each of `axes` axes, `what` names them; false with the reason in *error if
// their number is neither that nor one.
bool layer_expand(const struct layer_sizes *sizes, size_t axes, const char *what, size_t *value,
                  struct error *error);

// The shape of a weight: (out, in) or (out, in, kernel ...); (in, out, kernel ...) of transposed
// convolutions.
void layer_weight_shape(const struct layer *layer, struct layer_shape *shape);

// Stores the shape, if it is not too large.
bool layer_set_output(struct layer *layer, const struct layer_shape *to, struct error *error);

#endif
