/* Writing large flame graphs: rows per encoding.
 *
 * flame_bench [NODES]: a generated tree of about a million nodes unless told otherwise. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/api/columns.h"
#include "server/api/flame.h"
#include "server/http/encoding.h"

enum { NODES_DEFAULT = 1000000, FUNCTIONS = 20000, CHILDREN = 3, DEPTH_MAX = 60 };

static const double RUN_S = 1;

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
    jsonw_init(&json, 4096);
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
    jsonw_init(&json, 4096);
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

/* Of this thread: what others do on the machine is not measured. */
static double
cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
row(const char *name, const char *metric, double value, const char *unit, const char *goal)
{
    printf("{\"bench\":\"flame graph\",\"metric\":\"%s %s\",\"value\":%.1f,\"unit\":\"%s\","
           "\"goal\":\"%s\"}\n",
           name, metric, value, unit, goal);
}

/* A line of /proc/self/status, in MiB. */
static double
status_mib(const char *name)
{
    g_autofree char *status = NULL;
    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        return 0;
    const char *line = strstr(status, name);
    return line != NULL ? (double)strtoll(line + strlen(name), NULL, 10) / 1024 : 0;
}

/* The most memory that an answer took while it was made, and what it takes once it is there. */
static void
measure_memory(const char *name, Encode encode, const Tree *tree)
{
    g_bytes_unref(encode(tree)); /* what stays from the first time does not count */
    (void)malloc_trim(0);
    if (!g_file_set_contents_full("/proc/self/clear_refs", "5", 1, G_FILE_SET_CONTENTS_NONE, 0,
                                  NULL)) /* makes the present memory the highest */
        return;
    double before = status_mib("VmRSS:");
    g_autoptr(GBytes) bytes = encode(tree);
    double most = status_mib("VmHWM:") - before;
    row(name, "memory at most", most / ((double)g_bytes_get_size(bytes) / (1 << 20)),
        "of the answer", "< 2");
}

static void
measure(const char *name, Encode encode, const Tree *tree, const char *goal)
{
    double best_s = 1e9;
    measure_memory(name, encode, tree);
    g_autoptr(GBytes) bytes = NULL;
    for (double start = cpu_s(); cpu_s() - start < RUN_S;) {
        g_clear_pointer(&bytes, g_bytes_unref);
        double before = cpu_s();
        bytes = encode(tree);
        best_s = MIN(best_s, cpu_s() - before);
    }
    double before = cpu_s();
    g_autoptr(GBytes) packed = encoding_encode(ENCODING_GZIP, bytes);
    double gzip_s = cpu_s() - before;
    row(name, "encode", best_s * 1e9 / tree->n_nodes, "ns/node", "");
    row(name, "encode rate", (double)g_bytes_get_size(bytes) / best_s / 1e6, "MB/s", goal);
    row(name, "size", (double)g_bytes_get_size(bytes) / tree->n_nodes, "bytes/node", "");
    row(name, "gzip", gzip_s * 1000, "ms", "");
    row(name, "gzip size",
        (double)g_bytes_get_size(packed != NULL ? packed : bytes) / tree->n_nodes, "bytes/node",
        "");
}

int
main(int argc, char **argv)
{
    long nodes = argc > 1 ? strtol(argv[1], NULL, 10) : NODES_DEFAULT;
    g_autoptr(Tree) tree = generate((uint32_t)CLAMP(nodes, 1, 100000000));
    measure("json", encode_json, tree, ">= 300");
    measure("proto", encode_proto, tree, "");
    measure("diff json", encode_diff_json, tree, ">= 300");
    measure("diff proto", encode_diff_proto, tree, "");
    measure("tree", flame_encode_tree, tree, "");
    measure("columns", encode_columns, tree, "");
    return 0;
}
