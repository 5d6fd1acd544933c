#include "server/ingest/format/tree.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "server/ingest/format/counted.h"
#include "server/ingest/format/stack.h"

enum {
    TREE_DEPTH_MAX = 65536,   /* nodes on a path */
    TRIE_WORK_PER_LIMIT = 64, /* work_left, in sizes of a profile */
};

typedef struct {
    const char *name;
    size_t length;
    uint64_t value, n_children;
} Node;

/* A node whose children are being read, and what to go back to behind them. */
typedef struct {
    uint64_t n_left; /* children to come */
    guint n_frames;
    gsize text_length, frame_start;
} Level;

typedef struct {
    const uint8_t *start, *at, *end;
    CountedProfile *profile;
    const TenantLimits *limits;
    GArray *levels;     /* Level, the root first */
    GArray *frames;     /* uint32_t: locations of the path, the root first; no more than count */
    GString *text;      /* of a trie: the path */
    gsize frame_start;  /* of the frame in it that may go on */
    GArray *locations;  /* uint32_t, the leaf first */
    uint64_t work_left; /* frames of all stacks; of a trie also the bytes of their last ones */
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

/* Appends a frame to the path; frames without a name, and those beyond the limit, are none. */
static void
add_frame(Reader *reader, const char *name, size_t length)
{
    if (length == 0 || reader->frames->len >= reader->limits->stack_depth_max)
        return;
    uint32_t location = stack_frame(counted_profile_builder(reader->profile), name, length, 0);
    g_array_append_val(reader->frames, location);
}

/* Adds the frames of the path with a value. */
static bool
add_stack(Reader *reader, uint64_t value)
{
    guint n = reader->frames->len;
    g_array_set_size(reader->locations, n);
    uint32_t *locations = (uint32_t *)(void *)reader->locations->data;
    for (guint i = 0; i < n; i++)
        locations[n - 1 - i] = g_array_index(reader->frames, uint32_t, i);
    return counted_profile_add_count(reader->profile, locations, n, value, reader->error);
}

/* Whether the frames so far fit a profile. */
static bool
check_frames(Reader *reader)
{
    return counted_profile_add(reader->profile, NULL, 0, 0, reader->error);
}

/* ---- A tree: a node is a frame. ---- */

static bool
enter_tree_node(Reader *reader, const Node *node)
{
    add_frame(reader, node->name, node->length);
    if (node->value == 0)
        return check_frames(reader);
    return charge(reader, reader->frames->len) && add_stack(reader, node->value);
}

/* ---- A trie: a node is a piece of the text of a path. ---- */

/* Appends the frames that the newest text has completed. */
static void
complete_frames(Reader *reader, gsize old_length)
{
    const char *text = reader->text->str, *end = text + reader->text->len;
    const char *at = text + old_length;
    while ((at = memchr(at, ';', (size_t)(end - at))) != NULL) {
        const char *start = text + reader->frame_start;
        add_frame(reader, start, (size_t)(at - start));
        at++;
        reader->frame_start = (gsize)(at - text);
    }
}

static bool
enter_trie_node(Reader *reader, const Node *node)
{
    gsize old_length = reader->text->len;
    g_string_append_len(reader->text, node->name, (gssize)node->length);
    complete_frames(reader, old_length);
    if (node->value == 0 || reader->text->len == 0)
        return check_frames(reader);
    guint n_complete = reader->frames->len;
    gsize rest = reader->text->len - reader->frame_start;
    if (!charge(reader, n_complete + rest))
        return false;
    add_frame(reader, reader->text->str + reader->frame_start, rest);
    bool ok = add_stack(reader, node->value);
    g_array_set_size(reader->frames, n_complete); /* its children go on with the last one */
    return ok;
}

static bool
read_nodes(Reader *reader, bool (*enter)(Reader *reader, const Node *node))
{
    while (reader->at < reader->end) {
        const uint8_t *start = reader->at;
        Level level = {0, reader->frames->len, reader->text->len, reader->frame_start};
        Node node;
        if (!read_node(reader, &node) || !enter(reader, &node))
            return false;
        if (reader->levels->len > 0)
            g_array_index(reader->levels, Level, reader->levels->len - 1).n_left--;
        if (reader->levels->len >= TREE_DEPTH_MAX)
            return fail(reader, start, "the nodes are nested more than 65536 deep");
        level.n_left = node.n_children;
        g_array_append_val(reader->levels, level);
        while (reader->levels->len > 0) {
            const Level *last = &g_array_index(reader->levels, Level, reader->levels->len - 1);
            if (last->n_left > 0)
                break;
            g_array_set_size(reader->frames, last->n_frames);
            g_string_truncate(reader->text, last->text_length);
            reader->frame_start = last->frame_start;
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
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GArray) locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    const TenantLimits *limits = source->limits;
    uint64_t n_frames = (uint64_t)limits->samples_max * (uint64_t)limits->stack_depth_max;
    uint64_t trie_work = (uint64_t)limits->profile_bytes_max * TRIE_WORK_PER_LIMIT;
    Reader reader = {.start = data,
                     .at = data,
                     .end = data + size,
                     .profile = profile,
                     .limits = limits,
                     .levels = levels,
                     .frames = frames,
                     .text = text,
                     .locations = locations,
                     .work_left = is_trie ? trie_work : n_frames,
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
