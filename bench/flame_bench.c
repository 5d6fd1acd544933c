/* Writing large flame graphs: rows per encoding.
 *
 * flame_bench [NODES]: a generated tree of about a million nodes unless told otherwise. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/api/columns.h"
#include "server/api/flame.h"
#include "server/http/encoding.h"

enum { NODES_DEFAULT = 1000000, FUNCTIONS = 20000, CHILDREN = 3, DEPTH_MAX = 60 };

static const int64_t RUN_US = 1000000;

/* A repeatable sequence of pseudo-random numbers (xorshift64*). */
static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32);
}

static Tree *
generate(uint32_t n_nodes)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint64_t random = 88172645463325252u;
    uint32_t node = 0, depth = 0;
    for (uint32_t made = 0; made < n_nodes; made++) {
        if (depth == DEPTH_MAX || next_random(&random) % 16 == 0)
            node = depth = 0;
        uint32_t function = (node * 31 + next_random(&random) % CHILDREN + made / 64) % FUNCTIONS;
        char name[80];
        int length = g_snprintf(name, sizeof(name), "example.org/module%u.(*Type%u).Method%u",
                                function % 97, function % 311, function);
        node = tree_builder_child(builder, node, name, (size_t)length);
        depth++;
        tree_builder_add(builder, node, 1 + next_random(&random) % 1000);
    }
    return tree_builder_finish(builder);
}

typedef GBytes *(*Encode)(const Tree *tree);

static GBytes *
encode_json(const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    JsonWriter json;
    jsonw_init(&json, flame_json_size(&layout));
    flame_write_json(&layout, FLAME_PROTOJSON, &json);
    return jsonw_finish(&json);
}

static GBytes *
encode_proto(const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    return flame_encode_proto(&layout, 1);
}

/* The tree against itself: every node has both sides. */
static const TreeDiff *
other_side(const Tree *tree)
{
    static TreeDiff *diff;
    if (diff == NULL)
        diff = tree_diff_new(tree, tree);
    return diff;
}

static GBytes *
encode_diff_json(const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, other_side(tree));
    JsonWriter json;
    jsonw_init(&json, flame_json_size(&layout));
    flame_write_json(&layout, FLAME_PROTOJSON, &json);
    return jsonw_finish(&json);
}

static GBytes *
encode_diff_proto(const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, other_side(tree));
    return flame_encode_proto(&layout, 1);
}

static GBytes *
encode_columns(const Tree *tree)
{
    const ColumnsMeta meta = {.unit = "nanoseconds", .profile_type = ""};
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    return columns_encode(&layout, &meta);
}

static void
row(const char *name, const char *metric, double value, const char *unit)
{
    printf("{\"bench\":\"flame graph\",\"metric\":\"%s %s\",\"value\":%.1f,\"unit\":\"%s\"}\n",
           name, metric, value, unit);
}

static void
measure(const char *name, Encode encode, const Tree *tree)
{
    double best_s = 1e9;
    g_autoptr(GBytes) bytes = NULL;
    for (int64_t start = g_get_monotonic_time(); g_get_monotonic_time() - start < RUN_US;) {
        g_clear_pointer(&bytes, g_bytes_unref);
        int64_t before = g_get_monotonic_time();
        bytes = encode(tree);
        best_s = MIN(best_s, (double)(g_get_monotonic_time() - before) / G_USEC_PER_SEC);
    }
    int64_t before = g_get_monotonic_time();
    g_autoptr(GBytes) packed = encoding_encode(ENCODING_GZIP, bytes);
    double gzip_s = (double)(g_get_monotonic_time() - before) / G_USEC_PER_SEC;
    row(name, "encode", best_s * 1e9 / tree->n_nodes, "ns/node");
    row(name, "encode rate", (double)g_bytes_get_size(bytes) / best_s / 1e6, "MB/s");
    row(name, "size", (double)g_bytes_get_size(bytes) / tree->n_nodes, "bytes/node");
    row(name, "gzip", gzip_s * 1000, "ms");
    row(name, "gzip size",
        (double)g_bytes_get_size(packed != NULL ? packed : bytes) / tree->n_nodes, "bytes/node");
}

int
main(int argc, char **argv)
{
    long nodes = argc > 1 ? strtol(argv[1], NULL, 10) : NODES_DEFAULT;
    g_autoptr(Tree) tree = generate((uint32_t)CLAMP(nodes, 1, 100000000));
    measure("json", encode_json, tree);
    measure("proto", encode_proto, tree);
    measure("diff json", encode_diff_json, tree);
    measure("diff proto", encode_diff_proto, tree);
    measure("tree", flame_encode_tree, tree);
    measure("columns", encode_columns, tree);
    return 0;
}
