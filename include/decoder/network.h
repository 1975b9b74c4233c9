// A network: layers whose parameters form one stretch of a block theta, and passes of rows of
// samples through it. Each layer takes the output of the previous one or, where branches begin or
// are summed, of an earlier one. A network knows neither loss nor flow: the decoder is a network
// with a loss, and networks that share a block (an encoder beside a decoder) share its optimiser
// and sums. Notation: src/decoder/README.md, "Passes through a network".
#ifndef GFE_NETWORK_H
#define GFE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/layer.h"
#include "ground/real.h"

// Weights and biases begin at whole vectors inside theta; the gaps are zero and stay zero.
struct network {
  size_t inputs, outputs;  // numbers in a sample
  size_t layer_count;
  struct layer *layers;             // owned
  size_t begin, end;                // its parameters within theta, gaps included
  size_t packed_begin, packed_end;  // its packed weights within the block of all of them
};

// The parameters in the form that passes take: theta, and the weights packed for products by
// network_pack().
struct network_values {
  const real *theta, *packed;
};

// The first of `count` layers, starting from `inputs` numbers, that does not fit, with the reason
// in *error; `count` if all fit.
size_t network_check(size_t inputs, size_t count, const struct layer_spec *specs,
                     struct error *error);

// The number of outputs of `count` layers that fit.
size_t network_outputs(size_t inputs, size_t count, const struct layer_spec *specs);

// A network from `inputs` numbers through `count` layers that fit; its parameters begin at element
// `begin` of theta, a multiple of REAL_PAD, and its packed weights at `packed_begin` of theirs.
// Inputs and outputs are flat: where a layer needs it, and at the end, a reshape is inserted, so
// there may be more than `count` layers.
struct network *network_create(size_t inputs, size_t count, const struct layer_spec *specs,
                               size_t begin, size_t packed_begin);
void network_destroy(struct network **network);

// A network of `count` of the outputs alone, in ascending order. Values and tangents have the same
// bits as in the whole network, and so have gradients if those of the other outputs are 0. `chains`
// (borrowed) are the ends of the chains of PRODUCT_CHAIN outputs of the whole, without empty ones,
// as network_excerpt_chains() finds them. Its parameters begin at element 0 of a theta of its own.
// NULL if the outputs are not those of dense layers and their sums.
struct network *network_excerpt(const struct network *network, size_t count, const size_t *chains);

// Fills chains [at most count].
void network_excerpt_chains(size_t count, const size_t *outputs, size_t *chains);

// Copies the excerpt's part of the theta of the whole network.
void network_excerpt_theta(const struct network *network, const struct network *excerpt,
                           const size_t *outputs, const real *theta, real *excerpt_theta);

// The dense layers without an activation whose sum is the output, into layers [at most
// network->layer_count], borrowed: the output is linear in their parameters. Returns how many there
// are; 0 if the output is something else.
size_t network_output_layers(const struct network *network, const struct layer **layers);

// The shape of the outputs of the last layer in the list (borrowed).
const struct layer_shape *network_shape(const struct network *network);

// Fills its part of theta with random numbers, a function of `seed` and of `first`, by which
// networks that share a block differ: the number of its first layer among all.
void network_initialise(const struct network *network, uint64_t seed, uint64_t first, real *theta);

// The number of parameters, gaps excluded.
size_t network_parameters(const struct network *network);

// Multiplications and additions for one sample of a pass forward and back to the input.
double network_flops(const struct network *network);

// Packs the network's weights, to be done after every change of theta. `work` has network_work()
// elements.
void network_pack(const struct network *network, const real *theta, real *packed, real *work);

// Whether that has been done, judged by a few weights: for assertions.
bool network_is_packed(const struct network *network, struct network_values values);

// Elements of work space that the layers need, one after the other.
size_t network_work(const struct network *network);

// ---- values: a = network(input), and gradients of functions of it ----

struct network_pass;  // owned by the caller of network_pass_create()

// Room for passes of up to `rows` rows through `network` (borrowed); network_pass_gradient() may be
// called only if it is created `with_parameters`, which takes more memory.
struct network_pass *network_pass_create(const struct network *network, size_t rows,
                                         bool with_parameters);
void network_pass_destroy(struct network_pass **pass);

// Bytes that network_pass_create() takes.
size_t network_pass_bytes(const struct network *network, size_t rows, bool with_parameters);

// The rows' inputs, to be filled before a pass: [rows][real_padded(inputs)], borrowed.
real *network_pass_input(struct network_pass *pass);

// The outputs, [rows][real_padded(outputs)] (borrowed, until the next pass). The backward pass
// starts from the same place: the caller replaces the outputs by d loss / d output, with zeros in
// the padding.
real *network_pass_forward(struct network_pass *pass, struct network_values values, size_t rows);

// What a layer of the network took in the last pass forward, [rows][layer_stride(&layer->from)]
// (borrowed, until the next pass).
const real *network_pass_taken(const struct network_pass *pass, const struct layer *layer);

// d loss / d input, [rows][real_padded(inputs)] (borrowed, until the next pass; the caller may add
// to it). Without `to_input`, if only the gradient of theta is wanted, it is NULL and takes less
// work.
real *network_pass_backward(struct network_pass *pass, struct network_values values, size_t rows,
                            bool to_input);

// The sum of d loss / d theta over rows first ... first + count - 1 of the last backward pass, into
// the network's part of `gradient`, which is shaped like theta.
void network_pass_gradient(struct network_pass *pass, size_t first, size_t count, real *gradient);

// Adds the same of each tile of `tile` rows, the last of which may have fewer, to exact sums over
// theta. `gradient`, shaped like theta, is work space.
void network_pass_sum_gradients(struct network_pass *pass, size_t rows, size_t tile, real *gradient,
                                struct reduction *sums);

// The part of a row's pass forward and back that the gradient of theta needs: its size in elements;
// copying it from a pass, and to a row of this or another pass through the same network (both
// created `with_parameters`).
size_t network_pass_size(const struct network *network);
void network_pass_take(const struct network_pass *pass, size_t row, real *to);
void network_pass_put(struct network_pass *pass, size_t row, const real *from);

// ---- values and tangents: forward over reverse ----

struct network_tangent;  // owned by the caller of network_tangent_create()

// A value and its tangent, [rows][real_padded(outputs)] each.
struct network_pair {
  real *value, *dot;
};

// As for a pass.
struct network_tangent *network_tangent_create(const struct network *network, size_t rows,
                                               bool with_parameters);
void network_tangent_destroy(struct network_tangent **tangent);
size_t network_tangent_bytes(const struct network *network, size_t rows, bool with_parameters);

// Inputs and directions, to be filled before a sweep: [rows][real_padded(inputs)], borrowed.
real *network_tangent_input(struct network_tangent *tangent);
real *network_tangent_direction(struct network_tangent *tangent);

// x and x_dot (borrowed, until the next sweep). The backward sweep starts from the same place: the
// caller replaces them by d loss / d x and its tangent.
struct network_pair network_tangent_forward(struct network_tangent *tangent,
                                            struct network_values values, size_t rows);

// The tangents of d loss / d input, [rows][real_padded(inputs)] (borrowed, until the next sweep;
// the caller may add to them).
real *network_tangent_backward(struct network_tangent *tangent, struct network_values values,
                               size_t rows);

// Adds the sum of d/dtheta [v . g] over rows first ... first + count - 1 to the network's part of
// `gradient`.
void network_tangent_gradient(struct network_tangent *tangent, size_t first, size_t count,
                              real *gradient);

#endif
