#include "server/ingest/split.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/base/error.h"
#include "server/ingest/row_labels.h"
#include "server/ingest/series_labels.h"

#define NO_GROUP UINT32_MAX

/* Every sample of the largest profile with labels of its own, for a Go profile's four types. */
enum { SPLIT_ROWS_MAX = 65536 };

/* A string label of a sample, as positions in the string table. */
typedef struct {
    uint32_t key, value;
} Pair;

/* The samples that have the same string labels. */
typedef struct {
    uint32_t first_pair, n_pairs; /* in pairs, sorted by key */
    uint64_t hash;
    uint32_t n_samples;
    GArray *labels; /* Label: the series' own and the sample labels */
} Group;

typedef enum { KEY_UNKNOWN = 0, KEY_KEPT, KEY_DROPPED, KEY_SPAN, KEY_TRACE } KeyState;

typedef struct {
    PrepareContext *context;
    const GArray *own_labels;
    PreparedProfile *prepared;
    const Profile *profile;
    GArray *groups; /* Group */
    GArray *pairs;  /* Pair, of all groups, and at the end those of the sample in work */
    uint32_t *sample_group;
    uint8_t *key_state;   /* KeyState per string */
    StoreSpan *spans;     /* per sample; NULL when none has one */
    uint32_t plain_group; /* of samples without labels, or NO_GROUP */
    GError **error;
} Split;

static IngestReason
fail_memory(Split *split)
{
    error_set(split->error, CRESSET_ERROR_INVALID_ARGUMENT,
              "the profile splits into too many series; the limit follows max_profile_size_bytes");
    return REASON_PROFILE_SIZE;
}

/* A NUL-terminated copy, or NULL over the cap. */
static const char *
copy_string(Split *split, uint32_t string)
{
    const ProfileString *text = &split->profile->strings[string];
    return arena_strndup(split->context->arena, text->data, text->length);
}

static bool
string_is(const ProfileString *string, const char *text)
{
    return string->length == strlen(text) && memcmp(string->data, text, string->length) == 0;
}

/* What becomes of sample labels with this key. Most become series labels; spans and traces
 * ("profile_id" is an older name of the span's id) stay with the sample; what the series or the
 * server says itself is dropped. */
static KeyState
key_state(Split *split, uint32_t key)
{
    uint8_t *state = &split->key_state[key];
    if (*state != KEY_UNKNOWN)
        return *state;
    const ProfileString *text = &split->profile->strings[key];
    g_autofree char *name = series_labels_name(split->context->limits, text->data, text->length);
    const Label *own = (const Label *)split->own_labels->data;
    if (string_is(text, "span_id") || string_is(text, "profile_id"))
        *state = KEY_SPAN;
    else if (string_is(text, "trace_id"))
        *state = KEY_TRACE;
    else if (text->length == 0 || strcmp(name, "__delta__") == 0 ||
             strcmp(name, SESSION_LABEL) == 0 || series_labels_is_own(name) ||
             series_labels_get(own, split->own_labels->len, name) != NULL)
        *state = KEY_DROPPED;
    else
        *state = KEY_KEPT;
    return *state;
}

/* Reads hexadecimal digits as big-endian words of 16; false for anything else. */
static bool
parse_hex(const ProfileString *text, uint64_t *words, uint32_t n_words)
{
    if (text->length != 16 * n_words)
        return false;
    for (uint32_t i = 0; i < text->length; i++) {
        int digit = g_ascii_xdigit_value(text->data[i]);
        if (digit < 0)
            return false;
        words[i / 16] = words[i / 16] << 4 | (uint64_t)digit;
    }
    return true;
}

/* Keeps the id of a span or trace with its sample; one that is not an id is ignored, and so are
 * those of a profile for which there is no memory. */
static void
take_id(Split *split, uint32_t sample, KeyState state, uint32_t string)
{
    const ProfileString *text = &split->profile->strings[string];
    uint64_t words[2] = {0};
    if (!parse_hex(text, words, state == KEY_TRACE ? 2 : 1))
        return;
    if (split->spans == NULL)
        split->spans = arena_alloc_array(split->context->arena, split->profile->n_samples,
                                         sizeof *split->spans);
    if (split->spans == NULL)
        return;
    StoreSpan *span = &split->spans[sample];
    if (state == KEY_SPAN) {
        span->span = words[0];
    } else {
        span->trace_high = words[0];
        span->trace_low = words[1];
    }
}

/* Appends the kept string labels of a sample to `pairs`, sorted by key; the first of a key wins. */
static uint32_t
collect_pairs(Split *split, uint32_t at_sample)
{
    const ProfileSample *sample = &split->profile->samples[at_sample];
    GArray *pairs = split->pairs;
    uint32_t first = pairs->len;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const ProfileLabel *label = &split->profile->labels[sample->first_label + i];
        if (label->str == 0 || split->profile->strings[label->str].length == 0)
            continue;
        KeyState state = key_state(split, label->key);
        if ((state == KEY_SPAN || state == KEY_TRACE) && !split->prepared->is_stripped)
            take_id(split, at_sample, state, label->str);
        if (state != KEY_KEPT)
            continue;
        uint32_t at = pairs->len;
        while (at > first && g_array_index(pairs, Pair, at - 1).key > label->key)
            at--;
        Pair pair = {label->key, label->str};
        if (at == first || g_array_index(pairs, Pair, at - 1).key != label->key)
            g_array_insert_val(pairs, at, pair);
    }
    return pairs->len - first;
}

/* Adds a group for the last `n_pairs` pairs. */
static IngestReason
add_group(Split *split, uint32_t n_pairs, uint64_t hash)
{
    Group group = {.first_pair = split->pairs->len - n_pairs, .n_pairs = n_pairs, .hash = hash};
    group.labels = g_array_new(FALSE, FALSE, sizeof(Label));
    g_array_append_vals(group.labels, split->own_labels->data, split->own_labels->len);
    g_array_append_val(split->groups, group);
    for (uint32_t i = 0; i < n_pairs; i++) {
        const Pair *pair = &g_array_index(split->pairs, Pair, group.first_pair + i);
        Label label = {copy_string(split, pair->key), copy_string(split, pair->value)};
        if (label.name == NULL || label.value == NULL)
            return fail_memory(split);
        /* Two entries of the string table may hold the same text. */
        if (series_labels_get((const Label *)group.labels->data, group.labels->len, label.name) ==
            NULL)
            g_array_append_val(group.labels, label);
    }
    if (n_pairs == 0)
        return REASON_NONE; /* the series' own labels are checked already */
    IngestReason reason = series_labels_check(
        split->context->limits, (const Label *)group.labels->data, group.labels->len, split->error);
    if (reason == REASON_NONE)
        reason = series_labels_sanitize(split->context->limits, group.labels, split->context->arena,
                                        split->error);
    return reason;
}

/* Finds the group of a sample by its labels, or adds it. `index` maps hashes to group + 1. */
static IngestReason
find_group(Split *split, GHashTable *index, uint32_t sample, uint32_t *ret_group)
{
    if (split->profile->samples[sample].n_labels == 0 && split->plain_group != NO_GROUP) {
        *ret_group = split->plain_group;
        return REASON_NONE;
    }
    uint32_t n_pairs = collect_pairs(split, sample);
    uint32_t first = split->pairs->len - n_pairs;
    const Pair *pairs = n_pairs > 0 ? &g_array_index(split->pairs, Pair, first) : NULL;
    uint64_t hash = XXH3_64bits(pairs, n_pairs * sizeof *pairs);
    /* Equal hashes of different labels: try the next number. */
    for (;; hash++) {
        uint32_t found = GPOINTER_TO_UINT(g_hash_table_lookup(index, &hash));
        if (found == 0)
            break;
        const Group *group = &g_array_index(split->groups, Group, found - 1);
        if (group->n_pairs == n_pairs &&
            (n_pairs == 0 || memcmp(&g_array_index(split->pairs, Pair, group->first_pair), pairs,
                                    n_pairs * sizeof *pairs) == 0)) {
            g_array_set_size(split->pairs, first);
            *ret_group = found - 1;
            return REASON_NONE;
        }
    }
    *ret_group = split->groups->len;
    IngestReason reason = add_group(split, n_pairs, hash);
    g_hash_table_insert(index, g_memdup2(&hash, sizeof hash), GUINT_TO_POINTER(*ret_group + 1));
    if (n_pairs == 0)
        split->plain_group = *ret_group;
    return reason;
}

/* A sample counts when no value is negative and one is not zero. */
static bool
counts(const Profile *profile, uint32_t sample)
{
    const int64_t *values = profile->values + (size_t)sample * profile->n_sample_types;
    int64_t any = 0, sign = 0;
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        any |= values[i];
        sign |= values[i] >> 63;
    }
    return any != 0 && sign == 0;
}

static IngestReason
group_samples(Split *split)
{
    const Profile *profile = split->profile;
    g_autoptr(GHashTable) index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        uint32_t group = NO_GROUP;
        if (counts(profile, i)) {
            IngestReason reason = find_group(split, index, i, &group);
            if (reason != REASON_NONE)
                return reason;
            g_array_index(split->groups, Group, group).n_samples++;
        }
        split->sample_group[i] = group;
    }
    return REASON_NONE;
}

/* ---- Rows. ---- */

/* Makes the labels of the row of one group and sample type. */
static IngestReason
make_labels(Split *split, const Group *group, uint32_t at_type, Labels **ret_labels)
{
    const Profile *profile = split->profile;
    const ProfileValueType *type = &profile->sample_types[at_type];
    const RowType texts = {copy_string(split, type->type), copy_string(split, type->unit),
                           copy_string(split, profile->period_type.type),
                           copy_string(split, profile->period_type.unit),
                           split->prepared->is_stripped};
    if (!texts.type || !texts.unit || !texts.period_type || !texts.period_unit)
        return fail_memory(split);
    return row_labels_make(split->context, group->labels, &texts, ret_labels, split->error);
}

/* Adds the row of one group and sample type, unless all its values are zero or a rule drops it. */
static IngestReason
add_row(Split *split, const Group *group, const uint32_t *samples, uint32_t type)
{
    const Profile *profile = split->profile;
    Arena *arena = split->context->arena;
    uint32_t *kept = arena_alloc_array(arena, group->n_samples, sizeof *kept);
    int64_t *values = arena_alloc_array(arena, group->n_samples, sizeof *values);
    StoreSpan *spans =
        split->spans != NULL ? arena_alloc_array(arena, group->n_samples, sizeof *spans) : NULL;
    if (kept == NULL || values == NULL || (spans == NULL && split->spans != NULL))
        return fail_memory(split);
    uint32_t n = 0;
    for (uint32_t i = 0; i < group->n_samples; i++) {
        int64_t value = profile->values[(size_t)samples[i] * profile->n_sample_types + type];
        kept[n] = samples[i];
        values[n] = value;
        if (spans != NULL)
            spans[n] = split->spans[samples[i]];
        n += value != 0;
    }
    if (n == 0)
        return REASON_NONE;
    Labels *labels = NULL;
    IngestReason reason = make_labels(split, group, type, &labels);
    if (reason == REASON_RELABEL) {
        split->prepared->n_dropped++;
        return REASON_NONE;
    }
    if (reason != REASON_NONE)
        return reason;
    split->prepared->rows[split->prepared->n_rows++] = (StoreRow){
        .labels = labels,
        .profile = profile,
        .samples = kept,
        .values = values,
        .spans = spans,
        .n_samples = n,
        .time_ns = profile->time_ns,
        .duration_ns = profile->duration_ns,
        .period = profile->period,
    };
    split->prepared->n_samples += n;
    return REASON_NONE;
}

/* The samples sorted by group, each group's in order; where a group starts follows from the counts
 * before it. */
static uint32_t *
sort_samples(const Split *split)
{
    uint32_t n_groups = split->groups->len, start = 0;
    g_autofree uint32_t *next = g_new(uint32_t, (size_t)n_groups + 1);
    for (uint32_t i = 0; i < n_groups; i++) {
        next[i] = start;
        start += g_array_index(split->groups, Group, i).n_samples;
    }
    uint32_t *sorted = g_new(uint32_t, (size_t)start + 1);
    for (uint32_t i = 0; i < split->profile->n_samples; i++) {
        if (split->sample_group[i] != NO_GROUP)
            sorted[next[split->sample_group[i]]++] = i;
    }
    return sorted;
}

static IngestReason
add_rows(Split *split)
{
    const Profile *profile = split->profile;
    size_t n_rows = (size_t)split->groups->len * profile->n_sample_types;
    if (n_rows > SPLIT_ROWS_MAX) {
        error_set(split->error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "the sample labels and sample types split the profile into %zu series; at most "
                  "%d are taken",
                  n_rows, SPLIT_ROWS_MAX);
        return REASON_SERIES;
    }
    split->prepared->rows =
        arena_alloc_array(split->context->arena, n_rows, sizeof *split->prepared->rows);
    if (split->prepared->rows == NULL)
        return fail_memory(split);
    g_autofree uint32_t *sorted = sort_samples(split);
    const uint32_t *samples = sorted;
    for (guint i = 0; i < split->groups->len; i++) {
        const Group *group = &g_array_index(split->groups, Group, i);
        for (uint32_t type = 0; type < profile->n_sample_types; type++) {
            IngestReason reason = add_row(split, group, samples, type);
            if (reason != REASON_NONE)
                return reason;
        }
        samples += group->n_samples;
    }
    return REASON_NONE;
}

/* The names of sample types become label values. */
static IngestReason
check_types(const Split *split)
{
    const Profile *profile = split->profile;
    uint64_t max = (uint64_t)split->context->limits->label_value_length_max;
    for (uint32_t i = 0; i <= profile->n_sample_types; i++) {
        const ProfileValueType *type =
            i < profile->n_sample_types ? &profile->sample_types[i] : &profile->period_type;
        const ProfileString *texts[] = {&profile->strings[type->type],
                                        &profile->strings[type->unit]};
        for (size_t j = 0; j < G_N_ELEMENTS(texts); j++) {
            bool has_nul = texts[j]->length > 0 && memchr(texts[j]->data, 0, texts[j]->length);
            if (!has_nul && texts[j]->length * 8 <= max)
                continue;
            error_set(split->error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "%s %u: a type or unit is too long or holds a NUL byte",
                      i < profile->n_sample_types ? "sample_type" : "period_type", i);
            return REASON_MALFORMED;
        }
    }
    return REASON_NONE;
}

static void
clear_group(void *data)
{
    Group *group = data;
    g_array_unref(group->labels);
}

IngestReason
split_profile(PrepareContext *context, const GArray *labels, PreparedProfile *prepared,
              GError **error)
{
    const Profile *profile = &prepared->profile;
    Split split = {.context = context,
                   .own_labels = labels,
                   .prepared = prepared,
                   .profile = profile,
                   .plain_group = NO_GROUP,
                   .error = error};
    g_autoptr(GArray) groups = split.groups = g_array_new(FALSE, FALSE, sizeof(Group));
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    split.pairs = pairs;
    g_array_set_clear_func(groups, clear_group);
    split.sample_group =
        arena_alloc_array(context->arena, profile->n_samples, sizeof *split.sample_group);
    split.key_state = arena_alloc(context->arena, profile->n_strings);
    if (split.sample_group == NULL || split.key_state == NULL)
        return fail_memory(&split);
    IngestReason reason = check_types(&split);
    if (reason == REASON_NONE)
        reason = group_samples(&split);
    if (reason == REASON_NONE)
        reason = add_rows(&split);
    return reason;
}
