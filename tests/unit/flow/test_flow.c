// The flows against exact solutions. For the linear decoder x = W z with W = diag(w) and the mean
// square error, g_i = (2/n) w_i (w_i z_i - y_i), so with c_i = alpha (2/n) w_i^2 the gradient flow
// from 0 is z_i = (y_i / w_i) (1 - exp(-c_i t)), and the second-order flow, whose solution for a
// quadratic is a Bessel function (Su, Boyd, Candes 2016), z_i = (y_i / w_i) (1 - 2 J_1(r t) / (r
// t)), r = sqrt c_i.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/ensemble.h"
#include "flow/flow.h"
#include "ground/memory.h"
#include "platform/comm.h"
#include "support/test.h"

enum { D = 4 };

static const double weights[D] = {0.6, 1.0, 1.5, 2.0}, target[D] = {1.0, -0.5, 0.7, 0.3};
static const double alpha = 1.0, tau = 3.0;

static double exact(int flow, int i) {
  const double c = alpha * 2.0 / D * weights[i] * weights[i], r = sqrt(c) * tau;
  const double rest = flow == FLOW_GRADIENT ? exp(-c * tau) : 2.0 * j1(r) / r;
  return target[i] / weights[i] * (1.0 - rest);
}

static struct decoder *linear_decoder(void) {
  const struct layer_spec spec = {
      .kind = LAYER_DENSE, .width = D, .activation = ACTIVATION_IDENTITY};
  struct decoder *decoder = decoder_create(D, 1, &spec, LOSS_MSE);
  for (size_t i = 0; i < D; i++)
    decoder->theta[decoder->network->layers[0].weight + i * D + i] = (real)weights[i];
  decoder_pack(decoder);
  return decoder;
}

struct outcome {
  double error, length;  // of z(tau), Euclidean
  int status;
  int64_t iterations, evaluations;
};

static struct outcome integrate(struct comm *comm, struct solver_options options) {
  struct decoder *decoder = linear_decoder();
  options.alpha = alpha;
  options.tau = tau;
  options.max_iterations = 100000000;
  struct ensemble *encoder = ensemble_create(comm_ranks(comm), decoder, &options, 12);
  struct encoding *encoding = encoding_create(1, D);
  real y[REAL_PAD] = {0};
  for (int i = 0; i < D; i++) y[i] = (real)target[i];
  const double weight_sum = D;
  const struct samples samples = {.count = 1, .y = y, .weight_sum = &weight_sum, .total = 1};
  ensemble_run(encoder, &samples, 1, encoding);
  struct outcome outcome = {.status = encoding->status[0],
                            .iterations = encoding->iterations[0],
                            .evaluations = encoding->evaluations[0]};
  for (int i = 0; i < D; i++) {
    outcome.error += pow((double)encoding->z[i] - exact(options.flow, i), 2);
    outcome.length += pow(exact(options.flow, i), 2);
  }
  outcome.error = sqrt(outcome.error);
  outcome.length = sqrt(outcome.length);
  encoding_destroy(&encoding);
  ensemble_destroy(&encoder);
  decoder_destroy(&decoder);
  return outcome;
}

// Halving the step divides the error by 2^order.
static void fixed_steps(struct comm *comm) {
  const struct {
    int solver;
    double order, step;
  } cases[] = {{SOLVER_EULER, 1.0, 0.01}, {SOLVER_RK4, 4.0, 0.1}};
  for (int flow = 0; flow_name(flow) != NULL; flow++)
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
      struct solver_options options = {
          .flow = flow, .solver = cases[k].solver, .step = cases[k].step};
      const struct outcome coarse = integrate(comm, options);
      options.step /= 2;
      const struct outcome fine = integrate(comm, options);
      const double order = log2(coarse.error / fine.error);
      printf("%s %s: error %.3g, order %.3f\n", flow_name(flow), solver_name(options.solver),
             fine.error, order);
      CHECK(fabs(order - cases[k].order) < 0.1, "%s %s: order %.3f", flow_name(flow),
            solver_name(options.solver), order);
      CHECK(fine.status == STATUS_TAU, "ends with status %s", status_name(fine.status));
      CHECK(fine.iterations == (int64_t)lround(tau / options.step), "%lld steps",
            (long long)fine.iterations);
    }
}

// The error stays below ten times what is asked for, and falls with it.
static void error_control(struct comm *comm) {
  const int solvers[] = {SOLVER_HEUN, SOLVER_DOPRI5};
  for (int flow = 0; flow_name(flow) != NULL; flow++)
    for (size_t k = 0; k < 2; k++) {
      double first = 0.0, last = 0.0;
      for (int digits = 3; digits <= 9; digits++) {
        const double tolerance = pow(10.0, -digits);
        const struct solver_options options = {.flow = flow,
                                               .solver = solvers[k],
                                               .step = 0.1,
                                               .step_floor = 1e-12,
                                               .rtol = tolerance,
                                               .atol = tolerance};
        const struct outcome o = integrate(comm, options);
        printf("%s %s rtol 1e-%d: error %.3g, %lld steps, %lld evaluations\n", flow_name(flow),
               solver_name(solvers[k]), digits, o.error, (long long)o.iterations,
               (long long)o.evaluations);
        CHECK(o.error <= 10.0 * tolerance * (o.length + 1.0), "%s %s: error %.3g for rtol 1e-%d",
              flow_name(flow), solver_name(solvers[k]), o.error, digits);
        CHECK(o.status == STATUS_TAU, "ends with status %s", status_name(o.status));
        if (digits == 4) first = o.error;
        last = o.error;
      }
      const double fall = log10(first / last) / 5.0;
      CHECK(fall > 0.7 && fall < 1.3, "%s %s: the error falls as rtol^%.2f", flow_name(flow),
            solver_name(solvers[k]), fall);
    }
}

// AMD with its steps held fixed is of first order on both flows.
static void amd_order(struct comm *comm) {
  for (int flow = 0; flow_name(flow) != NULL; flow++) {
    struct solver_options options = {
        .flow = flow, .solver = SOLVER_AMD, .growth = 1.0, .shrink = 0.5, .max_reductions = 20};
    double error[2];
    for (int k = 0; k < 2; k++) {
      options.h0 = options.h_min = options.h_max = k == 0 ? 0.02 : 0.01;
      error[k] = integrate(comm, options).error;
    }
    const double order = log2(error[0] / error[1]);
    CHECK(fabs(order - 1.0) < 0.1, "amd on %s: order %.3f", flow_name(flow), order);
  }
}

static void step_underflow(struct comm *comm) {
  const struct solver_options options = {
      .solver = SOLVER_DOPRI5, .step = 1.0, .step_floor = 0.9, .rtol = 1e-9, .atol = 1e-9};
  const struct outcome o = integrate(comm, options);
  CHECK(o.status == STATUS_UNDERFLOW, "a step below the floor ends with %s", status_name(o.status));
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  fixed_steps(comm);
  error_control(comm);
  amd_order(comm);
  step_underflow(comm);
  comm_finish(&comm);
  return test_summary();
}
