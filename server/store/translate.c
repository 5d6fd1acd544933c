#include "server/store/translate.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"

void
translation_clear(Translation *translation)
{
    g_free(translation->memory);
    g_free(translation->name_hashes);
    g_free(translation->mapping_hashes);
    g_free(translation->stacks);
    g_free(translation->lines);
    *translation = (Translation){0};
}

enum { LOOKUPS_AT_ONCE = 16 };

static bool
bad_reference(GError **error, const char *what, uint32_t at, const char *missing)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "profile: %s %" G_GUINT32_FORMAT " names a %s that is not there", what, at,
                     missing);
}

static uint32_t
translate_string(Translation *translation, uint32_t string)
{
    if (string >= translation->profile->n_strings)
        return 0;
    uint32_t *cached = &translation->strings[string];
    if (*cached == HASH_INDEX_NONE) {
        ProfileString text = translation->profile->strings[string];
        *cached = symbol_table_string(translation->table, text.data, text.length);
    }
    return *cached;
}

static uint32_t
clamp_line(int64_t line)
{
    return (uint32_t)CLAMP(line, 0, (int64_t)UINT32_MAX);
}

static uint32_t
translate_function(Translation *translation, uint32_t function)
{
    uint32_t *cached = &translation->functions[function];
    if (*cached == HASH_INDEX_NONE) {
        const ProfileFunction *from = &translation->profile->functions[function];
        SymbolFunction entry = {
            .name = translate_string(translation, from->name),
            .system_name = translate_string(translation, from->system_name),
            .filename = translate_string(translation, from->filename),
            .start_line = clamp_line(from->start_line),
        };
        *cached = symbol_table_function(translation->table, &entry);
    }
    return *cached;
}

/* The id + 1 of a mapping, 0 for none; `is_bare` leaves out the address range. */
static uint32_t
translate_mapping(Translation *translation, uint32_t mapping, bool is_bare)
{
    if (mapping == PROFILE_NONE)
        return 0;
    uint32_t *cached =
        is_bare ? &translation->bare_mappings[mapping] : &translation->mappings[mapping];
    if (*cached == HASH_INDEX_NONE) {
        const ProfileMapping *from = &translation->profile->mappings[mapping];
        SymbolMapping entry = {
            .start = is_bare ? 0 : from->start,
            .limit = is_bare ? 0 : from->limit,
            .offset = is_bare ? 0 : from->offset,
            .filename = translate_string(translation, from->filename),
            .build_id = translate_string(translation, from->build_id),
            .flags = (uint32_t)from->has_functions | (uint32_t)from->has_filenames << 1 |
                     (uint32_t)from->has_line_numbers << 2 | (uint32_t)from->has_inline_frames << 3,
        };
        *cached = symbol_table_mapping(translation->table, &entry) + 1;
    }
    return *cached;
}

static uint64_t
hash_string(const Translation *translation, uint32_t string, uint64_t seed)
{
    if (string >= translation->profile->n_strings)
        return seed;
    ProfileString text = translation->profile->strings[string];
    return XXH3_64bits_withSeed(text.data, text.length, seed);
}

static uint64_t
name_hash(Translation *translation, uint32_t function)
{
    uint64_t *cached = &translation->name_hashes[function];
    if (*cached == 0) {
        const ProfileFunction *entry = &translation->profile->functions[function];
        uint64_t hash = hash_string(translation, entry->name, translation->table->seed);
        hash = hash_string(translation, entry->filename, hash ^ (uint64_t)entry->start_line);
        *cached = hash_string(translation, entry->system_name, hash) | 1;
    }
    return *cached;
}

/* What makes addresses of a mapping comparable across profiles: the build id, else the file and
 * where it starts. */
static uint64_t
mapping_hash(Translation *translation, uint32_t mapping)
{
    uint64_t *cached = &translation->mapping_hashes[mapping];
    if (*cached == 0) {
        const ProfileMapping *entry = &translation->profile->mappings[mapping];
        uint64_t seed = translation->table->seed;
        if (entry->build_id != 0)
            seed ^= (entry->start - entry->offset) * 0x9E3779B97F4A7C15ull;
        else
            seed ^= entry->start;
        uint32_t flags = (uint32_t)entry->has_functions | (uint32_t)entry->has_filenames << 1 |
                         (uint32_t)entry->has_line_numbers << 2 |
                         (uint32_t)entry->has_inline_frames << 3;
        uint64_t hash = hash_string(translation, entry->build_id, seed + flags);
        *cached = hash_string(translation, entry->filename, hash) | 1;
    }
    return *cached;
}

/* The key under which the address cache knows a location; 0 when it must not be used. */
static uint64_t
address_key(Translation *translation, const ProfileLocation *location)
{
    if (location->address == 0 || location->mapping == PROFILE_NONE || location->n_lines == 0)
        return 0;
    uint64_t key = mapping_hash(translation, location->mapping);
    key = (key ^ location->address) * 0xff51afd7ed558ccdull;
    key ^= key >> 32 ^ (uint64_t)location->is_folded << 7 ^ location->n_lines;
    const ProfileLine *lines = translation->profile->lines + location->first_line;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        key = (key ^ name_hash(translation, lines[i].function)) * 0x9E3779B97F4A7C15ull;
        key = (key ^ key >> 29 ^ (uint64_t)lines[i].line) * 0xff51afd7ed558ccdull;
        key ^= key >> 32;
    }
    return key | 1;
}

static bool
check_location(const Profile *profile, uint32_t at, GError **error)
{
    const ProfileLocation *location = &profile->locations[at];
    if (location->mapping != PROFILE_NONE && location->mapping >= profile->n_mappings)
        return bad_reference(error, "location", at, "mapping");
    if ((uint64_t)location->first_line + location->n_lines > profile->n_lines)
        return bad_reference(error, "location", at, "line");
    if (location->n_lines > CRESSET_LOCATION_LINES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile: location %u has %u lines, more than %d", at, location->n_lines,
                         CRESSET_LOCATION_LINES_MAX);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (profile->lines[location->first_line + i].function >= profile->n_functions)
            return bad_reference(error, "location", at, "function");
    }
    return true;
}

static bool
translate_location(Translation *translation, uint32_t at, GError **error)
{
    const Profile *profile = translation->profile;
    if (!check_location(profile, at, error))
        return false;
    const ProfileLocation *from = &profile->locations[at];
    uint64_t key = address_key(translation, from);
    for (uint32_t i = 0; i < from->n_lines; i++) {
        ProfileLine line = profile->lines[from->first_line + i];
        translation->lines[i] =
            (SymbolLine){translate_function(translation, line.function), clamp_line(line.line)};
    }
    bool is_symbolized = from->n_lines > 0;
    SymbolLocation entry = {
        .address = is_symbolized ? 0 : from->address,
        .mapping = translate_mapping(translation, from->mapping, is_symbolized),
        .n_lines = from->n_lines,
        .is_folded = from->is_folded,
    };
    uint32_t id = symbol_table_location(translation->table, &entry, translation->lines);
    translation->locations[at] = id;
    if (key != 0)
        hash_index_add(&translation->table->addresses, key, id);
    return true;
}

/* Looks the locations `from` up to `to` up in the address cache; all at once, so that the lookups
 * wait for memory together. What is not valid or not known is left to translate_location. */
static void
find_known(Translation *translation, uint32_t from, uint32_t to)
{
    const HashIndex *addresses = &translation->table->addresses;
    uint64_t keys[LOOKUPS_AT_ONCE];
    if (addresses->n == 0)
        return;
    for (uint32_t i = from; i < to; i++) {
        bool is_valid = check_location(translation->profile, i, NULL);
        keys[i - from] =
            is_valid ? address_key(translation, &translation->profile->locations[i]) : 0;
        hash_index_prefetch(addresses, keys[i - from]);
    }
    for (uint32_t i = from; i < to; i++) {
        if (keys[i - from] != 0)
            translation->locations[i] = hash_index_get(addresses, keys[i - from]);
    }
}

void
translation_init(Translation *translation, SymbolTable *table, const Profile *profile)
{
    *translation = (Translation){.table = table, .profile = profile};
    size_t n_ids = (size_t)profile->n_strings + profile->n_functions + profile->n_locations +
                   profile->n_samples + 2 * (size_t)profile->n_mappings;
    uint32_t *at = g_malloc_n(n_ids + 1, sizeof *at);
    memset(at, 0xff, n_ids * sizeof *at);
    translation->memory = at;
    translation->strings = at;
    translation->functions = at += profile->n_strings;
    translation->locations = at += profile->n_functions;
    translation->nodes = at += profile->n_locations;
    translation->mappings = at += profile->n_samples;
    translation->bare_mappings = at + profile->n_mappings;
    translation->name_hashes = g_new0(uint64_t, (size_t)profile->n_functions + 1);
    translation->mapping_hashes = g_new0(uint64_t, (size_t)profile->n_mappings + 1);
    translation->lines = g_new(SymbolLine, CRESSET_LOCATION_LINES_MAX);
    translation->frames_before = table->function_parent.n;
    for (uint32_t i = 0; i < profile->n_locations; i += LOOKUPS_AT_ONCE)
        find_known(translation, i, MIN(i + LOOKUPS_AT_ONCE, profile->n_locations));
}

/* A stack whose lookup is under way. */
typedef struct {
    uint64_t key;
    size_t first; /* its location ids in stacks */
    uint32_t n, sample;
} Lookup;

static uint32_t *
push_stack(Translation *translation, uint32_t n)
{
    size_t needed = translation->n_stacked + n;
    if (needed > translation->stacks_capacity || translation->stacks == NULL) {
        translation->stacks_capacity = MAX(needed * 2, (size_t)1024);
        translation->stacks = g_renew(uint32_t, translation->stacks, translation->stacks_capacity);
    }
    uint32_t *stack = translation->stacks + translation->n_stacked;
    translation->n_stacked = needed;
    return stack;
}

static bool
begin_lookup(Translation *translation, uint32_t sample, Lookup *ret_lookup, GError **error)
{
    const Profile *profile = translation->profile;
    ProfileSample entry = profile->samples[sample];
    if ((uint64_t)entry.first_location + entry.n_locations > profile->n_stack_locations)
        return bad_reference(error, "sample", sample, "location");
    *ret_lookup =
        (Lookup){.first = translation->n_stacked, .n = entry.n_locations, .sample = sample};
    uint32_t *stack = push_stack(translation, entry.n_locations);
    for (uint32_t i = 0; i < entry.n_locations; i++) {
        uint32_t from = profile->stack_locations[entry.first_location + i];
        if (from >= profile->n_locations)
            return bad_reference(error, "sample", sample, "location");
        if (translation->locations[from] == HASH_INDEX_NONE &&
            !translate_location(translation, from, error))
            return false;
        stack[i] = translation->locations[from];
    }
    ret_lookup->key = symbol_table_stack_key(translation->table, stack, entry.n_locations);
    return true;
}

static bool
end_lookup(Translation *translation, const Lookup *lookup, GError **error)
{
    translation->nodes[lookup->sample] = symbol_table_stack(
        translation->table, lookup->key, translation->stacks + lookup->first, lookup->n);
    if (translation->table->function_parent.n - translation->frames_before >
        CRESSET_PROFILE_FRAMES_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "profile: its stacks unfold into more than %d frames",
                         CRESSET_PROFILE_FRAMES_MAX);
    return true;
}

/* Some stacks at a time, so that the lookups wait for memory together. */
static bool
translate_stacks(Translation *translation, const uint32_t *samples, uint32_t n, GError **error)
{
    Lookup lookups[LOOKUPS_AT_ONCE];
    uint32_t n_lookups = 0;
    translation->n_stacked = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (samples[i] >= translation->profile->n_samples)
            return bad_reference(error, "row", samples[i], "sample");
        if (translation->nodes[samples[i]] == HASH_INDEX_NONE &&
            !begin_lookup(translation, samples[i], &lookups[n_lookups++], error))
            return false;
    }
    for (uint32_t i = 0; i < n_lookups; i++) {
        if (!end_lookup(translation, &lookups[i], error))
            return false;
    }
    return true;
}

bool
translation_nodes(Translation *translation, const uint32_t *samples, uint32_t n, GError **error)
{
    for (uint32_t i = 0; i < n; i += LOOKUPS_AT_ONCE) {
        if (!translate_stacks(translation, samples + i, MIN(n - i, LOOKUPS_AT_ONCE), error))
            return false;
    }
    return true;
}
