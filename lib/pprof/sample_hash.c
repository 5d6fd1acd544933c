#include "lib/pprof/sample_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Locations that are hashed at once. */
enum { HASH_LOCATIONS = 63 };

/* Of everything that samples refer to, by position. */
typedef struct {
    const Profile *profile;
    PprofHash *strings, *functions, *locations;
} Tables;

PprofHash
pprof_hash_bytes(const void *data, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(data, size);
    return (PprofHash){hash.low64, hash.high64};
}

static void
hash_strings(const Tables *tables)
{
    const Profile *profile = tables->profile;
    for (uint32_t i = 0; i < profile->n_strings; i++)
        tables->strings[i] = pprof_hash_bytes(profile->strings[i].data, profile->strings[i].length);
}

static void
hash_functions(const Tables *tables)
{
    const Profile *profile = tables->profile;
    for (uint32_t i = 0; i < profile->n_functions; i++) {
        const ProfileFunction *function = &profile->functions[i];
        struct {
            PprofHash name, system_name, filename;
            int64_t start_line;
        } content = {
            tables->strings[function->name],
            tables->strings[function->system_name],
            tables->strings[function->filename],
            function->start_line,
        };
        tables->functions[i] = pprof_hash_bytes(&content, sizeof content);
    }
}

static PprofHash
hash_location(const Tables *tables, const ProfileLocation *location)
{
    const Profile *profile = tables->profile;
    struct {
        PprofHash file;
        uint64_t address, is_folded;
    } content = {.address = location->address, .is_folded = location->is_folded};
    if (location->n_lines == 0 && location->mapping != PROFILE_NONE)
        content.file = tables->strings[profile->mappings[location->mapping].filename];
    PprofHash hash = pprof_hash_bytes(&content, sizeof content);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const ProfileLine *line = &profile->lines[location->first_line + i];
        struct {
            PprofHash before, function;
            int64_t line;
        } link = {hash, tables->functions[line->function], line->line};
        hash = pprof_hash_bytes(&link, sizeof link);
    }
    return hash;
}

/* The sum of the hashes of all labels, whatever their order. */
static PprofHash
hash_labels(const Tables *tables, const ProfileSample *sample)
{
    PprofHash sum = {0, 0};
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const ProfileLabel *label = &tables->profile->labels[sample->first_label + i];
        struct {
            PprofHash key, str, num_unit;
            int64_t num;
        } content = {tables->strings[label->key], tables->strings[label->str],
                     tables->strings[label->num_unit], label->num};
        PprofHash hash = pprof_hash_bytes(&content, sizeof content);
        sum.low += hash.low;
        sum.high += hash.high;
    }
    return sum;
}

/* Stacks may have any depth: they are hashed in pieces, each with the hash of what was before. */
static PprofHash
hash_sample(const Tables *tables, const ProfileSample *sample)
{
    struct {
        PprofHash before, locations[HASH_LOCATIONS];
    } piece;
    const uint32_t *stack = tables->profile->stack_locations + sample->first_location;
    PprofHash hash = hash_labels(tables, sample);
    uint32_t at = 0;
    do {
        uint32_t n = 0;
        piece.before = hash;
        for (; n < HASH_LOCATIONS && at < sample->n_locations; n++, at++)
            piece.locations[n] = tables->locations[stack[at]];
        hash = pprof_hash_bytes(&piece, (n + 1) * sizeof hash);
    } while (at < sample->n_locations);
    return hash;
}

PprofHash *
pprof_hash_samples(const Profile *profile, Arena *arena)
{
    PprofHash *samples = arena_alloc_array(arena, profile->n_samples, sizeof *samples);
    Tables tables = {
        .profile = profile,
        .strings = arena_alloc_array(arena, profile->n_strings, sizeof(PprofHash)),
        .functions = arena_alloc_array(arena, profile->n_functions, sizeof(PprofHash)),
        .locations = arena_alloc_array(arena, profile->n_locations, sizeof(PprofHash)),
    };
    if (!samples || !tables.strings || !tables.functions || !tables.locations)
        return NULL;
    hash_strings(&tables);
    hash_functions(&tables);
    for (uint32_t i = 0; i < profile->n_locations; i++)
        tables.locations[i] = hash_location(&tables, &profile->locations[i]);
    for (uint32_t i = 0; i < profile->n_samples; i++)
        samples[i] = hash_sample(&tables, &profile->samples[i]);
    return samples;
}
