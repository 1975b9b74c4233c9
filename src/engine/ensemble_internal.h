// Shared by the two ways of an ensemble of working: ensemble.c (each sample by itself) and
// ensemble_coupled.c (groups that share a step).
#ifndef GFE_ENCODER_INTERNAL_H
#define GFE_ENCODER_INTERNAL_H

#include "decoder/objective.h"
#include "engine/ensemble.h"

struct ensemble {
  struct comm *comm;
  const struct decoder *decoder;
  struct solver_options options;
  struct placement_rule rule;
  struct objective *objective;
  struct objective_row *rows;  // [rule.most]
  double *loss;                // [rule.most]
  struct pool *pool;           // flows under way, between ensemble_begin() and ensemble_end()
  struct coupled *coupled;     // the same of groups that share a step
};

// What the objective wants to know of a sample.
struct objective_row samples_row(const struct ensemble *ensemble, const struct samples *samples,
                                 int64_t i);

// The factor of the flow's right-hand side for sample i.
double samples_alpha(const struct ensemble *ensemble, const struct samples *samples, int64_t i);

// ensemble_begin(), ensemble_advance() and ensemble_end() of groups that share a step. Collective.
struct coupled *coupled_create(struct ensemble *ensemble, const struct samples *samples,
                               int64_t group, struct encoding *encoding);
bool coupled_advance(struct coupled *coupled);
void coupled_destroy(struct coupled **coupled);

#endif
