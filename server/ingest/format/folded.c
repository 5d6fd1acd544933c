#include "server/ingest/format/folded.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/format/counted.h"
#include "server/ingest/format/stack.h"

typedef struct {
    CountedProfile *profile;
    size_t depth_max;
    GArray *locations; /* uint32_t, of the stack in work */
} Folded;

/* Frames of a stack as locations, the leaf first. */
static void
read_stack(Folded *folded, const char *at, const char *end)
{
    g_array_set_size(folded->locations, 0);
    while (at < end && folded->locations->len < folded->depth_max) {
        const char *next = memchr(at, ';', (size_t)(end - at));
        if (next == NULL)
            next = end;
        if (next > at) {
            uint32_t location =
                stack_frame(counted_profile_builder(folded->profile), at, (size_t)(next - at), 0);
            g_array_append_val(folded->locations, location);
        }
        at = next < end ? next + 1 : end;
    }
    uint32_t *locations = (uint32_t *)(void *)folded->locations->data;
    for (guint i = 0, n = folded->locations->len; i < n / 2; i++) {
        uint32_t swapped = locations[i];
        locations[i] = locations[n - 1 - i];
        locations[n - 1 - i] = swapped;
    }
}

/* Splits the count off the end of a line. */
static bool
read_count(const char *at, const char **end, uint64_t *ret_count, GError **error)
{
    const char *space = memrchr(at, ' ', (size_t)(*end - at));
    g_autofree char *digits =
        space != NULL ? g_strndup(space + 1, MIN(*end - space - 1, 32)) : NULL;
    guint64 count;
    if (digits == NULL || !g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, &count, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "a stack wants a space and a whole number behind it");
    *end = space;
    *ret_count = count;
    return true;
}

static bool
read_line(Folded *folded, const char *at, const char *end, bool is_counted, GError **error)
{
    uint64_t count = 1;
    while (end > at && g_ascii_isspace(end[-1]))
        end--;
    if (end == at)
        return true;
    if (is_counted && !read_count(at, &end, &count, error))
        return false;
    read_stack(folded, at, end);
    return counted_profile_add_count(folded->profile, (uint32_t *)(void *)folded->locations->data,
                                     folded->locations->len, count, error);
}

static bool
read_lines(Folded *folded, const char *at, const char *end, bool is_counted, GError **error)
{
    for (size_t line = 1; at < end; line++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (next == NULL)
            next = end;
        if (!read_line(folded, at, next, is_counted, error)) {
            g_prefix_error(error, "line %zu: ", line);
            return false;
        }
        at = next < end ? next + 1 : end;
    }
    return true;
}

bool
folded_read(const uint8_t *text, size_t size, bool is_counted, const ProfileSource *source,
            ProfileSet *set, GError **error)
{
    g_autoptr(CountedProfile) profile = counted_profile_new(source, error);
    if (profile == NULL)
        return false;
    g_autoptr(GArray) locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Folded folded = {.profile = profile,
                     .depth_max = (size_t)source->limits->stack_depth_max,
                     .locations = locations};
    const char *at = (const char *)text;
    if (size > 0 && !read_lines(&folded, at, at + size, is_counted, error))
        return false;
    if (pprof_builder_n_samples(counted_profile_builder(profile)) > 0)
        counted_profile_finish(profile, set);
    return true;
}
