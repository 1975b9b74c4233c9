// Layers of a network: pure functions on rows of samples. A layer computes sums s from its input a;
// the activation (activation.h) turns them into the next input. There is one file layer_*.c and one
// row of the table in layer.c per kind. The backward products are written in terms of the forward
// one.
//
// Numbers without spatial order are flat: a row of real_padded(width) of them per sample. A field
// has channels and space axes; it is stored channels last, with a row of real_padded(channels)
// numbers per position, so that each position is a row of a product. (A flat row is a field of one
// position.) Flattened, a field is channel by channel, in C order. Padding is zero.
#ifndef GFE_LAYER_H
#define GFE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/activation.h"
#include "decoder/convolution.h"
#include "decoder/extension.h"
#include "ground/error.h"
#include "ground/real.h"
#include "numerics/product.h"
#include "numerics/reduction.h"

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

enum { LAYER_AXES = 1 + CONVOLUTION_AXES };  // channels and space

// Numbers of the input file, one per axis; a single one stands for all axes.
struct layer_sizes {
  int64_t count, value[LAYER_AXES];
};

// A layer as described in the input file. Plain data.
struct layer_spec {
  enum layer_kind kind;
  int64_t width;  // dense: outputs; conv, conv_transpose: channels
  enum activation_kind activation;
  double slope;  // of a leaky_relu below 0
  struct layer_sizes kernel, stride, padding, output_padding;
  enum padding_mode padding_mode;  // conv
  struct layer_sizes sizes;        // reshape: the new shape; upsample: factors
  // residual: numbers of layers in its two branches, which precede it in the list one after the
  // other and start from the same layer; a branch without layers is that layer itself.
  int64_t branch[2];
};

// Whether two layers are the same, apart from what precedes them.
bool layer_spec_equal(const struct layer_spec *a, const struct layer_spec *b);

// Channels first; a single axis if flat. A weight has one axis more.
struct layer_shape {
  size_t axes, size[LAYER_AXES + 1];
};

// The text "64 x 8 x 8".
enum { LAYER_SHAPE_TEXT = 96 };
const char *layer_shape_text(const struct layer_shape *shape, char text[LAYER_SHAPE_TEXT]);

// A layer at its place in a network.
struct layer {
  enum layer_kind kind;
  enum activation_kind activation;
  struct layer_spec spec;
  size_t number;  // in the input file's list; LAYER_NONE for layers inserted by the program
  struct layer_shape from, to;
  size_t inputs, outputs;            // numbers in them
  size_t weight_rows, weight_count;  // first axis and elements of the weight
  size_t bias_count;
  size_t weight, bias;         // where they begin in the block of all parameters
  size_t packed;               // and in the block of all packed weights
  struct convolution map;      // conv, conv_transpose, upsample: how the fields are connected
  struct extension extension;  // conv: padding of its input with other values than zeros
  size_t sources;              // 1, or 2 if the outputs of two layers are summed
  size_t source[2];            // layers whose outputs it takes; LAYER_NONE: the network's input
  bool shared[2];              // a later layer, or its own other source, uses the same output
  bool sole[2];                // no other layer uses the same output
  // dense: ends of the chains of products over its outputs, as in product_matrix; borrowed; NULL
  // except in an excerpt
  const size_t *chains;
};
#define LAYER_NONE SIZE_MAX

// A pass of samples through a layer. theta and packed are the blocks of all parameters and of all
// packed weights; `work` has layer_work() elements.
struct layer_rows {
  size_t samples;
  const real *theta, *packed;
  real *work;
};

// The terms whose sum is a gradient of the parameters: delta_s a^T for the weight and, if `affine`,
// delta_s for the bias.
struct layer_pairs {
  const real *delta_s, *a;
  bool affine;
};

// `finish` acts on rows of s or delta_a, one per position of each sample, as soon as they are
// complete; NULL: nothing remains to be done.
struct layer_ops {
  const char *name;
  bool flat;           // takes and returns only flat numbers
  bool weight_in_out;  // the weight's axes are (in, out, kernel ...)
  // Completes a layer whose kind, activation, number and from are set; false with the reason in
  // *error if the shapes do not fit.
  bool (*place)(struct layer *layer, const struct layer_spec *spec, struct error *error);
  // The bound of the uniform distribution for initial parameters; NULL for layers without any.
  double (*bound)(const struct layer *layer);
  // Elements of work space; NULL if none is needed.
  size_t (*work)(const struct layer *layer);
  // Number of elements of its packed weights, and packing them; NULL if there are none.
  size_t (*packed)(const struct layer *layer);
  void (*pack)(const struct layer *layer, const real *theta, real *packed, real *work);
  // s = W a + b, without b unless `affine`.
  void (*forward)(const struct layer *layer, const struct layer_rows *rows, const real *a,
                  bool affine, const struct product_finish *finish, real *s);
  // delta_a = W^T delta_s; `add`: added to it.
  void (*backward_input)(const struct layer *layer, const struct layer_rows *rows,
                         const real *delta_s, bool add, const struct product_finish *finish,
                         real *delta_a);
  // NULL without parameters. gradient = sum over samples of delta_s a^T for the weight and, if
  // `affine`, of delta_s for the bias; `add`: added to it.
  void (*backward_parameters)(const struct layer *layer, const struct layer_rows *rows,
                              const real *delta_s, const real *a, bool affine, bool add,
                              real *gradient);
  // The same for two products; NULL: one after the other.
  void (*backward_parameters_both)(const struct layer *layer, const struct layer_rows *rows,
                                   const struct layer_pairs pairs[2], bool add, real *gradient);
  // NULL: by backward_parameters. Adds the gradients of each tile of `tile` samples, the last of
  // which may have fewer, to exact sums over all parameters.
  void (*sum_parameters)(const struct layer *layer, const struct layer_rows *rows, size_t tile,
                         const real *delta_s, const real *a, struct reduction *sums);
};

extern const struct layer_ops layer_dense, layer_reshape, layer_conv, layer_conv_transpose,
    layer_upsample, layer_residual;

const struct layer_ops *layer_ops(enum layer_kind kind);

// Whether an input or output is a field.
static inline bool layer_is_field(const struct layer_shape *shape) { return shape->axes > 1; }

// The number of entries of a shape.
size_t layer_shape_size(const struct layer_shape *shape);

// Fills weight and bias; `index` is the layer's number among those that share theta.
void layer_initialise(const struct layer *layer, uint64_t seed, uint64_t index, real *theta);

// Of a shape: its positions (1 if flat); the numbers per position; the elements of a sample in
// memory.
size_t layer_positions(const struct layer_shape *shape);
size_t layer_channels(const struct layer_shape *shape);
size_t layer_stride(const struct layer_shape *shape);

size_t layer_work(const struct layer *layer);

// Expands sizes (`what` names them) to one for each of `axes` axes; false with the reason in *error
// if their number is neither `axes` nor one.
bool layer_expand(const struct layer_sizes *sizes, size_t axes, const char *what, size_t *value,
                  struct error *error);

// The shape of a weight: (out, in) or (out, in, kernel ...); (in, out, kernel ...) of transposed
// convolutions.
void layer_weight_shape(const struct layer *layer, struct layer_shape *shape);

// Stores the shape unless it is too large.
bool layer_set_output(struct layer *layer, const struct layer_shape *to, struct error *error);

#endif
