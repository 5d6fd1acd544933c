#include "server/ingest/source_code.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/build_id.h"
#include "server/ingest/series_labels.h"

static bool
add_string(Profile *profile, const char *text, Arena *arena)
{
    ProfileString *strings = arena_grow_array(arena, profile->strings, profile->n_strings,
                                              profile->n_strings + 1, sizeof *strings);
    const char *copy = arena_strndup(arena, text, strlen(text));
    if (strings == NULL || copy == NULL)
        return false;
    strings[profile->n_strings++] = (ProfileString){copy, (uint32_t)strlen(text)};
    profile->strings = strings;
    return true;
}

/* A mapping for all locations of a profile that has none. */
static bool
add_mapping(Profile *profile, Arena *arena)
{
    ProfileMapping *mapping = arena_alloc_array(arena, 1, sizeof *mapping);
    if (mapping == NULL)
        return false;
    *mapping = (ProfileMapping){.id = 1, .has_functions = true};
    profile->mappings = mapping;
    profile->n_mappings = 1;
    for (uint32_t i = 0; i < profile->n_locations; i++)
        profile->locations[i].mapping = 0;
    return true;
}

bool
source_code_put(const GArray *labels, Profile *profile, Arena *arena, GError **error)
{
    const Label *own = (const Label *)labels->data;
    const BuildSource source = {series_labels_get(own, labels->len, "service_repository"),
                                series_labels_get(own, labels->len, "service_git_ref"),
                                series_labels_get(own, labels->len, "service_root_path")};
    if (source.repository == NULL && source.git_ref == NULL && source.root_path == NULL)
        return true;
    if (profile->n_mappings > 0 || add_mapping(profile, arena)) {
        const ProfileString *before = &profile->strings[profile->mappings[0].build_id];
        g_autofree char *build_id = g_strndup(before->data, before->length);
        g_autofree char *text = build_id_with_source(build_id, &source);
        if (add_string(profile, text, arena)) {
            profile->mappings[0].build_id = profile->n_strings - 1;
            return true;
        }
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "the profile takes too much memory; the limit follows max_profile_size_bytes");
}
