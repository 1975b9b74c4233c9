// Encoding with the observed outputs alone gives the bits of encoding with all of them.
#include <string.h>

#include "decoder/activation.h"
#include "engine/curvature.h"
#include "engine/ensemble.h"
#include "engine/observation.h"
#include "engine/ranking.h"
#include "engine/uncertainty.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

// Outputs in three chains of a product.
enum { LATENT = 3, SAMPLES = 9, ENTRIES = 600, TRAINED = 20, TRIES = 2 };
#define SPREAD (SAMPLES * real_padded(LATENT))

static double draw(uint64_t purpose, uint64_t i) { return rng_uniform(31, RNG_TEST, purpose, i); }

static const struct layer_spec dense[] = {
    {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_SILU},
    {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_TANH}};
// As decoder.initial = pod makes it.
static const struct layer_spec branches[] = {
    {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_SILU},
    {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY},
    {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY},
    {.kind = LAYER_RESIDUAL, .branch = {2, 1}, .activation = ACTIVATION_IDENTITY}};
static const struct layer_spec field[] = {
    {.kind = LAYER_DENSE, .width = ENTRIES / 2, .activation = ACTIVATION_SILU},
    {.kind = LAYER_RESHAPE, .sizes = {2, {1, ENTRIES / 2}}},
    {.kind = LAYER_UPSAMPLE, .sizes = {1, {2}}}};

struct fixture {
  struct decoder *decoder;
  struct dictionary *dictionary;
  struct prior *prior;
  struct samples samples;
  real *y, *w;
  double *weight_sum;
};

// One entry in `rare` is observed, of each sample others, or the same of all.
static struct fixture make(size_t layers, const struct layer_spec *specs, enum loss_kind loss,
                           uint64_t rare, bool same) {
  const size_t stride = real_padded(ENTRIES);
  const double mean[LATENT] = {0.1, -0.2, 0.3};
  const double covariance[LATENT * LATENT] = {2, 0.1, 0, 0.1, 1, 0, 0, 0, 0.5};
  struct fixture f = {.decoder = decoder_create(LATENT, layers, specs, loss),
                      .dictionary = dictionary_create(LATENT, TRAINED),
                      .prior = prior_create(LATENT, mean, covariance, 0.01),
                      .y = memory_new(real, SAMPLES * stride),
                      .w = memory_new(real, SAMPLES * stride),
                      .weight_sum = memory_new(double, SAMPLES)};
  decoder_initialise(f.decoder, 7);
  for (size_t i = 0; i < f.decoder->count; i++) f.decoder->theta[i] *= 3;
  decoder_pack(f.decoder);
  for (uint64_t k = 0; k < TRAINED * LATENT; k++)
    f.dictionary->z[(DICTIONARY_TRAINED + k / LATENT) * real_padded(LATENT) + k % LATENT] =
        (real)(4 * draw(1, k) - 2);
  dictionary_complete(f.dictionary);
  for (uint64_t s = 0; s < SAMPLES; s++)
    for (uint64_t i = 0; i < ENTRIES; i++) {
      const bool seen =
          i == 17 || (uint64_t)(draw(2, same ? i : s * ENTRIES + i) * (double)rare) == 0;
      f.y[s * stride + i] = (real)draw(3, s * ENTRIES + i);
      f.w[s * stride + i] = seen ? (real)(1 + (s + i) % 2) : 0;
      f.weight_sum[s] += (double)f.w[s * stride + i];
    }
  f.samples = (struct samples){.count = SAMPLES,
                               .y = f.y,
                               .w = f.w,
                               .weight_sum = f.weight_sum,
                               .total = SAMPLES,
                               .prior = f.prior};
  return f;
}

static void unmake(struct fixture *f) {
  decoder_destroy(&f->decoder);
  dictionary_destroy(&f->dictionary);
  prior_destroy(&f->prior);
  memory_free(&f->y);
  memory_free(&f->w);
  memory_free(&f->weight_sum);
}

static struct encoding *encode(const struct decoder *decoder, const struct samples *samples,
                               enum solver_kind solver) {
  struct encoding *encoding = encoding_create(SAMPLES, LATENT);
  const struct solver_options options = {.solver = solver,
                                         .flow = FLOW_GRADIENT,
                                         .alpha = 1,
                                         .tau = 5,
                                         .tolerance = 1e-6,
                                         .max_iterations = 40,
                                         .memory = 5,
                                         .h0 = 1,
                                         .h_min = 1e-3,
                                         .h_max = 10,
                                         .growth = 1.1,
                                         .shrink = 0.5,
                                         .armijo = 1e-5,
                                         .max_reductions = 20,
                                         .step = 0.5,
                                         .step_floor = 1e-10,
                                         .rtol = 1e-3,
                                         .atol = 1e-4};
  struct ensemble *ensemble = ensemble_create(NULL, decoder, &options, 4);
  ensemble_run(ensemble, samples, SAMPLES, encoding);
  ensemble_destroy(&ensemble);
  return encoding;
}

static void check_flows(const struct fixture *f, const struct observation *part, const char *what) {
  const enum solver_kind solvers[] = {SOLVER_LBFGS, SOLVER_AMD, SOLVER_DOPRI5};
  for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++) {
    struct encoding *a = encode(f->decoder, &f->samples, solvers[k]);
    struct encoding *b = encode(part->decoder, &part->samples, solvers[k]);
    CHECK(memcmp(a->z, b->z, SPREAD * sizeof *a->z) == 0 &&
              memcmp(a->loss, b->loss, SAMPLES * sizeof *a->loss) == 0 &&
              memcmp(a->evaluations, b->evaluations, SAMPLES * sizeof *a->evaluations) == 0,
          "%s, solver %d: other bits", what, (int)solvers[k]);
    CHECK(a->evaluations[0] > 3, "%s: nothing was done", what);
    encoding_destroy(&a);
    encoding_destroy(&b);
  }
}

static void hessian_of(const struct decoder *decoder, const struct samples *samples, real *h) {
  const real z[REAL_PAD] = {(real)0.4, (real)-0.7, (real)0.2};
  struct curvature *c = curvature_create(decoder, 8);
  const struct objective_row row = samples_row(samples, decoder->n, 1);
  curvature_hessian(c, &row, z, h);
  curvature_destroy(&c);
}

static void check_tangents(const struct fixture *f, const struct observation *part,
                           const char *what) {
  real a[LATENT * REAL_PAD] = {0}, b[LATENT * REAL_PAD] = {0};
  hessian_of(f->decoder, &f->samples, a);
  hessian_of(part->decoder, &part->samples, b);
  CHECK(memcmp(a, b, sizeof a) == 0, "%s: other bits of the Hessian", what);
  struct uncertainty *u = uncertainty_create(f->decoder, &f->samples, 0.1, 2);
  struct uncertainty *v = uncertainty_create(part->decoder, &part->samples, 0.1, 2);
  const double *c = uncertainty_of(u, 1, a), *d = uncertainty_of(v, 1, a);
  CHECK(memcmp(c, d, LATENT * LATENT * sizeof *c) == 0, "%s: other bits of covariances", what);
  uncertainty_destroy(&u);
  uncertainty_destroy(&v);
}

static void check_ranking(const struct fixture *f, const struct observation *part,
                          const char *what) {
  int64_t chosen[SAMPLES], a[SAMPLES * TRIES], b[SAMPLES * TRIES];
  for (int64_t i = 0; i < SAMPLES; i++) chosen[i] = i;
  const struct ranking_wishes wishes = {
      .zero = true, .mean = true, .trained = true, .count = SAMPLES, .chosen = chosen, .rows = 4};
  ranking_run(f->decoder, f->dictionary, &f->samples, &wishes, TRIES,
              &(struct ranking_found){.entries = a});
  ranking_run(part->decoder, f->dictionary, &part->samples, &wishes, TRIES,
              &(struct ranking_found){.entries = b});
  CHECK(memcmp(a, b, sizeof a) == 0, "%s: ranked in another order", what);
}

static void check(size_t layers, const struct layer_spec *specs, enum loss_kind loss, bool same,
                  const char *what) {
  struct fixture f = make(layers, specs, loss, same ? 40 : 200, same);
  struct observation *part = observation_create(f.decoder, &f.samples);
  CHECK(part != NULL, "%s: all outputs are taken", what);
  if (part != NULL) {
    CHECK(part->decoder->n < ENTRIES / 4, "%s: %zu outputs", what, part->decoder->n);
    check_flows(&f, part, what);
    check_tangents(&f, part, what);
    check_ranking(&f, part, what);
    CHECK(observation_bytes(f.decoder, SAMPLES) > (double)part->decoder->count * sizeof(real),
          "%s: bytes", what);
  }
  observation_destroy(&part);
  unmake(&f);
}

static void check_none(size_t layers, const struct layer_spec *specs, uint64_t rare) {
  struct fixture f = make(layers, specs, LOSS_MSE, rare, true);
  struct observation *part = observation_create(f.decoder, &f.samples);
  CHECK(part == NULL, "an excerpt where there is none to be had");
  f.samples.w = NULL;
  CHECK(observation_create(f.decoder, &f.samples) == NULL, "everything is observed");
  unmake(&f);
}

int main(void) {
  for (int loss = 0; loss < LOSS_KINDS; loss++)
    for (int same = 0; same < 2; same++) {
      check(2, dense, (enum loss_kind)loss, same, "dense");
      check(4, branches, (enum loss_kind)loss, same, "two branches");
    }
  check_none(3, field, 40);
  check_none(2, dense, 2);
  return test_summary();
}
