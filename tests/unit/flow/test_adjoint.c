// dL/dtheta through the flows, against differences of the flow replayed with its recorded steps:
// every solver, flow, loss and activation; the continuous adjoint against the discrete one as steps
// shrink; and the same bits on any number of ranks.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/prior.h"
#include "engine/batch_gradient.h"
#include "engine/ensemble.h"
#include "flow/adjoint.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/reduction.h"
#include "numerics/taylor.h"
#include "platform/comm.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { SAMPLES = 6, LATENT = 3, HIDDEN = 5, ENTRIES = 8, TILE = 2, ROWS = 24, DIRECTIONS = 20 };

static const struct shard_batch all = {.size = SAMPLES, .tile = TILE};

struct problem {
  struct comm *comm;
  struct decoder *decoder;
  struct solver_options options;
  struct dataset *data;
  struct sample_order *order;
  struct shard *shard;
  struct prior *prior;
  real *latents, *theta;  // starts of the flows; the point of the test
};

static bool is_piecewise(int activation) {
  return activation == ACTIVATION_ELU || activation == ACTIVATION_RELU ||
         activation == ACTIVATION_LEAKY_RELU;
}

static struct problem problem_create(struct comm *comm, struct solver_options options,
                                     int activation, int loss) {
  struct problem p = {.comm = comm, .options = options};
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = HIDDEN, .activation = activation},
      {.kind = LAYER_DENSE, .width = HIDDEN + 1, .activation = activation},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  p.decoder = decoder_create(LATENT, 3, specs, loss);
  decoder_initialise(p.decoder, 17);
  for (size_t i = 0; i < p.decoder->count; i++)
    p.decoder->theta[i] *= is_piecewise(activation) ? (real)0.5 : (real)1.5;
  if (is_piecewise(activation))  // keep clear of the kinks: every unit is well on one side
    for (size_t l = 0; l < 2; l++)
      for (size_t i = 0; i < p.decoder->network->layers[l].outputs; i++)
        p.decoder->theta[p.decoder->network->layers[l].bias + i] += (real)(i % 3 == 1 ? -5 : 5);
  decoder_pack(p.decoder);
  p.theta = memory_new(real, p.decoder->count);
  memcpy(p.theta, p.decoder->theta, p.decoder->count * sizeof(real));
  p.data = random_data(comm, SAMPLES, ENTRIES, 41);
  p.latents = memory_new(real, (size_t)p.data->local_count * real_padded(LATENT));
  for (int64_t i = 0; i < p.data->local_count; i++)
    for (size_t j = 0; j < LATENT; j++)
      p.latents[(size_t)i * real_padded(LATENT) + j] =
          (real)(rng_uniform(42, RNG_TEST, (uint64_t)(p.data->local_first + i), j) - 0.5);
  p.order = sample_order_in_file(p.data);
  p.shard = shard_gather(comm, p.order, &all, LATENT, p.latents);
  return p;
}

static void add_prior(struct problem *p) {
  const double mean[LATENT] = {0.2, -0.1, 0.4};
  const double covariance[LATENT * LATENT] = {0.5, 0.1, 0, 0.1, 0.2, 0, 0, 0, 0.3};
  p->prior = prior_create(LATENT, mean, covariance, 0.3);
  p->shard->samples.prior = p->shard->all.prior = p->prior;
}

static void problem_destroy(struct problem *p) {
  shard_destroy(&p->shard);
  sample_order_destroy(&p->order);
  dataset_destroy(&p->data);
  decoder_destroy(&p->decoder);
  prior_destroy(&p->prior);
  memory_free(&p->latents);
  memory_free(&p->theta);
}

// Runs the flows from their starts; the mean loss at their ends.
static double run_flows(struct problem *p) {
  struct shard *fresh = shard_gather(p->comm, p->order, &all, LATENT, p->latents);
  memcpy(p->shard->encoding->z, fresh->encoding->z,
         (size_t)fresh->samples.count * real_padded(LATENT) * sizeof(real));
  shard_destroy(&fresh);
  struct ensemble *encoder = ensemble_create(comm_ranks(p->comm), p->decoder, &p->options, ROWS);
  ensemble_run(encoder, &p->shard->samples, SAMPLES, p->shard->encoding);
  ensemble_destroy(&encoder);
  return reduction_sum(comm_ranks(p->comm), p->shard->encoding->loss,
                       (size_t)p->shard->samples.count) /
         SAMPLES;
}

// dL/dtheta of the problem's flows with the given adjoint, [decoder->count], owned by the caller.
// The trajectories stay in *batch.
static real *gradient(struct problem *p, int adjoint, struct batch_gradient **batch) {
  *batch = batch_gradient_create(p->comm, p->decoder, ROWS, TILE, adjoint, &p->options);
  p->shard->encoding->trajectories = batch_gradient_trajectories(*batch, p->shard->samples.count);
  p->shard->encoding->replays = NULL;
  run_flows(p);
  real *result = memory_new(real, p->decoder->count);
  struct batch_totals totals = {.loss = 0.0};
  CHECK(batch_gradient_compute(*batch, p->shard, &totals, result), "the gradient is finite");
  p->shard->encoding->trajectories = NULL;
  return result;
}

struct line {
  struct problem *problem;
  const real *direction;
};

// The mean loss of the replayed flows at theta + h direction.
static double along(double h, void *context) {
  const struct line *line = context;
  struct problem *p = line->problem;
  for (size_t i = 0; i < p->decoder->count; i++)
    p->decoder->theta[i] = p->theta[i] + (real)h * line->direction[i];
  decoder_pack(p->decoder);
  const double loss = run_flows(p);
  memcpy(p->decoder->theta, p->theta, p->decoder->count * sizeof(real));
  decoder_pack(p->decoder);
  return loss;
}

// Central differences at h and h/2, extrapolated to an error of order h^4.
static double difference(double h, void *line) {
  const double coarse = (along(h, line) - along(-h, line)) / (2 * h);
  const double fine = (along(h / 2, line) - along(-h / 2, line)) / h;
  return (4 * fine - coarse) / 3;
}

static void check_discrete(struct comm *comm, struct solver_options options, int activation,
                           int loss, bool with_prior) {
  struct problem p = problem_create(comm, options, activation, loss);
  if (with_prior) add_prior(&p);
  struct batch_gradient *batch;
  real *g = gradient(&p, ADJOINT_DISCRETE, &batch);
  p.shard->encoding->replays = batch_gradient_trajectories(batch, p.shard->samples.count);
  const char *name[] = {flow_name(options.flow), solver_name(options.solver),
                        activation_name(activation), loss_name(loss)};
  const double h = 2e-3;
  real *direction = memory_new(real, p.decoder->count);
  double worst = 0.0, slope = 2.0, norm = 0.0;
  for (size_t i = 0; i < p.decoder->count; i++) norm += (double)g[i] * (double)g[i];
  for (uint64_t k = 0; k < DIRECTIONS; k++) {
    double expected = 0.0, length = 0.0;
    for (size_t i = 0; i < p.decoder->count; i++) {
      direction[i] = p.theta[i] == 0 ? 0 : (real)(rng_uniform(43, RNG_TEST, k, i) - 0.5);
      length += (double)direction[i] * (double)direction[i];
      expected += (double)g[i] * (double)direction[i];
    }
    struct line line = {&p, direction};
    const double error = fabs(difference(h, &line) - expected);
    worst = fmax(worst, error / sqrt(norm * length));
    if (k == 0) slope = taylor_test(along, &line, expected, 0.02).slope;
  }
  CHECK(worst <= 1e-9, "%s %s %s %s: relative error %.3g", name[0], name[1], name[2], name[3],
        worst);
  CHECK(fabs(slope - 2.0) < 0.05, "%s %s %s %s: Taylor slope %.3f", name[0], name[1], name[2],
        name[3], slope);
  memory_free(&direction);
  memory_free(&g);
  batch_gradient_destroy(&batch);
  problem_destroy(&p);
}

static struct solver_options options_of(int solver, int flow) {
  struct solver_options o = {.solver = solver, .flow = flow, .time = TIME_SUM, .alpha = 0.3};
  o.tau = 1.0;
  o.max_iterations = 1000;
  o.step = solver == SOLVER_EULER ? 0.1 : 0.25;
  o.step_floor = 1e-9;
  o.rtol = o.atol = 1e-4;
  o.h0 = 0.05;
  o.h_min = 0.01;
  o.h_max = 0.2;
  o.growth = 1.3;
  o.shrink = 0.5;
  o.armijo = 1e-5;
  o.max_reductions = 20;
  o.restart = true;
  return o;
}

static const int ode_solvers[] = {SOLVER_EULER, SOLVER_RK4, SOLVER_HEUN, SOLVER_DOPRI5, SOLVER_AMD};
enum { ODE_SOLVERS = sizeof ode_solvers / sizeof *ode_solvers };

static void discrete(struct comm *comm) {
  for (int s = 0; s < ODE_SOLVERS; s++)
    for (int flow = 0; flow_name(flow) != NULL; flow++)
      for (int loss = 0; loss_name(loss) != NULL; loss++)
        for (int activation = 0; activation_name(activation) != NULL; activation++)
          for (int prior = 0; prior <= (activation == ACTIVATION_TANH); prior++)
            check_discrete(comm, options_of(ode_solvers[s], flow), activation, loss, prior);
}

static double distance(const struct problem *p, const real *a, const real *b) {
  double sum = 0.0, norm = 0.0;
  for (size_t i = 0; i < p->decoder->count; i++) {
    sum += pow((double)a[i] - (double)b[i], 2);
    norm += (double)b[i] * (double)b[i];
  }
  return sqrt(sum / norm);
}

// The continuous adjoint comes to the discrete one at the order of the solver, at most 4.
static void continuous(struct comm *comm) {
  const struct {
    int solver;
    double order, step;
  } cases[] = {{SOLVER_EULER, 1, 0.02}, {SOLVER_RK4, 4, 0.1}};
  for (int flow = 0; flow_name(flow) != NULL; flow++)
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
      double distances[2];
      for (int fine = 0; fine < 2; fine++) {
        struct solver_options options = options_of(cases[k].solver, flow);
        options.step = cases[k].step / (fine + 1);
        options.restart = false;
        struct problem p = problem_create(comm, options, ACTIVATION_TANH, LOSS_MSE);
        add_prior(&p);
        struct batch_gradient *batch, *other;
        real *exact = gradient(&p, ADJOINT_DISCRETE, &batch);
        real *g = gradient(&p, ADJOINT_CONTINUOUS, &other);
        distances[fine] = distance(&p, g, exact);
        memory_free(&exact);
        memory_free(&g);
        batch_gradient_destroy(&batch);
        batch_gradient_destroy(&other);
        problem_destroy(&p);
      }
      const double order = log2(distances[0] / distances[1]);
      if (comm_rank(comm) == 0)
        printf("%s %s: continuous - discrete %.3g, order %.2f\n", flow_name(flow),
               solver_name(cases[k].solver), distances[1], order);
      CHECK(order > cases[k].order - 0.25, "%s %s: order %.2f", flow_name(flow),
            solver_name(cases[k].solver), order);
    }
}

static void same_bits(struct comm *comm) {
  for (int s = 0; s < ODE_SOLVERS; s++) {
    struct problem p =
        problem_create(comm, options_of(ode_solvers[s], FLOW_NESTEROV), ACTIVATION_ELU, LOSS_BCE);
    struct batch_gradient *batch;
    for (int adjoint = ADJOINT_DISCRETE; adjoint_name(adjoint) != NULL; adjoint++) {
      real *g = gradient(&p, adjoint, &batch);
      char name[64];
      snprintf(name, sizeof name, "%s_%s", solver_name(ode_solvers[s]), adjoint_name(adjoint));
      mpi_test_same_bits(comm, name, g, p.decoder->count * sizeof *g);
      memory_free(&g);
      batch_gradient_destroy(&batch);
    }
    problem_destroy(&p);
  }
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  if (comm_size(comm) == 1) discrete(comm);
  continuous(comm);
  same_bits(comm);
  return mpi_test_summary(&comm);
}
