#include <math.h>
#include <stdio.h>

#include "app/report.h"
#include "engine/errors.h"
#include "ground/log.h"

enum { CHANNELS_SHOWN = 12, NAME = 34 };  // of a set; characters of a row's name

// The errors of a set: a column per source of reconstructions.
struct page {
  const struct errors *errors[ERRORS_SOURCES];  // NULL: no column
};

static void put_name(const char *name) { log_text("        %-*.*s", NAME, NAME, name); }

static void put_value(double value) {
  if (isnan(value))
    log_text(" %11s", "-");
  else
    log_text(" %#11.4g", value);
}

// By the flow, an autoencoder's decoder is no GFE: it was trained with its encoder.
static void put_heads(const struct page *page) {
  const bool encoder = page->errors[ERRORS_BY_ENCODER] != NULL;
  const char *const heads[] = {[ERRORS_BY_FLOW] = encoder ? "AE, flow" : "GFE",
                               [ERRORS_BY_ENCODER] = "AE, encoder",
                               [ERRORS_BY_POD] = "POD"};
  put_name("error, in data units");
  for (int source = 0; source < ERRORS_SOURCES; source++)
    if (page->errors[source] != NULL) log_text(" %11s", heads[source]);
  log_text("\n");
}

static void put_number(const struct page *page, const char *name, enum errors_number number) {
  put_name(name);
  for (int source = 0; source < ERRORS_SOURCES; source++)
    if (page->errors[source] != NULL) put_value(page->errors[source]->number[number]);
  log_text("\n");
}

static void name_with_unit(char name[2 * VIEW_TEXT + 32], const char *text,
                           const struct view_channel *channel) {
  const char *unit = channel->units;
  snprintf(name, 2 * VIEW_TEXT + 32, "%s%s%s%s", text, unit[0] != '\0' ? " [" : "", unit,
           unit[0] != '\0' ? "]" : "");
}

// A row per channel, with its relative L2 error or its largest error.
static void put_channels(const struct page *page, const struct view *view, bool largest) {
  for (int64_t c = 0; c < view->channels && c < CHANNELS_SHOWN; c++) {
    char name[2 * VIEW_TEXT + 32], text[VIEW_TEXT + 2];
    snprintf(text, sizeof text, "  %s", view->channel[c].name);
    name_with_unit(name, text, &view->channel[c]);
    put_name(largest ? name : text);
    for (int source = 0; source < ERRORS_SOURCES; source++)
      if (page->errors[source] != NULL)
        put_value(largest ? page->errors[source]->channel_max[c]
                          : page->errors[source]->channel_relative[c]);
    log_text("\n");
  }
  if (view->channels > CHANNELS_SHOWN)
    log_line("          and %lld more in results.h5", (long long)view->channels - CHANNELS_SHOWN);
}

// A ratio to ||y|| = 0 is NaN, though the error is finite.
static bool has_no_norm(const struct errors *errors) {
  return isnan(errors->number[ERRORS_RELATIVE]) && isfinite(errors->number[ERRORS_MAX]);
}

static void put_relative(const struct page *page, const struct view *view) {
  if (has_no_norm(page->errors[ERRORS_BY_FLOW]))
    log_line("        all samples are 0: there is no error relative to them");
  put_number(page, "relative L2", ERRORS_RELATIVE);
  if (view->channels > 1) put_channels(page, view, false);
  put_number(page, "  mean over samples", ERRORS_MEAN);
  put_number(page, "  median", ERRORS_MEDIAN);
  put_number(page, "  95th percentile", ERRORS_P95);
  put_number(page, "  worst", ERRORS_WORST);
  put_number(page, "  relative to deviation from mean", ERRORS_CENTRED);
}

static void put_largest(const struct page *page, const struct view *view) {
  if (view->channels > 1) {
    log_text("        largest error of an entry\n");
    put_channels(page, view, true);
    return;
  }
  char name[2 * VIEW_TEXT + 32];
  name_with_unit(name, "largest error of an entry", &view->channel[0]);
  put_number(page, name, ERRORS_MAX);
}

void report_errors(const struct run *run, const struct evaluation *evaluation) {
  struct page page;
  for (int source = 0; source < ERRORS_SOURCES; source++)
    page.errors[source] = evaluation->errors[source];
  put_heads(&page);
  put_relative(&page, run->views[evaluation->set]);
  put_largest(&page, run->views[evaluation->set]);
}
