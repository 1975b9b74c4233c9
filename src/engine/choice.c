#include "engine/choice.h"

#include <string.h>

#include "ground/memory.h"

static void copy(const struct dataset *data, struct choice *choice, int64_t count) {
  const size_t stride = data->stride;
  choice->y = memory_new(real, (size_t)count * stride);
  if (data->w != NULL) choice->w = memory_new(real, (size_t)count * stride);
  choice->weight_sum = memory_new(double, count);
  for (int64_t k = 0; k < count; k++) {
    const size_t from = (size_t)choice->local[k] * stride, to = (size_t)k * stride;
    memcpy(choice->y + to, data->y + from, stride * sizeof(real));
    if (data->w != NULL) memcpy(choice->w + to, data->w + from, stride * sizeof(real));
    choice->weight_sum[k] = data->weight_sum[choice->local[k]];
  }
}

struct choice *choice_create(const struct dataset *data, int64_t total,
                             int64_t (*chooses)(const void *context, int64_t sample),
                             const void *context) {
  struct choice *choice = memory_new(struct choice, 1);
  const int64_t most = data->local_count < total ? data->local_count : total;
  int64_t count = 0;
  choice->local = memory_new(int64_t, most);
  choice->number = memory_new(int64_t, most);
  for (int64_t i = 0; i < data->local_count; i++) {
    const int64_t number = chooses(context, data->local_first + i);
    if (number < 0) continue;
    choice->local[count] = i;
    choice->number[count++] = number;
  }
  copy(data, choice, count);
  choice->samples = (struct samples){.count = count,
                                     .y = choice->y,
                                     .w = choice->w,
                                     .weight_sum = choice->weight_sum,
                                     .position = choice->number,
                                     .total = total};
  return choice;
}

void choice_destroy(struct choice **choice) {
  if (*choice == NULL) return;
  memory_free(&(*choice)->local);
  memory_free(&(*choice)->number);
  memory_free(&(*choice)->y);
  memory_free(&(*choice)->w);
  memory_free(&(*choice)->weight_sum);
  memory_free(choice);
}
