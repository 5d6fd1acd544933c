#include "server/query/folded.h"

#include <string.h>

#include "lib/base/error.h"

static bool
check_size(const GString *out, GError **error)
{
    return out->len <= FOLDED_BYTES_MAX ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "the text is longer than %d bytes: ask for fewer nodes (max-nodes)",
                     FOLDED_BYTES_MAX);
}

/* Appends a name that the format's own separators cannot be read from. */
static void
put_name(GString *out, const Tree *tree, uint32_t node)
{
    uint32_t length;
    const char *name = tree_node_name(tree, node, &length);
    for (uint32_t i = 0; i < length; i++) {
        char c = name[i];
        g_string_append_c(out, c == ';' ? ':' : (unsigned char)c < ' ' ? ' ' : c);
    }
    if (length == 0)
        g_string_append(out, "[unknown]");
}

GString *
tree_collapsed(const Tree *tree, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL), path = g_string_new(NULL);
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(gsize)); /* of the path, by depth */
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        uint32_t depth = tree->depth[i];
        g_array_set_size(ends, depth - 1);
        g_string_truncate(path, depth > 1 ? g_array_index(ends, gsize, depth - 2) : 0);
        if (depth > 1)
            g_string_append_c(path, ';');
        put_name(path, tree, i);
        g_array_append_val(ends, path->len);
        if (tree->self[i] == 0)
            continue;
        g_string_append_len(out, path->str, (gssize)path->len);
        g_string_append_printf(out, " %" G_GINT64_FORMAT "\n", tree->self[i]);
        if (!check_size(out, error))
            return NULL;
    }
    return g_steal_pointer(&out);
}

GString *
tree_perf_script(const Tree *tree, const char *event, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        if (tree->self[i] == 0)
            continue;
        g_string_append_printf(out, "all     0 [000]     0.000000: %10" G_GINT64_FORMAT " %s: \n",
                               tree->self[i], event);
        for (uint32_t node = i; node != 0; node = tree->parent[node]) {
            g_string_append(out, "\t               0 ");
            put_name(out, tree, node);
            g_string_append(out, " ([unknown])\n");
            if (!check_size(out, error))
                return NULL;
        }
        g_string_append_c(out, '\n');
    }
    return g_steal_pointer(&out);
}

const char *
speedscope_unit(const char *unit)
{
    static const char *const KNOWN[] = {"nanoseconds", "microseconds", "milliseconds",
                                        "seconds",     "bytes",        NULL};
    return g_strv_contains(KNOWN, unit) ? unit : "none";
}

/* ---- Speedscope. ---- */

static void
write_frames(const Tree *tree, JsonWriter *json)
{
    jsonw_key(json, "shared");
    jsonw_object_begin(json);
    jsonw_key(json, "frames");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < tree->n_names; i++) {
        uint32_t start = tree->name_offset[i];
        jsonw_object_begin(json);
        jsonw_key(json, "name");
        jsonw_string_n(json, tree->name_bytes + start, tree->name_offset[i + 1] - start);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
    jsonw_object_end(json);
}

static void
write_event(const char *type, uint32_t frame, int64_t at, JsonWriter *json)
{
    jsonw_object_begin(json);
    jsonw_key(json, "type");
    jsonw_string(json, type);
    jsonw_key(json, "frame");
    jsonw_uint(json, frame);
    jsonw_key(json, "at");
    jsonw_int(json, at);
    jsonw_object_end(json);
}

/* A node is open from its place to its place and total; its own value comes before its children. */
static void
write_events(const Tree *tree, JsonWriter *json)
{
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autofree int64_t *end = g_new0(int64_t, tree->n_nodes);
    g_autofree int64_t *next = g_new0(int64_t, tree->n_nodes);
    for (uint32_t i = 1; i <= tree->n_nodes; i++) {
        uint32_t depth = i < tree->n_nodes ? tree->depth[i] : 1;
        for (; open->len >= depth; g_array_set_size(open, open->len - 1)) {
            uint32_t node = g_array_index(open, uint32_t, open->len - 1);
            write_event("C", tree->name[node], end[node], json);
        }
        if (i == tree->n_nodes)
            break;
        int64_t start = next[tree->parent[i]];
        end[i] = next[tree->parent[i]] = start + tree->total[i];
        next[i] = start + tree->self[i];
        write_event("O", tree->name[i], start, json);
        g_array_append_val(open, i);
    }
}

void
tree_write_speedscope(const Tree *tree, const char *name, const char *unit, JsonWriter *json)
{
    jsonw_object_begin(json);
    jsonw_key(json, "$schema");
    jsonw_string(json, "https://www.speedscope.app/file-format-schema.json");
    jsonw_key(json, "name");
    jsonw_string(json, name);
    jsonw_key(json, "exporter");
    jsonw_string(json, "cresset");
    write_frames(tree, json);
    jsonw_key(json, "profiles");
    jsonw_array_begin(json);
    jsonw_object_begin(json);
    jsonw_key(json, "type");
    jsonw_string(json, "evented");
    jsonw_key(json, "name");
    jsonw_string(json, name);
    jsonw_key(json, "unit");
    jsonw_string(json, unit);
    jsonw_key(json, "startValue");
    jsonw_int(json, 0);
    jsonw_key(json, "endValue");
    jsonw_int(json, tree->total[0]);
    jsonw_key(json, "events");
    jsonw_array_begin(json);
    write_events(tree, json);
    jsonw_array_end(json);
    jsonw_object_end(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
}
