#include "lib/pprof/delta.h"

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/prune.h"
#include "lib/pprof/sample_hash.h"
#include "lib/pprof/wire.h"

/* A decoded profile with what the comparison needs has three to five times the bytes of the plain
 * one; more than this is made to be large. */
#define ARENA_BYTES_MAX (4 * (size_t)CRESSET_DELTA_BYTES_MAX)

struct PprofDelta {
    const char *const *types;
    bool has_base;
    PprofHash layout; /* the types and the period that the values of the base belong to */
    int64_t time_ns, start_ns;
    /* Rows of the last profile, and behind them those of the profile before that were gone in the
     * last. A row: the hash of the sample, and the value of each cumulative type as a varint. */
    uint8_t *base;
    size_t base_size;
    uint32_t n_rows, n_gone;
};

/* A profile beside the base. */
typedef struct {
    PprofDelta *delta;
    const PprofDeltaInput *input;
    Arena *arena;
    Profile profile;
    uint32_t *columns, n_columns; /* the cumulative ones among the sample types */
    PprofHash layout;
    int64_t time_ns;
    PprofHash *hashes;     /* of every sample */
    uint32_t *slots, mask; /* the first sample with a hash: its position + 1, or 0 */
    bool *keep;            /* the first samples with their hash */
    uint64_t *before;      /* n_columns for each sample: what the base says */
    uint64_t *totals;      /* of each column */
    uint64_t *last_totals; /* … and in the last profile */
    uint32_t n_fallen;     /* rows of the last profile that are gone or have less */
    WireBuffer gone, base; /* rows */
    uint32_t n_rows, n_gone;
} Comparison;

PprofDelta *
pprof_delta_new(const char *const *cumulative_types)
{
    PprofDelta *delta = g_new0(PprofDelta, 1);
    delta->types = cumulative_types;
    return delta;
}

void
pprof_delta_free(PprofDelta *delta)
{
    if (delta == NULL)
        return;
    g_free(delta->base);
    g_free(delta);
}

size_t
pprof_delta_memory(const PprofDelta *delta)
{
    return sizeof *delta + delta->base_size;
}

static uint64_t
add_capped(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* ---- The profile ---- */

static bool
decode(Comparison *c, const uint8_t *data, size_t size, GError **error)
{
    if (size > CRESSET_DELTA_BYTES_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the profile has %zu bytes, over the limit of %d", size,
                         CRESSET_DELTA_BYTES_MAX);
    PprofInput input = {
        .data = data, .size = size, .samples_max = CRESSET_DELTA_SAMPLES_MAX, .arena = c->arena};
    g_autoptr(GError) problem = NULL;
    switch (pprof_decode(&input, &c->profile, &problem)) {
    case PPROF_OK:
        return true;
    case PPROF_SAMPLES:
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the profile has more samples than the limit of %d",
                         CRESSET_DELTA_SAMPLES_MAX);
    case PPROF_SIZE:
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the decoded profile is over the limit of %zu bytes", ARENA_BYTES_MAX);
    case PPROF_SAMPLE_LABELS:
    case PPROF_MALFORMED:
        break;
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

static bool
is_cumulative(const Comparison *c, uint32_t type)
{
    const ProfileString *name = &c->profile.strings[c->profile.sample_types[type].type];
    for (const char *const *known = c->delta->types; *known != NULL; known++) {
        if (strlen(*known) == name->length && memcmp(*known, name->data, name->length) == 0)
            return true;
    }
    return false;
}

static PprofHash
hash_text(const Profile *profile, uint32_t string)
{
    return pprof_hash_bytes(profile->strings[string].data, profile->strings[string].length);
}

/* Values can be compared with those of the base when both have the same types, units and period. */
static PprofHash
hash_layout(const Comparison *c)
{
    const Profile *profile = &c->profile;
    struct {
        PprofHash before, type, unit;
        int64_t period;
    } link = {
        .type = hash_text(profile, profile->period_type.type),
        .unit = hash_text(profile, profile->period_type.unit),
        .period = profile->period,
    };
    PprofHash hash = pprof_hash_bytes(&link, sizeof link);
    for (uint32_t i = 0; i < c->n_columns; i++) {
        link.before = hash;
        link.type = hash_text(profile, profile->sample_types[c->columns[i]].type);
        link.unit = hash_text(profile, profile->sample_types[c->columns[i]].unit);
        hash = pprof_hash_bytes(&link, sizeof link);
    }
    return hash;
}

/* Which types are cumulative, and whether there is a base to compare with. */
static bool
find_columns(Comparison *c)
{
    c->columns = arena_alloc_array(c->arena, c->profile.n_sample_types, sizeof *c->columns);
    if (c->columns == NULL)
        return false;
    for (uint32_t i = 0; i < c->profile.n_sample_types; i++) {
        if (is_cumulative(c, i))
            c->columns[c->n_columns++] = i;
    }
    c->layout = hash_layout(c);
    c->time_ns = c->profile.time_ns > 0 ? c->profile.time_ns : c->input->time_ns;
    return true;
}

/* ---- Its rows: samples with equal hashes are one ---- */

static int64_t *
values_of(const Comparison *c, uint32_t sample)
{
    return c->profile.values + (size_t)sample * c->profile.n_sample_types;
}

static uint64_t *
before_of(const Comparison *c, uint32_t sample)
{
    return c->before + (size_t)sample * c->n_columns;
}

static bool
hash_equals(PprofHash a, PprofHash b)
{
    return a.low == b.low && a.high == b.high;
}

/* The slot of a hash, or the free one where it belongs. */
static uint32_t *
find_slot(const Comparison *c, PprofHash hash)
{
    uint32_t slot = (uint32_t)hash.low & c->mask;
    while (c->slots[slot] != 0 && !hash_equals(c->hashes[c->slots[slot] - 1], hash))
        slot = (slot + 1) & c->mask;
    return &c->slots[slot];
}

static bool
allocate_rows(Comparison *c)
{
    uint32_t n = c->profile.n_samples, n_slots = 16;
    while (n_slots < n * 2)
        n_slots *= 2;
    c->mask = n_slots - 1;
    c->hashes = pprof_hash_samples(&c->profile, c->arena);
    c->slots = arena_alloc_array(c->arena, n_slots, sizeof *c->slots);
    c->keep = arena_alloc_array(c->arena, n, sizeof *c->keep);
    c->before = arena_alloc_array(c->arena, (size_t)n * c->n_columns, sizeof *c->before);
    c->totals = arena_alloc_array(c->arena, c->n_columns, sizeof *c->totals);
    c->last_totals = arena_alloc_array(c->arena, c->n_columns, sizeof *c->last_totals);
    return c->hashes && c->slots && c->keep && c->before && c->totals && c->last_totals;
}

/* Adds the values of `sample` to those of `first`, which has the same hash. */
static void
add_values(const Comparison *c, uint32_t first, uint32_t sample)
{
    int64_t *sum = values_of(c, first), *values = values_of(c, sample);
    uint32_t column = 0;
    for (uint32_t i = 0; i < c->profile.n_sample_types; i++) {
        if (column < c->n_columns && c->columns[column] == i) {
            sum[i] = (int64_t)add_capped((uint64_t)sum[i], (uint64_t)values[i]);
            column++;
        } else {
            sum[i] = (int64_t)((uint64_t)sum[i] + (uint64_t)values[i]);
        }
    }
}

static bool
make_rows(Comparison *c)
{
    if (!allocate_rows(c))
        return false;
    for (uint32_t i = 0; i < c->profile.n_samples; i++) {
        int64_t *values = values_of(c, i);
        for (uint32_t j = 0; j < c->n_columns; j++) {
            int64_t *value = &values[c->columns[j]];
            *value = MAX(*value, 0); /* no counter is negative */
            c->totals[j] = add_capped(c->totals[j], (uint64_t)*value);
        }
        uint32_t *slot = find_slot(c, c->hashes[i]);
        if (*slot != 0) {
            add_values(c, *slot - 1, i);
        } else {
            *slot = i + 1;
            c->keep[i] = true;
        }
    }
    return true;
}

/* ---- The base ---- */

/* Reads a row of the base at `at`; returns where the next one begins. */
static const uint8_t *
compare_row(Comparison *c, const uint8_t *at, bool is_of_last)
{
    const uint8_t *start = at, *end = c->delta->base + c->delta->base_size;
    PprofHash hash;
    memcpy(&hash, at, sizeof hash);
    at += sizeof hash;
    uint32_t found = *find_slot(c, hash);
    bool has_fallen = found == 0;
    for (uint32_t i = 0; i < c->n_columns; i++) {
        uint64_t value = 0;
        wire_read_varint(&at, end, &value);
        if (is_of_last)
            c->last_totals[i] = add_capped(c->last_totals[i], value);
        if (found == 0)
            continue;
        before_of(c, found - 1)[i] = value;
        has_fallen |= value > (uint64_t)values_of(c, found - 1)[c->columns[i]];
    }
    if (is_of_last) {
        c->n_fallen += has_fallen;
        if (found == 0) {
            wire_put_raw(&c->gone, start, (size_t)(at - start));
            c->n_gone++;
        }
    }
    return at;
}

static void
compare_base(Comparison *c)
{
    const uint8_t *at = c->delta->base;
    for (uint32_t i = 0; i < c->delta->n_rows + c->delta->n_gone; i++)
        at = compare_row(c, at, i < c->delta->n_rows);
}

static bool
is_reset(const Comparison *c)
{
    const PprofDelta *delta = c->delta;
    if (c->input->start_ns > delta->time_ns && c->input->start_ns != delta->start_ns)
        return true;
    for (uint32_t i = 0; i < c->n_columns; i++) {
        if (c->totals[i] < c->last_totals[i])
            return true;
    }
    return c->n_fallen > 0 && c->n_fallen >= delta->n_rows - c->n_fallen;
}

static PprofDeltaKind
compare(Comparison *c)
{
    const PprofDelta *delta = c->delta;
    const PprofDeltaInput *input = c->input;
    if (!delta->has_base) {
        bool is_young = input->start_ns > 0 && c->time_ns - input->start_ns <= input->interval_ns;
        return is_young ? PPROF_DELTA_CHANGED : PPROF_DELTA_FIRST;
    }
    if (!hash_equals(c->layout, delta->layout))
        return PPROF_DELTA_FIRST;
    compare_base(c);
    return is_reset(c) ? PPROF_DELTA_RESET : PPROF_DELTA_CHANGED;
}

/* The rows that the next profile is compared with: those of this one, and with `with_gone` those of
 * the last one that are gone. */
static void
write_base(Comparison *c, bool with_gone)
{
    WireBuffer *base = &c->base;
    for (uint32_t i = 0; i < c->profile.n_samples; i++) {
        const int64_t *values = values_of(c, i);
        int64_t any = 0;
        for (uint32_t j = 0; j < c->n_columns; j++)
            any |= values[c->columns[j]];
        if (!c->keep[i] || any == 0)
            continue;
        wire_put_raw(base, &c->hashes[i], sizeof c->hashes[i]);
        for (uint32_t j = 0; j < c->n_columns; j++)
            wire_put_varint(base, (uint64_t)values[c->columns[j]]);
        c->n_rows++;
    }
    if (with_gone)
        wire_put_raw(base, c->gone.data, c->gone.size);
    else
        c->n_gone = 0;
}

static void
keep_base(Comparison *c)
{
    PprofDelta *delta = c->delta;
    g_free(delta->base);
    delta->base = g_memdup2(c->base.data, c->base.size);
    delta->base_size = c->base.size;
    delta->n_rows = c->n_rows;
    delta->n_gone = c->n_gone;
    delta->has_base = true;
    delta->layout = c->layout;
    delta->time_ns = c->time_ns;
    delta->start_ns = c->input->start_ns;
}

/* ---- The delta ---- */

/* Turns the values of rows into deltas, and keeps the rows that have any; false: none has. */
static bool
subtract(Comparison *c, PprofDeltaKind kind)
{
    bool any = false;
    for (uint32_t i = 0; i < c->profile.n_samples; i++) {
        if (!c->keep[i])
            continue;
        int64_t *values = values_of(c, i), bits = 0;
        for (uint32_t j = 0; j < c->n_columns; j++) {
            int64_t *value = &values[c->columns[j]];
            int64_t before = (int64_t)before_of(c, i)[j];
            if (kind == PPROF_DELTA_FIRST)
                *value = 0;
            else if (kind == PPROF_DELTA_CHANGED)
                *value = MAX(*value - before, 0);
        }
        for (uint32_t j = 0; j < c->profile.n_sample_types; j++)
            bits |= values[j];
        c->keep[i] = bits != 0;
        any |= c->keep[i];
    }
    return any;
}

/* A first profile tells no more than its own time. */
static void
set_time(Comparison *c, PprofDeltaKind kind)
{
    c->profile.time_ns = c->time_ns;
    if (kind == PPROF_DELTA_FIRST)
        return;
    int64_t begin = MAX(c->delta->time_ns, c->input->start_ns);
    begin = MIN(begin, c->time_ns);
    c->profile.time_ns = begin;
    c->profile.duration_ns = c->time_ns - begin;
}

static void
pass(GByteArray *out, const uint8_t *data, size_t size)
{
    g_byte_array_set_size(out, 0);
    g_byte_array_append(out, data, (guint)size);
}

static bool
fail_memory(GError **error)
{
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "comparing the profile needs more than the limit of %zu bytes",
                     ARENA_BYTES_MAX);
}

/* Compares the decoded profile; the base is the new one only when nothing can fail any more. */
static bool
advance(Comparison *c, GByteArray *out, PprofDeltaKind *ret_kind, GError **error)
{
    if (!make_rows(c))
        return fail_memory(error);
    PprofDeltaKind kind = compare(c);
    write_base(c, kind == PPROF_DELTA_CHANGED);
    bool any = subtract(c, kind);
    set_time(c, kind);
    if (any && !pprof_prune(&c->profile, c->keep, c->arena))
        return fail_memory(error);
    keep_base(c);
    g_byte_array_set_size(out, 0);
    if (any) {
        g_autoptr(GByteArray) encoded = pprof_encode(&c->profile);
        pass(out, encoded->data, encoded->len);
    }
    *ret_kind = any || kind == PPROF_DELTA_FIRST ? kind : PPROF_DELTA_EMPTY;
    return true;
}

static bool
next_plain(PprofDelta *delta, const PprofDeltaInput *input, const uint8_t *data, size_t size,
           GByteArray *out, PprofDeltaKind *ret_kind, GError **error)
{
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES_MAX);
    Comparison c = {.delta = delta, .input = input, .arena = arena};
    if (!decode(&c, data, size, error))
        return false;
    if (!find_columns(&c))
        return fail_memory(error);
    if (c.n_columns == 0) {
        pass(out, data, size);
        *ret_kind = PPROF_DELTA_CHANGED;
        return true;
    }
    bool ok = advance(&c, out, ret_kind, error);
    g_free(c.gone.data);
    g_free(c.base.data);
    return ok;
}

bool
pprof_delta_next(PprofDelta *delta, const PprofDeltaInput *input, GByteArray *out,
                 PprofDeltaKind *ret_kind, GError **error)
{
    if (delta->types[0] == NULL) {
        pass(out, input->profile, input->size);
        *ret_kind = PPROF_DELTA_CHANGED;
        return true;
    }
    g_autoptr(GError) problem = NULL;
    g_autoptr(GByteArray) raw =
        gzip_decompress(input->profile, input->size, CRESSET_DELTA_BYTES_MAX, &problem);
    if (problem != NULL) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    const uint8_t *data = raw != NULL ? raw->data : input->profile;
    size_t size = raw != NULL ? raw->len : input->size;
    return next_plain(delta, input, data, size, out, ret_kind, error);
}
