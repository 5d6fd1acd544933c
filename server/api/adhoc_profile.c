#include "server/api/adhoc_profile.h"

#include <string.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/gzip.h"

/* A decoded pprof takes some times its size. */
#define ARENA_FACTOR    16
#define ARENA_BYTES_MIN (1024 * 1024)

void
adhoc_profile_clear(AdhocProfile *profile)
{
    g_strfreev(profile->types);
    g_free(profile->type);
    g_free(profile->unit);
    tree_free(profile->tree);
    *profile = (AdhocProfile){0};
}

/* ---- pprof. ---- */

static char *
string_of(const Profile *profile, uint32_t string)
{
    return g_strndup(profile->strings[string].data, profile->strings[string].length);
}

static GStrv
types_of(const Profile *profile)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        g_autofree char *type = string_of(profile, profile->sample_types[i].type);
        g_strv_builder_add(builder, type);
    }
    return g_strv_builder_end(builder);
}

/* The position of the wanted type, or of the one to show first. */
static bool
choose_type(const Profile *profile, GStrv types, const char *wanted, uint32_t *ret_at,
            GError **error)
{
    g_autofree char *first = string_of(profile, profile->default_sample_type);
    const char *name = wanted != NULL ? wanted : first;
    for (*ret_at = 0; types[*ret_at] != NULL; (*ret_at)++) {
        if (strcmp(types[*ret_at], name) == 0)
            return true;
    }
    *ret_at = 0;
    return wanted == NULL || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                       "the file has no values of type '%.100s'", wanted);
}

typedef struct {
    const Profile *profile;
    TreeBuilder *builder;
    uint32_t *names;   /* per function: id of its name + 1, 0 is not yet */
    uint64_t n_frames; /* added so far */
} Stacks;

static uint32_t
add_function(Stacks *stacks, uint32_t parent, uint32_t function)
{
    const ProfileString *name =
        &stacks->profile->strings[stacks->profile->functions[function].name];
    uint32_t *id = &stacks->names[function];
    if (*id == 0)
        *id = tree_builder_name(stacks->builder, name->data, name->length) + 1;
    return tree_builder_child_named(stacks->builder, parent, *id - 1);
}

/* A location without lines is called by its address. */
static uint32_t
add_location(Stacks *stacks, uint32_t parent, const ProfileLocation *location)
{
    if (location->n_lines == 0) {
        char name[24];
        int length = g_snprintf(name, sizeof name, "0x%" G_GINT64_MODIFIER "x", location->address);
        return tree_builder_child(stacks->builder, parent, name, (size_t)length);
    }
    for (uint32_t i = location->n_lines; i-- > 0;) {
        const ProfileLine *line = &stacks->profile->lines[location->first_line + i];
        parent = add_function(stacks, parent, line->function);
    }
    return parent;
}

static bool
add_samples(Stacks *stacks, uint32_t type, GError **error)
{
    const Profile *profile = stacks->profile;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const ProfileSample *sample = &profile->samples[i];
        int64_t value = profile->values[(size_t)i * profile->n_sample_types + type];
        if (value <= 0)
            continue;
        uint32_t node = 0;
        for (uint32_t k = sample->n_locations; k-- > 0;) {
            uint32_t at = profile->stack_locations[sample->first_location + k];
            const ProfileLocation *location = &profile->locations[at];
            stacks->n_frames += MAX(location->n_lines, 1);
            if (stacks->n_frames > CRESSET_PROFILE_FRAMES_MAX)
                return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                 "the stacks of the file have more than %d frames",
                                 CRESSET_PROFILE_FRAMES_MAX);
            node = add_location(stacks, node, location);
        }
        tree_builder_add(stacks->builder, node, value);
    }
    return true;
}

static bool
read_pprof(const uint8_t *data, size_t size, const char *wanted, AdhocProfile *ret_profile,
           GError **error)
{
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES_MIN + ARENA_FACTOR * size);
    const PprofInput input = {.data = data, .size = size, .arena = arena};
    Profile profile;
    uint32_t type;
    if (pprof_decode(&input, &profile, error) != PPROF_OK)
        return false;
    ret_profile->types = types_of(&profile);
    if (!choose_type(&profile, ret_profile->types, wanted, &type, error))
        return false;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    g_autofree uint32_t *names = g_new0(uint32_t, (size_t)profile.n_functions + 1);
    Stacks stacks = {.profile = &profile, .builder = builder, .names = names};
    if (!add_samples(&stacks, type, error))
        return false;
    ret_profile->type = g_strdup(ret_profile->types[type]);
    ret_profile->unit = string_of(&profile, profile.sample_types[type].unit);
    ret_profile->tree = tree_builder_finish(builder);
    return true;
}

/* ---- Telling them apart. ---- */

/* A pprof always has bytes that text has not. */
static bool
is_text(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] < ' ' && data[i] != '\t' && data[i] != '\n' && data[i] != '\r')
            return false;
    }
    return g_utf8_validate((const char *)data, (gssize)size, NULL);
}

/* The header of a sample of perf script ends in a colon, a collapsed stack in a number. */
static bool
is_perf_script(const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *last = newline != NULL ? newline : end;
        while (last > text && g_ascii_isspace(last[-1]))
            last--;
        if (last > text && *text != '#')
            return last[-1] == ':';
        text = newline != NULL ? newline + 1 : end;
    }
    return false;
}

/* A file with one kind of values. */
static bool
read_text(const char *text, size_t size, const char *wanted, AdhocProfile *ret_profile,
          GError **error)
{
    bool is_ok = text[0] == '{' ? adhoc_read_flamebearer(text, size, ret_profile, error)
                 : is_perf_script(text, size)
                     ? adhoc_read_perf_script(text, size, ret_profile, error)
                     : adhoc_read_collapsed(text, size, ret_profile, error);
    if (!is_ok)
        return false;
    ret_profile->types = g_new0(char *, 2);
    ret_profile->types[0] = g_strdup(ret_profile->type);
    return wanted == NULL || strcmp(wanted, ret_profile->type) == 0 ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "the file has no values of type '%.100s'", wanted);
}

bool
adhoc_profile_read(const uint8_t *data, size_t size, size_t size_max, const char *type,
                   AdhocProfile *ret_profile, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *ret_profile = (AdhocProfile){0};
    g_autoptr(GByteArray) plain = gzip_decompress(data, size, size_max, &failure);
    if (failure != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the file cannot be decompressed to at most %zu bytes (limit "
                         "max_profile_size_bytes): %s",
                         size_max, failure->message);
    if (plain != NULL) {
        data = plain->data;
        size = plain->len;
    }
    if (size == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the file is empty");
    return is_text(data, size) ? read_text((const char *)data, size, type, ret_profile, error)
                               : read_pprof(data, size, type, ret_profile, error);
}
