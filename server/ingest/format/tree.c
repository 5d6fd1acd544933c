#include "server/ingest/format/tree.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "server/ingest/format/counted.h"
#include "server/ingest/format/stack.h"

enum {
    TREE_DEPTH_MAX = 65536,    /* nodes on a path */
    TRIE_BYTES_PER_LIMIT = 64, /* bytes of all stacks, in sizes of a profile */
};

typedef struct {
    const char *name;
    size_t length;
    uint64_t value, n_children;
} Node;

/* A node whose children are being read. */
typedef struct {
    uint64_t n_left;    /* children to come */
    size_t path_length; /* of what lies above its children */
} Level;

typedef struct {
    const uint8_t *start, *at, *end;
    CountedProfile *profile;
    const TenantLimits *limits;
    GArray *levels;     /* Level, the root first */
    GArray *path;       /* of a tree: uint32_t, locations; of a trie: char */
    GArray *locations;  /* uint32_t, the leaf first */
    uint64_t work_left; /* what all stacks together may still take: frames, or bytes of a trie */
    GError **error;
} Reader;

static bool
fail(const Reader *reader, const uint8_t *where, const char *what)
{
    return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT, "byte %zu of %zu: %s",
                     (size_t)(where - reader->start), (size_t)(reader->end - reader->start), what);
}

static bool
read_node(Reader *reader, Node *node)
{
    const uint8_t *start = reader->at;
    uint64_t length;
    if (!wire_read_varint(&reader->at, reader->end, &length))
        return fail(reader, start, "the length of a name is cut or overlong");
    if (length > (size_t)(reader->end - reader->at))
        return fail(reader, start, "a name is longer than what is left");
    node->name = (const char *)reader->at;
    node->length = length;
    reader->at += length;
    if (!wire_read_varint(&reader->at, reader->end, &node->value))
        return fail(reader, start, "the value of a node is cut or overlong");
    if (!wire_read_varint(&reader->at, reader->end, &node->n_children))
        return fail(reader, start, "the number of children is cut or overlong");
    /* The shortest node has three bytes. */
    if (node->n_children > (size_t)(reader->end - reader->at) / 3)
        return fail(reader, start, "a node has more children than what is left can hold");
    return true;
}

/* Charges a stack; the readers would otherwise take far longer than the input is long. */
static bool
charge(Reader *reader, size_t work)
{
    if (work > reader->work_left)
        return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "byte %zu: the stacks are too many and too deep for one profile "
                         "(max_profile_size_bytes, max_profile_stacktrace_samples)",
                         (size_t)(reader->at - reader->start));
    reader->work_left -= work;
    return true;
}

/* Adds the locations, which stand the root first, with a value. */
static bool
add_stack(Reader *reader, const uint32_t *root_first, size_t n, uint64_t value)
{
    n = MIN(n, (size_t)reader->limits->stack_depth_max);
    g_array_set_size(reader->locations, (guint)n);
    uint32_t *locations = (uint32_t *)(void *)reader->locations->data;
    for (size_t i = 0; i < n; i++)
        locations[n - 1 - i] = root_first[i];
    return counted_profile_add_count(reader->profile, locations, n, value, reader->error);
}

/* ---- A tree: the path is of locations. ---- */

static bool
enter_tree_node(Reader *reader, const Node *node)
{
    if (node->length > 0) {
        uint32_t location =
            stack_frame(counted_profile_builder(reader->profile), node->name, node->length, 0);
        g_array_append_val(reader->path, location);
    }
    if (node->value == 0)
        return counted_profile_add(reader->profile, NULL, 0, 0, reader->error);
    return charge(reader, reader->path->len) &&
           add_stack(reader, (const uint32_t *)(void *)reader->path->data, reader->path->len,
                     node->value);
}

/* ---- A trie: the path is of characters. ---- */

static bool
enter_trie_node(Reader *reader, const Node *node)
{
    g_array_append_vals(reader->path, node->name, (guint)node->length);
    if (node->value == 0 || reader->path->len == 0)
        return true;
    if (!charge(reader, reader->path->len))
        return false;
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    const char *at = reader->path->data, *end = at + reader->path->len;
    while (at < end && frames->len < (guint)reader->limits->stack_depth_max) {
        const char *next = memchr(at, ';', (size_t)(end - at));
        if (next == NULL)
            next = end;
        if (next > at) {
            uint32_t location =
                stack_frame(counted_profile_builder(reader->profile), at, (size_t)(next - at), 0);
            g_array_append_val(frames, location);
        }
        at = next < end ? next + 1 : end;
    }
    return add_stack(reader, (const uint32_t *)(void *)frames->data, frames->len, node->value);
}

static bool
read_nodes(Reader *reader, bool (*enter)(Reader *reader, const Node *node))
{
    while (reader->at < reader->end) {
        const uint8_t *start = reader->at;
        size_t above = reader->path->len;
        Node node;
        if (!read_node(reader, &node) || !enter(reader, &node))
            return false;
        if (reader->levels->len > 0)
            g_array_index(reader->levels, Level, reader->levels->len - 1).n_left--;
        if (reader->levels->len >= TREE_DEPTH_MAX)
            return fail(reader, start, "the nodes are nested more than 65536 deep");
        Level level = {node.n_children, above};
        g_array_append_val(reader->levels, level);
        while (reader->levels->len > 0) {
            const Level *last = &g_array_index(reader->levels, Level, reader->levels->len - 1);
            if (last->n_left > 0)
                break;
            g_array_set_size(reader->path, (guint)last->path_length);
            g_array_set_size(reader->levels, reader->levels->len - 1);
        }
        if (reader->levels->len == 0 && reader->at < reader->end)
            return fail(reader, reader->at, "there is more behind the root and its children");
    }
    return reader->levels->len == 0 || fail(reader, reader->end, "children are missing");
}

static bool
read_profile(const uint8_t *data, size_t size, bool is_trie, const ProfileSource *source,
             ProfileSet *set, GError **error)
{
    g_autoptr(CountedProfile) profile = counted_profile_new(source, error);
    if (profile == NULL)
        return false;
    if (size == 0)
        return true;
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, is_trie ? 1 : sizeof(uint32_t));
    g_autoptr(GArray) locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    const TenantLimits *limits = source->limits;
    uint64_t frames = (uint64_t)limits->samples_max * (uint64_t)limits->stack_depth_max;
    uint64_t bytes = (uint64_t)limits->profile_bytes_max * TRIE_BYTES_PER_LIMIT;
    Reader reader = {.start = data,
                     .at = data,
                     .end = data + size,
                     .profile = profile,
                     .limits = limits,
                     .levels = levels,
                     .path = path,
                     .locations = locations,
                     .work_left = is_trie ? bytes : frames,
                     .error = error};
    if (!read_nodes(&reader, is_trie ? enter_trie_node : enter_tree_node))
        return false;
    if (pprof_builder_n_samples(counted_profile_builder(profile)) > 0)
        counted_profile_finish(profile, set);
    return true;
}

bool
tree_read(const uint8_t *data, size_t size, const ProfileSource *source, ProfileSet *set,
          GError **error)
{
    return read_profile(data, size, false, source, set, error);
}

bool
trie_read(const uint8_t *data, size_t size, const ProfileSource *source, ProfileSet *set,
          GError **error)
{
    return read_profile(data, size, true, source, set, error);
}
