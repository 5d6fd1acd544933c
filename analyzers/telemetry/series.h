/* Series of samples, as Prometheus and Loki answer with
 * (https://prometheus.io/docs/prometheus/latest/querying/api/). */
#pragma once
#include "lib/k8s/value.h"

typedef struct {
    int64_t time_ms;
    double value; /* may be NaN or infinite */
} MetricSample;

typedef struct {
    const Value *labels;         /* a map of texts */
    const MetricSample *samples; /* as answered, the oldest first */
    uint32_t n;
} MetricSeries;

typedef struct {
    const MetricSeries *series;
    uint32_t n;
    const char *warning; /* what the back end says of an answer that may lack something, or NULL */
} Answer;

/* The document of an answer of Prometheus or Loki whose status is "success". Errors as below. */
const Value *answer_read_document(GBytes *body, Arena *arena, GError **error);
/* A document of JSON. Errors as below. */
const Value *answer_read_json(GBytes *body, Arena *arena, GError **error);

/* The answer of /query and /query_range, read into the arena: a vector has one sample per series,
 * a scalar is one series without labels. NULL body parts are errors. INVALID_ARGUMENT with the
 * field that is wrong, RESOURCE_EXHAUSTED when the arena is full. */
bool answer_read(GBytes *body, Arena *arena, Answer *ret_answer, GError **error);
/* The texts of /label/NAME/values; the array frees them. Errors as above. */
GPtrArray *answer_read_texts(GBytes *body, GError **error);

/* The names of a LabelValues answer of a store of profiles, as one series each, labelled so,
 * without samples. Errors as above. */
bool answer_read_names(GBytes *body, const char *label, Arena *arena, Answer *ret_answer,
                       GError **error);

/* "" when it has none. */
const char *series_label(const MetricSeries *series, const char *name);
/* The newest sample; a series has at least one. */
MetricSample series_last(const MetricSeries *series);
/* The value of the newest sample as a time or a span in whole seconds, within ±2^53 (what a double
 * holds exactly); 0 when it is no number. */
int64_t series_last_seconds(const MetricSeries *series);
