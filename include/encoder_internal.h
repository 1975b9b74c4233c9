// Shared by the encoder's two ways of working: encoder.c (each sample by itself) and
// encoder_coupled.c (groups that share a step).
#ifndef GFE_ENCODER_INTERNAL_H
#define GFE_ENCODER_INTERNAL_H

#include "encoder.h"
#include "objective.h"

struct encoder {
  struct comm *comm;
  const struct decoder *decoder;
  struct solver_options options;
  struct placement_rule rule;
  struct objective *objective;
  struct objective_row *rows;  // [rule.most]
  double *loss;                // [rule.most]
  struct pool *pool;           // flows under way, between encoder_begin() and encoder_end()
  struct coupled *coupled;     // the same of groups that share a step
};

// What the objective wants to know of a sample.
struct objective_row encoder_sample(const struct encoder *encoder,
                                    const struct encoder_samples *samples, int64_t i);

// The factor of the flow's right-hand side for sample i.
double encoder_alpha(const struct encoder *encoder, const struct encoder_samples *samples,
                     int64_t i);

// encoder_begin(), encoder_advance() and encoder_end() of groups that share a step. Collective.
struct coupled *coupled_create(struct encoder *encoder, const struct encoder_samples *samples,
                               int64_t group, struct encoding *encoding);
bool coupled_advance(struct coupled *coupled);
void coupled_destroy(struct coupled **coupled);

#endif
