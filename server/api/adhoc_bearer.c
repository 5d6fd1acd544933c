/* Flamebearer documents: what /pyroscope/render gives. */
#include <jansson.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/json_text.h"
#include "server/api/adhoc_profile.h"

/* A parsed value takes some 64 bytes. */
enum { VALUES_PER_NODE = 4, VALUES_MAX = 8 * 1024 * 1024 };

/* The nodes of one level, from left to right. */
typedef struct {
    int64_t start, end;
    uint32_t node; /* in the builder */
} Box;

typedef struct {
    const json_t *names, *levels;
    TreeBuilder *builder;
    GArray *above, *level; /* Box */
} Bearer;

static bool
fail_node(size_t level, size_t node, const char *what, GError **error)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "flamebearer: level %zu, node %zu: %s",
                     level, node, what);
}

/* The four numbers of a node: non-negative, below 2^62 so that sums of two fit. */
static bool
read_values(const json_t *level, size_t at, int64_t values[VALUES_PER_NODE])
{
    for (size_t i = 0; i < VALUES_PER_NODE; i++) {
        const json_t *value = json_array_get(level, at * VALUES_PER_NODE + i);
        values[i] = json_integer_value(value);
        if (!json_is_integer(value) || values[i] < 0 || values[i] > INT64_MAX / 2)
            return false;
    }
    return true;
}

/* Adds a node below the box above it that spans it; *parent moves on from left to right. */
static bool
add_node(Bearer *bearer, size_t level, size_t at, const int64_t *values, int64_t start,
         guint *parent, GError **error)
{
    const json_t *name = json_array_get(bearer->names, (size_t)values[3]);
    Box box = {.start = start, .end = start + values[1]};
    if (!json_is_string(name))
        return fail_node(level, at, "there is no such name", error);
    if (level > 0) {
        while (*parent < bearer->above->len &&
               g_array_index(bearer->above, Box, *parent).end < box.end)
            (*parent)++;
        if (*parent == bearer->above->len ||
            g_array_index(bearer->above, Box, *parent).start > box.start)
            return fail_node(level, at, "it does not lie below a node", error);
        box.node =
            tree_builder_child(bearer->builder, g_array_index(bearer->above, Box, *parent).node,
                               json_string_value(name), json_string_length(name));
        tree_builder_add(bearer->builder, box.node, values[2]);
    }
    g_array_append_val(bearer->level, box);
    return true;
}

static bool
read_level(Bearer *bearer, size_t level, GError **error)
{
    const json_t *numbers = json_array_get(bearer->levels, level);
    size_t n = json_array_size(numbers) / VALUES_PER_NODE;
    int64_t end = 0, values[VALUES_PER_NODE];
    guint parent = 0;
    g_array_set_size(bearer->level, 0);
    if (!json_is_array(numbers) || json_array_size(numbers) % VALUES_PER_NODE != 0 ||
        (level == 0 && n != 1))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "flamebearer: level %zu is not a list of four numbers per node%s", level,
                         level == 0 ? ", with one node" : "");
    for (size_t at = 0; at < n; at++) {
        int64_t start;
        if (!read_values(numbers, at, values) || __builtin_add_overflow(end, values[0], &start) ||
            __builtin_add_overflow(start, values[1], &end))
            return fail_node(level, at, "expected numbers that are not negative", error);
        if (!add_node(bearer, level, at, values, start, &parent, error))
            return false;
    }
    return true;
}

static bool
read_levels(Bearer *bearer, GError **error)
{
    size_t n = json_array_size(bearer->levels);
    if (!json_is_array(bearer->names) || n == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "flamebearer: names and levels are required");
    for (size_t level = 0; level < n; level++) {
        if (!read_level(bearer, level, error))
            return false;
        GArray *above = bearer->above;
        bearer->above = bearer->level;
        bearer->level = above;
    }
    return true;
}

static char *
text_member(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return g_strdup(text != NULL && text[0] != '\0' ? text : otherwise);
}

static bool
read_document(const json_t *document, AdhocProfile *profile, GError **error)
{
    const json_t *flamebearer = json_object_get(document, "flamebearer");
    const json_t *metadata = json_object_get(document, "metadata");
    g_autofree char *format = text_member(metadata, "format", "single");
    if (strcmp(format, "single") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "flamebearer: metadata.format must be single");
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    Bearer bearer = {.names = json_object_get(flamebearer, "names"),
                     .levels = json_object_get(flamebearer, "levels"),
                     .builder = builder,
                     .above = g_array_new(FALSE, FALSE, sizeof(Box)),
                     .level = g_array_new(FALSE, FALSE, sizeof(Box))};
    bool is_ok = read_levels(&bearer, error);
    g_array_unref(bearer.above);
    g_array_unref(bearer.level);
    if (!is_ok)
        return false;
    profile->type = text_member(metadata, "name", "samples");
    profile->unit = text_member(metadata, "units", "count");
    profile->tree = tree_builder_finish(builder);
    return true;
}

bool
adhoc_read_flamebearer(const char *text, size_t size, AdhocProfile *profile, GError **error)
{
    if (json_text_has_more_values(text, size, VALUES_MAX))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "flamebearer: more than %d values",
                         VALUES_MAX);
    json_error_t failure;
    json_t *document = json_loadb(text, size, 0, &failure);
    if (document == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "flamebearer: line %d: %s",
                         failure.line, failure.text);
    bool is_ok = read_document(document, profile, error);
    json_decref(document);
    return is_ok;
}
