#include "lib/pprof/prune.h"

#include <string.h>

/* Of each entry of a table first whether it is used, then its new position. */
typedef struct {
    uint32_t *locations, *functions, *mappings, *strings;
} Maps;

static void
mark_string(const Maps *maps, uint32_t *string)
{
    maps->strings[*string] = 1;
}

static void
renumber_string(const Maps *maps, uint32_t *string)
{
    *string = maps->strings[*string];
}

/* Numbers the used entries; returns how many there are. */
static uint32_t
number(uint32_t *map, uint32_t n)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++)
        map[i] = map[i] != 0 ? used++ : PROFILE_NONE;
    return used;
}

static void
keep_samples(Profile *profile, const bool *keep)
{
    uint32_t n = 0, n_stack = 0, n_labels = 0;
    size_t row = profile->n_sample_types * sizeof *profile->values;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        if (!keep[i])
            continue;
        ProfileSample sample = profile->samples[i];
        memmove(profile->stack_locations + n_stack,
                profile->stack_locations + sample.first_location,
                sample.n_locations * sizeof *profile->stack_locations);
        memmove(profile->labels + n_labels, profile->labels + sample.first_label,
                sample.n_labels * sizeof *profile->labels);
        memmove(profile->values + (size_t)n * profile->n_sample_types,
                profile->values + (size_t)i * profile->n_sample_types, row);
        sample.first_location = n_stack;
        sample.first_label = n_labels;
        n_stack += sample.n_locations;
        n_labels += sample.n_labels;
        profile->samples[n++] = sample;
    }
    profile->n_samples = n;
    profile->n_stack_locations = n_stack;
    profile->n_labels = n_labels;
}

/* Keeps the locations of the samples that are left, with their lines. */
static void
keep_locations(Profile *profile, const Maps *maps)
{
    for (uint32_t i = 0; i < profile->n_stack_locations; i++)
        maps->locations[profile->stack_locations[i]] = 1;
    number(maps->locations, profile->n_locations);
    for (uint32_t i = 0; i < profile->n_stack_locations; i++)
        profile->stack_locations[i] = maps->locations[profile->stack_locations[i]];
    uint32_t n = 0, n_lines = 0;
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        if (maps->locations[i] == PROFILE_NONE)
            continue;
        ProfileLocation location = profile->locations[i];
        memmove(profile->lines + n_lines, profile->lines + location.first_line,
                location.n_lines * sizeof *profile->lines);
        location.first_line = n_lines;
        n_lines += location.n_lines;
        profile->locations[n++] = location;
        profile->locations[n - 1].id = n;
    }
    profile->n_locations = n;
    profile->n_lines = n_lines;
}

static void
keep_functions(Profile *profile, const Maps *maps)
{
    for (uint32_t i = 0; i < profile->n_lines; i++)
        maps->functions[profile->lines[i].function] = 1;
    uint32_t n = profile->n_functions;
    profile->n_functions = number(maps->functions, n);
    for (uint32_t i = 0; i < profile->n_lines; i++)
        profile->lines[i].function = maps->functions[profile->lines[i].function];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t position = maps->functions[i];
        if (position == PROFILE_NONE)
            continue;
        profile->functions[position] = profile->functions[i];
        profile->functions[position].id = (uint64_t)position + 1;
    }
}

static void
keep_mappings(Profile *profile, const Maps *maps)
{
    uint32_t n = profile->n_mappings;
    if (n == 0)
        return;
    maps->mappings[0] = 1;
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        if (profile->locations[i].mapping != PROFILE_NONE)
            maps->mappings[profile->locations[i].mapping] = 1;
    }
    profile->n_mappings = number(maps->mappings, n);
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        uint32_t *mapping = &profile->locations[i].mapping;
        *mapping = *mapping != PROFILE_NONE ? maps->mappings[*mapping] : PROFILE_NONE;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t position = maps->mappings[i];
        if (position == PROFILE_NONE)
            continue;
        profile->mappings[position] = profile->mappings[i];
        profile->mappings[position].id = (uint64_t)position + 1;
    }
}

static void
each_string(Profile *profile, const Maps *maps, void (*visit)(const Maps *, uint32_t *))
{
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        visit(maps, &profile->sample_types[i].type);
        visit(maps, &profile->sample_types[i].unit);
    }
    for (uint32_t i = 0; i < profile->n_labels; i++) {
        visit(maps, &profile->labels[i].key);
        visit(maps, &profile->labels[i].str);
        visit(maps, &profile->labels[i].num_unit);
    }
    for (uint32_t i = 0; i < profile->n_mappings; i++) {
        visit(maps, &profile->mappings[i].filename);
        visit(maps, &profile->mappings[i].build_id);
    }
    for (uint32_t i = 0; i < profile->n_functions; i++) {
        visit(maps, &profile->functions[i].name);
        visit(maps, &profile->functions[i].system_name);
        visit(maps, &profile->functions[i].filename);
    }
    for (uint32_t i = 0; i < profile->n_comments; i++)
        visit(maps, &profile->comments[i]);
    visit(maps, &profile->period_type.type);
    visit(maps, &profile->period_type.unit);
    visit(maps, &profile->drop_frames);
    visit(maps, &profile->keep_frames);
    visit(maps, &profile->default_sample_type);
}

static void
keep_strings(Profile *profile, const Maps *maps)
{
    maps->strings[0] = 1; /* "" */
    each_string(profile, maps, mark_string);
    uint32_t n = profile->n_strings;
    profile->n_strings = number(maps->strings, n);
    each_string(profile, maps, renumber_string);
    for (uint32_t i = 0; i < n; i++) {
        if (maps->strings[i] != PROFILE_NONE)
            profile->strings[maps->strings[i]] = profile->strings[i];
    }
}

bool
pprof_prune(Profile *profile, const bool *keep, Arena *arena)
{
    Maps maps = {
        .locations = arena_alloc_array(arena, profile->n_locations, sizeof(uint32_t)),
        .functions = arena_alloc_array(arena, profile->n_functions, sizeof(uint32_t)),
        .mappings = arena_alloc_array(arena, profile->n_mappings, sizeof(uint32_t)),
        .strings = arena_alloc_array(arena, profile->n_strings, sizeof(uint32_t)),
    };
    if (!maps.locations || !maps.functions || !maps.mappings || !maps.strings)
        return false;
    keep_samples(profile, keep);
    keep_locations(profile, &maps);
    keep_functions(profile, &maps);
    keep_mappings(profile, &maps);
    keep_strings(profile, &maps);
    return true;
}
