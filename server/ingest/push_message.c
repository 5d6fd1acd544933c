#include "server/ingest/push_message.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"

enum {
    PUSH_PROFILES_MAX = 65536, /* far above what any client batches */
    PUSH_MEMORY_PER_BYTE = 8,  /* an empty label is 2 bytes and becomes 16 */
    PUSH_MEMORY_MIN = 64 * 1024,
    PUSH_MEMORY_MAX = 128 * 1024 * 1024, /* a thousand labels a profile of the largest batches */
    SERIES_LABELS = 1,
    SERIES_SAMPLES = 2,
};

typedef struct {
    const uint8_t *message;
    size_t size;
    Arena *arena;
    IngestProfile *profiles;
    size_t n_profiles, capacity, n_series;
    GError **error;
} Decoder;

/* Labels and strings take up to PUSH_MEMORY_PER_BYTE for each byte; a growing array of profiles,
 * its earlier copies included, at most four times its final size. No batch that is one needs
 * PUSH_MEMORY_MAX. */
size_t
push_message_memory_max(size_t size)
{
    size_t per_byte = MIN(size, SIZE_MAX / 256);
    size_t profiles = 4 * (size_t)PUSH_PROFILES_MAX * sizeof(IngestProfile);
    size_t most = per_byte * PUSH_MEMORY_PER_BYTE + MIN(profiles, per_byte * 64);
    return MIN(most, (size_t)PUSH_MEMORY_MAX) + PUSH_MEMORY_MIN;
}

static bool
next_field(Decoder *decoder, WireSpan *span, WireField *field)
{
    const char *problem = wire_next(span, field);
    if (problem == NULL)
        return true;
    return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "push request: byte %zu of %zu: %s", (size_t)(field->start - decoder->message),
                     decoder->size, problem);
}

static bool
fail_memory(Decoder *decoder)
{
    return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "push request: too many labels or profiles: send fewer at once");
}

/* Copies a string field; the wire type was not yet looked at. */
static bool
copy_string(Decoder *decoder, const WireField *field, const char *what, const char **ret_text)
{
    size_t length = (size_t)(field->bytes.end - field->bytes.at);
    if (field->type != WIRE_BYTES || memchr(field->bytes.at, '\0', length) != NULL)
        return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "push request: series %zu: %s is not a string", decoder->n_series, what);
    const char *copy = arena_strndup(decoder->arena, (const char *)field->bytes.at, length);
    if (copy == NULL)
        return fail_memory(decoder);
    *ret_text = copy;
    return true;
}

static bool
decode_label(Decoder *decoder, WireSpan span, Label *label)
{
    *label = (Label){"", ""};
    for (WireField field; span.at < span.end;) {
        if (!next_field(decoder, &span, &field))
            return false;
        if (field.number == 1 && !copy_string(decoder, &field, "a label name", &label->name))
            return false;
        if (field.number == 2 && !copy_string(decoder, &field, "a label value", &label->value))
            return false;
    }
    return true;
}

static bool
decode_sample(Decoder *decoder, WireSpan span, IngestProfile *profile)
{
    for (WireField field; span.at < span.end;) {
        if (!next_field(decoder, &span, &field))
            return false;
        if (field.number == 1) {
            if (field.type != WIRE_BYTES)
                return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                                 "push request: series %zu: raw_profile is not bytes",
                                 decoder->n_series);
            profile->profile = field.bytes.at;
            profile->profile_size = (size_t)(field.bytes.end - field.bytes.at);
        } else if (field.number == 2 && !copy_string(decoder, &field, "an ID", &profile->id)) {
            return false;
        }
    }
    return true;
}

/* Counts the messages in a series, whose fields must all be of the right type. */
static bool
count_series(Decoder *decoder, WireSpan span, size_t *ret_labels, size_t *ret_samples)
{
    size_t counts[3] = {0};
    for (WireField field; span.at < span.end;) {
        if (!next_field(decoder, &span, &field))
            return false;
        if (field.number > SERIES_SAMPLES)
            continue;
        if (field.type != WIRE_BYTES)
            return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "push request: series %zu: wrong wire type", decoder->n_series);
        counts[field.number]++;
    }
    *ret_labels = counts[SERIES_LABELS];
    *ret_samples = counts[SERIES_SAMPLES];
    return true;
}

static bool
grow_profiles(Decoder *decoder, size_t more)
{
    if (more > PUSH_PROFILES_MAX - decoder->n_profiles)
        return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "push request: more than %d profiles", PUSH_PROFILES_MAX);
    if (decoder->n_profiles + more <= decoder->capacity)
        return true;
    size_t capacity = MAX(decoder->capacity * 2, decoder->n_profiles + more);
    IngestProfile *grown = arena_grow_array(decoder->arena, decoder->profiles, decoder->capacity,
                                            capacity, sizeof *decoder->profiles);
    if (grown == NULL)
        return fail_memory(decoder);
    decoder->profiles = grown;
    decoder->capacity = capacity;
    return true;
}

static bool
decode_series(Decoder *decoder, WireSpan span)
{
    size_t n_labels = 0, n_samples = 0, label = 0;
    if (!count_series(decoder, span, &n_labels, &n_samples))
        return false;
    Label *labels = arena_alloc_array(decoder->arena, n_labels, sizeof *labels);
    if (labels == NULL)
        return fail_memory(decoder);
    if (n_samples > 0 && !grow_profiles(decoder, n_samples))
        return false;
    for (WireField field; span.at < span.end;) {
        if (!next_field(decoder, &span, &field))
            return false;
        if (field.number == SERIES_LABELS) {
            if (!decode_label(decoder, field.bytes, &labels[label++]))
                return false;
        } else if (field.number == SERIES_SAMPLES) {
            g_assert(decoder->profiles != NULL); /* count_series() saw this sample too */
            IngestProfile *profile = &decoder->profiles[decoder->n_profiles++];
            *profile = (IngestProfile){.labels = labels, .n_labels = n_labels};
            if (!decode_sample(decoder, field.bytes, profile))
                return false;
        }
    }
    decoder->n_series++;
    return true;
}

bool
push_message_decode(const uint8_t *message, size_t size, Arena *arena, PushMessage *ret_message,
                    GError **error)
{
    Decoder decoder = {.message = message, .size = size, .arena = arena, .error = error};
    if (size == 0) {
        *ret_message = (PushMessage){0};
        return true;
    }
    WireSpan span = {message, message + size};
    for (WireField field; span.at < span.end;) {
        if (!next_field(&decoder, &span, &field))
            return false;
        if (field.number != 1)
            continue;
        if (field.type != WIRE_BYTES)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "push request: series has the wrong wire type");
        if (!decode_series(&decoder, field.bytes))
            return false;
    }
    *ret_message = (PushMessage){decoder.profiles, decoder.n_profiles};
    return true;
}
