#include "data/view.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"

static void name_axis(struct view_axis *axis, const char *name, int64_t length) {
  snprintf(axis->name, sizeof axis->name, "%s", name);
  axis->length = length;
  axis->stride = 1;
}

struct view *view_plain(const char *name, int64_t samples, int axes, const int64_t *shape) {
  assert(axes <= VIEW_AXES);
  struct view *view = memory_new(struct view, 1);
  view->numbering_axes = 1;
  name_axis(&view->numbering[0], "sample", samples);
  view->channels = 1;
  view->channel = memory_new(struct view_channel, 1);
  snprintf(view->channel->name, sizeof view->channel->name, "%s", name);
  view->space_axes = axes;
  for (int a = 0; a < axes; a++) {
    char text[VIEW_TEXT];
    snprintf(text, sizeof text, "axis_%d", a);
    name_axis(&view->space[a], text, shape[a]);
  }
  return view;
}

static void share_coordinates(struct comm *comm, struct view_axis *axes, int count) {
  for (int a = 0; a < count; a++) {
    if (axes[a].coordinates == NULL) continue;
    const size_t length = (size_t)axes[a].length;
    if (comm_rank(comm) != 0) axes[a].coordinates = memory_new(double, length);
    comm_broadcast(comm, axes[a].coordinates, length * sizeof(double), 0);
  }
}

struct view *view_broadcast(struct comm *comm, struct view *view) {
  if (view == NULL) view = memory_new(struct view, 1);
  comm_broadcast(comm, view, sizeof *view, 0);
  const size_t channels = (size_t)view->channels;
  if (comm_rank(comm) != 0) view->channel = memory_new(struct view_channel, channels);
  comm_broadcast(comm, view->channel, channels * sizeof *view->channel, 0);
  share_coordinates(comm, view->numbering, view->numbering_axes);
  share_coordinates(comm, view->space, view->space_axes);
  return view;
}

struct view *view_part(const struct view *view, int64_t samples) {
  struct view *part = memory_new(struct view, 1);
  *part = *view;
  memset(part->numbering, 0, sizeof part->numbering);
  part->numbering_axes = 1;
  name_axis(&part->numbering[0], "sample", samples);
  part->channel = memory_new(struct view_channel, view->channels);
  memcpy(part->channel, view->channel, (size_t)view->channels * sizeof *part->channel);
  for (int a = 0; a < view->space_axes; a++) {
    if (view->space[a].coordinates == NULL) continue;
    const size_t length = (size_t)view->space[a].length;
    part->space[a].coordinates = memory_new(double, length);
    memcpy(part->space[a].coordinates, view->space[a].coordinates, length * sizeof(double));
  }
  return part;
}

void view_destroy(struct view **view) {
  if (*view == NULL) return;
  for (int a = 0; a < VIEW_AXES; a++) {
    memory_free(&(*view)->numbering[a].coordinates);
    memory_free(&(*view)->space[a].coordinates);
  }
  memory_free(&(*view)->channel);
  memory_free(view);
}

size_t view_channel_entries(const struct view *view) {
  size_t entries = 1;
  for (int a = 0; a < view->space_axes; a++) entries *= (size_t)view->space[a].length;
  return entries;
}

size_t view_entries(const struct view *view) {
  return (size_t)view->channels * view_channel_entries(view);
}

size_t view_channel_of(const struct view *view, size_t entry) {
  return entry / view_channel_entries(view);
}
