#include "server/ingest/format/profile_set.h"

#include <string.h>

static void
clear_profile(void *data)
{
    SetProfile *profile = data;
    g_byte_array_unref(profile->pprof);
    g_array_unref(profile->labels);
}

ProfileSet *
profile_set_new(void)
{
    ProfileSet *set = g_new0(ProfileSet, 1);
    set->profiles = g_array_new(FALSE, FALSE, sizeof(SetProfile));
    g_array_set_clear_func(set->profiles, clear_profile);
    set->strings = g_string_chunk_new(1024);
    return set;
}

void
profile_set_free(ProfileSet *set)
{
    if (set == NULL)
        return;
    g_array_unref(set->profiles);
    g_string_chunk_free(set->strings);
    g_free(set);
}

SetProfile *
profile_set_add(ProfileSet *set, GByteArray *pprof)
{
    SetProfile profile = {.pprof = pprof, .labels = g_array_new(FALSE, FALSE, sizeof(Label))};
    g_array_append_val(set->profiles, profile);
    set->size_bytes += pprof->len;
    return &g_array_index(set->profiles, SetProfile, set->profiles->len - 1);
}

void
profile_set_label(ProfileSet *set, SetProfile *profile, const char *name, const char *value)
{
    for (guint i = 0; i < profile->labels->len; i++) {
        if (strcmp(g_array_index(profile->labels, Label, i).name, name) == 0)
            return;
    }
    Label label = {.name = profile_set_string(set, name), .value = profile_set_string(set, value)};
    g_array_append_val(profile->labels, label);
}

const char *
profile_set_string(ProfileSet *set, const char *text)
{
    return g_string_chunk_insert_const(set->strings, text);
}
