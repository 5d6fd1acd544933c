#include "server/ingest/prepare.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/gzip.h"
#include "server/ingest/series_labels.h"
#include "server/ingest/source_code.h"
#include "server/ingest/split.h"

enum {
    /* A decoded profile takes some 4 times its bytes; the worst that the format can say (empty
     * mappings) takes 28 times, rows of many sample types come on top. */
    PREPARE_MEMORY_FACTOR = 16,
    PREPARE_MEMORY_MIN = 4 * 1024 * 1024,
};

size_t
prepare_memory_max(const TenantLimits *limits)
{
    return (size_t)limits->profile_bytes_max * PREPARE_MEMORY_FACTOR + PREPARE_MEMORY_MIN;
}

void
prepared_profile_clear(PreparedProfile *prepared)
{
    for (size_t i = 0; i < prepared->n_rows; i++)
        labels_unref((Labels *)prepared->rows[i].labels);
    g_clear_pointer(&prepared->raw, g_byte_array_unref);
    usage_match_clear(&prepared->usage);
    prepared->n_rows = 0;
}

static IngestReason
fail_size(const TenantLimits *limits, GError **error)
{
    g_clear_error(error);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
              "the uncompressed profile is over the limit of %" PRId64
              " bytes (max_profile_size_bytes)",
              limits->profile_bytes_max);
    return REASON_PROFILE_SIZE;
}

/* Finds the uncompressed bytes. */
static IngestReason
unpack(PrepareContext *context, const IngestProfile *from, PreparedProfile *prepared,
       PprofInput *input, GError **error)
{
    const TenantLimits *limits = context->limits;
    GError *failure = NULL;
    prepared->raw = gzip_decompress(from->profile, from->profile_size,
                                    (size_t)limits->profile_bytes_max, &failure);
    if (failure != NULL) {
        bool is_size = g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED);
        g_propagate_error(error, failure);
        return is_size ? fail_size(limits, error) : REASON_MALFORMED;
    }
    input->data = prepared->raw != NULL ? prepared->raw->data : from->profile;
    input->size = prepared->raw != NULL ? prepared->raw->len : from->profile_size;
    prepared->raw_size = input->size;
    if (input->size > (uint64_t)limits->profile_bytes_max)
        return fail_size(limits, error);
    if (input->size > context->body_left) {
        context->body_left = 0;
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "the uncompressed profiles of the request are over the limit of %" PRId64
                  " bytes in all (ingestion_body_limit_mb)",
                  limits->body_limit_mb << 20);
        return REASON_BODY_SIZE;
    }
    context->body_left -= input->size;
    return REASON_NONE;
}

static IngestReason
decode(PrepareContext *context, PprofInput *input, Profile *ret_profile, GError **error)
{
    input->samples_max = (uint64_t)context->limits->samples_max;
    input->sample_labels_max = (uint64_t)context->limits->sample_labels_max;
    input->arena = context->arena;
    switch (pprof_decode(input, ret_profile, error)) {
    case PPROF_OK:
        return REASON_NONE;
    case PPROF_SIZE:
        return REASON_PROFILE_SIZE;
    case PPROF_SAMPLES:
        return REASON_SAMPLES;
    case PPROF_SAMPLE_LABELS:
        return REASON_SAMPLE_LABELS;
    case PPROF_MALFORMED:
        break;
    }
    return REASON_MALFORMED;
}

static char *
print_time(int64_t time_ns)
{
    int64_t seconds = time_ns / 1000000000;
    g_autofree char *text = rfc3339_text(seconds);
    return text[0] != '\0' ? g_steal_pointer(&text) : g_strdup_printf("%" PRId64 " s", seconds);
}

/* A profile without a time is of now; one outside of the window is refused. */
static IngestReason
check_time(const PrepareContext *context, const GArray *labels, Profile *profile, GError **error)
{
    const TenantLimits *limits = context->limits;
    if (profile->time_ns == 0)
        profile->time_ns = context->now_ns;
    int64_t oldest =
        limits->reject_older_ns > 0 ? context->now_ns - limits->reject_older_ns : INT64_MIN;
    int64_t newest =
        limits->reject_newer_ns > 0 ? context->now_ns + limits->reject_newer_ns : INT64_MAX;
    if (profile->time_ns >= oldest && profile->time_ns <= newest)
        return REASON_NONE;
    bool is_old = profile->time_ns < oldest;
    g_autofree char *series = series_labels_print((const Label *)labels->data, labels->len);
    g_autofree char *time = print_time(profile->time_ns);
    g_autofree char *bound = print_time(is_old ? oldest : newest);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
              "profile with labels '%s' is outside of ingestion window (profile timestamp: %s, the "
              "window %s at %s; %s)",
              series, time, is_old ? "starts" : "ends", bound,
              is_old ? "reject_older_than" : "reject_newer_than");
    return REASON_WINDOW;
}

/* Cuts too deep stacks at the leaf and too long strings at the front: the rest is kept. */
static void
cut_sizes(const TenantLimits *limits, Profile *profile)
{
    uint32_t depth_max = (uint32_t)MIN(limits->stack_depth_max, (int64_t)UINT32_MAX);
    for (uint32_t i = 0; depth_max > 0 && i < profile->n_samples; i++) {
        ProfileSample *sample = &profile->samples[i];
        if (sample->n_locations <= depth_max)
            continue;
        sample->first_location += sample->n_locations - depth_max;
        sample->n_locations = depth_max;
    }
    uint32_t length_max = (uint32_t)MIN(limits->symbol_length_max, (int64_t)UINT32_MAX);
    for (uint32_t i = 0; length_max > 0 && i < profile->n_strings; i++) {
        ProfileString *string = &profile->strings[i];
        if (string->length <= length_max)
            continue;
        string->data += string->length - length_max;
        string->length = length_max;
        while (string->length > 0 && ((uint8_t)*string->data & 0xc0) == 0x80) {
            string->data++;
            string->length--;
        }
    }
}

/* Keeps the session where the tenant wants to have some told apart. */
static IngestReason
take_session(PrepareContext *context, const IngestProfile *from, GArray *labels, GError **error)
{
    char text[SESSION_TEXT_BYTES];
    if (!series_labels_session(from->labels, from->n_labels, context->limits->sessions_max, text))
        return REASON_NONE;
    Label label = {SESSION_LABEL, arena_strndup(context->arena, text, strlen(text))};
    if (label.value == NULL) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory for the labels");
        return REASON_PROFILE_SIZE;
    }
    g_array_append_val(labels, label);
    return REASON_NONE;
}

/* Puts a valid profile into its usage groups, whose sampling may drop it. */
static IngestReason
sample(const PrepareContext *context, const GArray *labels, PreparedProfile *prepared)
{
    if (context->usage_groups == NULL)
        return REASON_NONE;
    prepared->usage =
        usage_groups_match(context->usage_groups, (const Label *)labels->data, labels->len);
    if (context->lot < prepared->usage.keep)
        return REASON_NONE;
    prepared->is_stripped = context->limits->keep_stripped;
    return prepared->is_stripped ? REASON_NONE : REASON_SAMPLED;
}

/* Takes the stacks away: what is left of equal labels is added up like any equal stacks. */
static void
strip(Profile *profile)
{
    for (uint32_t i = 0; i < profile->n_samples; i++)
        profile->samples[i].n_locations = 0;
}

static IngestReason
prepare(PrepareContext *context, const IngestProfile *from, GArray *labels,
        PreparedProfile *prepared, GError **error)
{
    PprofInput input = {0};
    IngestReason reason = series_labels_take(context->limits, from->labels, from->n_labels,
                                             context->arena, labels, error);
    if (reason == REASON_NONE)
        reason = take_session(context, from, labels, error);
    if (reason == REASON_NONE)
        reason = unpack(context, from, prepared, &input, error);
    if (reason == REASON_NONE)
        reason = decode(context, &input, &prepared->profile, error);
    if (reason == REASON_NONE)
        reason = check_time(context, labels, &prepared->profile, error);
    if (reason == REASON_NONE)
        reason = sample(context, labels, prepared);
    if (reason != REASON_NONE)
        return reason;
    if (prepared->is_stripped)
        strip(&prepared->profile);
    cut_sizes(context->limits, &prepared->profile);
    if (!source_code_put(labels, &prepared->profile, context->arena, error))
        return REASON_PROFILE_SIZE;
    return split_profile(context, labels, prepared, error);
}

IngestReason
prepare_profile(PrepareContext *context, const IngestProfile *from, PreparedProfile *ret_prepared,
                GError **error)
{
    *ret_prepared = (PreparedProfile){.raw_size = from->profile_size};
    g_autoptr(GArray) labels = g_array_new(FALSE, FALSE, sizeof(Label));
    return prepare(context, from, labels, ret_prepared, error);
}
