#include "tests/integration/profiles.h"

#include <push.pb-c.h>
#include <string.h>

#include "lib/pprof/encode.h"

#define FRAMES_MAX 64

static uint32_t
location_of(PprofBuilder *builder, const char *name)
{
    const PprofFunction function = {.name = pprof_builder_text(builder, name)};
    const PprofLine line = {.function = pprof_builder_function(builder, &function), .line = 1};
    const PprofLocation location = {.lines = &line, .n_lines = 1};
    return pprof_builder_location(builder, &location);
}

GBytes *
profile_of(const ProfileStack *stacks, size_t n, int64_t time_ns)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 10000000);
    pprof_builder_time(builder, time_ns, 15 * INT64_C(1000000000));
    for (size_t i = 0; i < n; i++) {
        const char *stack = stacks[i].stack, *at = strchr(stack, '@');
        g_auto(GStrv) frames = g_strsplit(at != NULL ? at + 1 : stack, ";", FRAMES_MAX);
        uint32_t locations[FRAMES_MAX];
        guint depth = g_strv_length(frames);
        for (guint k = 0; k < depth; k++)
            locations[k] = location_of(builder, frames[depth - 1 - k]);
        g_autofree char *span_id = at != NULL ? g_strndup(stack, (gsize)(at - stack)) : NULL;
        const PprofLabel span = {.key = pprof_builder_text(builder, "span_id"),
                                 .str = pprof_builder_text(builder, span_id)};
        const PprofSample sample = {.locations = locations,
                                    .n_locations = depth,
                                    .values = &stacks[i].value,
                                    .labels = &span,
                                    .n_labels = at != NULL ? 1 : 0};
        pprof_builder_sample(builder, &sample);
    }
    return g_byte_array_free_to_bytes(pprof_builder_finish(builder));
}

static void
fill_series(GArray *pairs, Push__V1__RawProfileSeries *message, const ProfileSeries *series)
{
    const Label fixed[] = {{"__name__", "process_cpu"}, {"service_name", series->service}};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed) + series->n_labels; i++) {
        const Label *label =
            i < G_N_ELEMENTS(fixed) ? &fixed[i] : &series->labels[i - G_N_ELEMENTS(fixed)];
        Types__V1__LabelPair *pair = g_new(Types__V1__LabelPair, 1);
        types__v1__label_pair__init(pair);
        pair->name = (char *)label->name;
        pair->value = (char *)label->value;
        g_array_append_val(pairs, pair);
    }
    push__v1__raw_profile_series__init(message);
    message->labels = (Types__V1__LabelPair **)(void *)pairs->data;
    message->n_labels = pairs->len;
}

GBytes *
push_request_of(const ProfileSeries *series, size_t n)
{
    Push__V1__PushRequest request = PUSH__V1__PUSH_REQUEST__INIT;
    g_autofree Push__V1__RawProfileSeries *messages = g_new(Push__V1__RawProfileSeries, n);
    g_autofree Push__V1__RawProfileSeries **pointers = g_new(Push__V1__RawProfileSeries *, n);
    g_autofree Push__V1__RawSample *samples = g_new(Push__V1__RawSample, n);
    g_autofree Push__V1__RawSample **sample_pointers = g_new(Push__V1__RawSample *, n);
    g_autoptr(GPtrArray) arrays = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (size_t i = 0; i < n; i++) {
        GArray *pairs = g_array_new(FALSE, FALSE, sizeof(Types__V1__LabelPair *));
        g_ptr_array_add(arrays, pairs);
        fill_series(pairs, &messages[i], &series[i]);
        push__v1__raw_sample__init(&samples[i]);
        samples[i].raw_profile.data =
            (uint8_t *)g_bytes_get_data(series[i].profile, &samples[i].raw_profile.len);
        sample_pointers[i] = &samples[i];
        messages[i].samples = &sample_pointers[i];
        messages[i].n_samples = 1;
        pointers[i] = &messages[i];
    }
    request.series = pointers;
    request.n_series = n;
    size_t size = push__v1__push_request__get_packed_size(&request);
    uint8_t *data = g_malloc(size + 1);
    push__v1__push_request__pack(&request, data);
    for (guint i = 0; i < arrays->len; i++) {
        GArray *pairs = g_ptr_array_index(arrays, i);
        for (guint k = 0; k < pairs->len; k++)
            g_free(g_array_index(pairs, Types__V1__LabelPair *, k));
    }
    return g_bytes_new_take(data, size);
}
