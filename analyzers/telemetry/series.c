#include "analyzers/telemetry/series.h"

#include <math.h>
#include <string.h>

#include "lib/base/error.h"

enum { TEXTS_BYTES_MAX = 16 * 1024 * 1024 };

const Value *
answer_read_json(GBytes *body, Arena *arena, GError **error)
{
    gsize size;
    const void *data = g_bytes_get_data(body, &size);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    return value_reader_feed(reader, data, size, error) ? value_reader_end(reader, error) : NULL;
}

const Value *
answer_read_document(GBytes *body, Arena *arena, GError **error)
{
    const Value *document = answer_read_json(body, arena, error);
    if (document == NULL)
        return NULL;
    if (value_is(document, "status", "success"))
        return document;
    (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                    "the field status of the answer is not \"success\"");
    return NULL;
}

/* A pair of a time in seconds and a text. */
static bool
read_sample(const Value *pair, MetricSample *ret_sample)
{
    const Value *time = pair->type == VALUE_LIST ? pair->first : NULL;
    const Value *value = time != NULL ? time->next : NULL;
    if (value == NULL || value->next != NULL || time->type != VALUE_NUMBER ||
        value->type != VALUE_TEXT || value->n == 0)
        return false;
    char *end;
    double seconds = g_ascii_strtod(time->text, NULL);
    *ret_sample = (MetricSample){.value = g_ascii_strtod(value->text, &end)};
    if (*end != '\0' || !(fabs(seconds) < 1e12))
        return false;
    ret_sample->time_ms = (int64_t)llround(seconds * 1000);
    return true;
}

static bool
read_samples(const Value *pairs, uint32_t n, Arena *arena, MetricSeries *series, GError **error)
{
    MetricSample *samples = arena_alloc_array(arena, n, sizeof *samples);
    if (samples == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the answer is too large");
    for (const Value *pair = pairs; series->n < n; pair = pair->next) {
        if (!read_sample(pair, &samples[series->n]))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "a sample in the answer is not [time, \"value\"]");
        series->n++;
    }
    series->samples = samples;
    return true;
}

/* An item of a vector or a matrix. Those of histograms alone have no samples. */
static bool
read_series(const Value *item, Arena *arena, MetricSeries *series, GError **error)
{
    const Value *one = value_get(item, "value"), *many = value_get(item, "values");
    series->labels = value_get(item, "metric");
    if (series->labels == NULL || series->labels->type != VALUE_MAP)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field metric of a series in the answer is no map");
    if (one != NULL)
        return read_samples(one, 1, arena, series, error);
    return many == NULL || many->type != VALUE_LIST ||
           read_samples(many->first, many->n, arena, series, error);
}

static bool
read_list(const Value *list, Arena *arena, Answer *answer, GError **error)
{
    if (list == NULL || list->type != VALUE_LIST)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field data.result of the answer is no list");
    MetricSeries *all = arena_alloc_array(arena, list->n, sizeof *all);
    if (all == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the answer is too large");
    answer->series = all;
    for (const Value *item = list->first; item != NULL; item = item->next) {
        all[answer->n] = (MetricSeries){0};
        if (!read_series(item, arena, &all[answer->n], error))
            return false;
        answer->n += all[answer->n].n > 0;
    }
    return true;
}

static bool
read_scalar(const Value *pair, Arena *arena, Answer *answer, GError **error)
{
    MetricSeries *series = arena_alloc(arena, sizeof *series);
    if (series == NULL || pair == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field data.result of the answer is missing");
    answer->series = series;
    answer->n = 1;
    return read_samples(pair, 1, arena, series, error);
}

bool
answer_read(GBytes *body, Arena *arena, Answer *ret_answer, GError **error)
{
    *ret_answer = (Answer){0};
    const Value *document = answer_read_document(body, arena, error);
    if (document == NULL)
        return false;
    const Value *warning = value_first(document, "warnings");
    const char *type = value_text(document, "data.resultType");
    const Value *result = value_at(document, "data.result");
    ret_answer->warning = warning != NULL ? value_text(warning, "") : NULL;
    if (strcmp(type, "vector") == 0 || strcmp(type, "matrix") == 0)
        return read_list(result, arena, ret_answer, error);
    if (strcmp(type, "scalar") == 0)
        return read_scalar(result, arena, ret_answer, error);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "the field data.resultType of the answer is none of vector, matrix, scalar");
}

GPtrArray *
answer_read_texts(GBytes *body, GError **error)
{
    g_autoptr(Arena) arena = arena_new(TEXTS_BYTES_MAX);
    const Value *document = answer_read_document(body, arena, error);
    if (document == NULL)
        return NULL;
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    for (const Value *text = value_first(document, "data"); text != NULL; text = text->next)
        g_ptr_array_add(texts, g_strdup(value_text(text, "")));
    return texts;
}

/* A map with one text. */
static const Value *
make_label(Arena *arena, const char *key, const char *text)
{
    Value *map = arena_alloc_array(arena, 2, sizeof *map);
    char *copy = arena_strndup(arena, key, strlen(key));
    if (map == NULL || copy == NULL)
        return NULL;
    map[0] = (Value){.key = "", .first = &map[1], .n = 1, .type = VALUE_MAP};
    map[1] = (Value){.key = copy, .text = text, .n = (uint32_t)strlen(text), .type = VALUE_TEXT};
    return map;
}

bool
answer_read_names(GBytes *body, const char *label, Arena *arena, Answer *ret_answer, GError **error)
{
    *ret_answer = (Answer){0};
    const Value *document = answer_read_json(body, arena, error);
    if (document == NULL)
        return false;
    if (document->type != VALUE_MAP)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is no map");
    uint32_t n = value_count(document, "names");
    MetricSeries *all = arena_alloc_array(arena, n, sizeof *all);
    ret_answer->series = all;
    for (const Value *name = value_first(document, "names"); all != NULL && name != NULL;
         name = name->next) {
        if ((all[ret_answer->n].labels = make_label(arena, label, value_text(name, ""))) == NULL)
            break;
        ret_answer->n++;
    }
    return ret_answer->n == n ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the answer is too large");
}

const char *
series_label(const MetricSeries *series, const char *name)
{
    return value_text(value_get(series->labels, name), "");
}

MetricSample
series_last(const MetricSeries *series)
{
    return series->samples[series->n - 1];
}

int64_t
series_last_seconds(const MetricSeries *series)
{
    const double max = 9007199254740992.0;
    double value = series_last(series).value;
    return isnan(value) ? 0 : (int64_t)CLAMP(value, -max, max);
}
