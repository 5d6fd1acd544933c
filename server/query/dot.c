#include "server/query/dot.h"

#include <math.h>
#include <string.h>

#include "server/query/functions.h"

/* From one drawn function to another; the key of a hash table. */
typedef struct {
    uint32_t from, to; /* names */
    int64_t value;
    uint32_t n_open; /* how often it is on the path to the node in work */
    bool is_direct;  /* some call has no function between */
} Edge;

typedef struct {
    uint32_t drawn;  /* the name itself or the nearest one above that is drawn; 0 is none */
    bool is_skipped; /* the name itself is not drawn */
    Edge *edge;      /* that ends here, or NULL */
} Step;

typedef struct {
    const Tree *tree;
    Functions *functions;
    GArray *names;     /* uint32_t: those that are drawn */
    uint8_t *is_drawn; /* per name */
    GHashTable *edges; /* set of Edge */
    GArray *path;      /* Step */
    GString *out;
} Graph;

char *
value_text(int64_t value, const char *unit)
{
    static const struct {
        const char *unit;
        double factor;
        const char *name;
    } STEPS[] = {
        {"nanoseconds", 1e9, "s"},
        {"nanoseconds", 1e6, "ms"},
        {"nanoseconds", 1e3, "\302\265s"},
        {"nanoseconds", 1, "ns"},
        {"bytes", 1073741824.0, "GiB"},
        {"bytes", 1048576, "MiB"},
        {"bytes", 1024, "KiB"},
        {"bytes", 1, "B"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(STEPS); i++) {
        if (strcmp(STEPS[i].unit, unit) != 0)
            continue;
        double scaled = (double)value / STEPS[i].factor;
        if (fabs(scaled) >= 1 || STEPS[i].factor == 1)
            return g_strdup_printf("%.4g %s", scaled, STEPS[i].name);
    }
    return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

static guint
hash_edge(gconstpointer key)
{
    const Edge *edge = key;
    return edge->from * 0x9e3779b1u ^ edge->to;
}

static gboolean
equal_edges(gconstpointer a, gconstpointer b)
{
    const Edge *x = a, *y = b;
    return x->from == y->from && x->to == y->to;
}

static Edge *
find_edge(Graph *graph, uint32_t from, uint32_t to)
{
    Edge key = {.from = from, .to = to};
    Edge *edge = g_hash_table_lookup(graph->edges, &key);
    if (edge == NULL) {
        edge = g_memdup2(&key, sizeof key);
        g_hash_table_add(graph->edges, edge);
    }
    return edge;
}

/* Leaves the steps at `depth` and deeper. */
static void
leave(Graph *graph, uint32_t depth)
{
    for (; graph->path->len > depth; g_array_set_size(graph->path, graph->path->len - 1)) {
        Step *step = &g_array_index(graph->path, Step, graph->path->len - 1);
        if (step->edge != NULL)
            step->edge->n_open--;
    }
}

/* An edge counts each stack once. */
static void
enter(Graph *graph, uint32_t node)
{
    uint32_t name = graph->tree->name[node], depth = graph->tree->depth[node];
    Step step = {.drawn = name};
    const Step *above = depth > 0 ? &g_array_index(graph->path, Step, depth - 1) : NULL;
    if (!graph->is_drawn[name]) {
        step.drawn = above != NULL ? above->drawn : 0;
        step.is_skipped = above != NULL && above->drawn != 0;
    } else if (above != NULL && above->drawn != 0) {
        step.edge = find_edge(graph, above->drawn, name);
        step.edge->is_direct |= !above->is_skipped;
        if (step.edge->n_open++ == 0)
            step.edge->value += graph->tree->total[node];
    }
    g_array_append_val(graph->path, step);
}

static void
collect_edges(Graph *graph)
{
    for (uint32_t i = 0; i < graph->tree->n_nodes; i++) {
        leave(graph, graph->tree->depth[i]);
        enter(graph, i);
    }
    leave(graph, 0);
}

/* ---- Text. ---- */

/* Appends text inside a quoted string. */
static void
put_escaped(GString *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\')
            g_string_append_c(out, '\\');
        if (text[i] == '\n' || text[i] == '\r')
            g_string_append(out, "\\n");
        else if (text[i] != '\0')
            g_string_append_c(out, text[i]);
    }
}

static double
share(const Graph *graph, int64_t value)
{
    int64_t whole = graph->tree->total[0];
    return whole != 0 ? (double)value / (double)whole : 0;
}

static void
put_function(Graph *graph, uint32_t name, const char *unit)
{
    const Functions *functions = graph->functions;
    const Tree *tree = graph->tree;
    g_autofree char *self = value_text(functions->self[name], unit);
    g_autofree char *total = value_text(functions->total[name], unit);
    double self_share = share(graph, functions->self[name]);
    g_string_append_printf(graph->out, "  N%u [label=\"", name);
    put_escaped(graph->out, tree->name_bytes + tree->name_offset[name],
                tree->name_offset[name + 1] - tree->name_offset[name]);
    g_string_append_printf(graph->out, "\\n%s (%.2f%%)", self, 100 * self_share);
    if (functions->self[name] != functions->total[name])
        g_string_append_printf(graph->out, "\\nof %s (%.2f%%)", total,
                               100 * share(graph, functions->total[name]));
    g_string_append_printf(graph->out, "\", fontsize=%d];\n",
                           8 + (int)lround(16 * sqrt(CLAMP(self_share, 0, 1))));
}

static int
compare_edges(const void *a, const void *b)
{
    const Edge *x = *(Edge *const *)a, *y = *(Edge *const *)b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

static void
put_edges(Graph *graph, const char *unit)
{
    guint n;
    g_autofree Edge **edges = (Edge **)g_hash_table_get_keys_as_array(graph->edges, &n);
    qsort(edges, n, sizeof(void *), compare_edges);
    for (guint i = 0; i < n; i++) {
        g_autofree char *value = value_text(edges[i]->value, unit);
        double part = CLAMP(share(graph, edges[i]->value), 0, 1);
        g_string_append_printf(
            graph->out, "  N%u -> N%u [label=\" %s\", weight=%d, penwidth=%d%s];\n", edges[i]->from,
            edges[i]->to, value, 1 + (int)lround(100 * part), 1 + (int)lround(5 * part),
            edges[i]->is_direct ? "" : ", style=dashed");
    }
}

GString *
tree_dot(const Tree *tree, const char *title, const char *unit, size_t max_functions)
{
    g_autoptr(Functions) functions = functions_new(tree);
    g_autoptr(GArray) names = functions_rank(functions, tree, false, max_functions);
    g_autofree uint8_t *is_drawn = g_malloc0((size_t)tree->n_names + 1);
    g_autoptr(GHashTable) edges = g_hash_table_new_full(hash_edge, equal_edges, g_free, NULL);
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Step));
    Graph graph = {tree, functions, names, is_drawn, edges, path, g_string_new(NULL)};
    if (names->len == 0)
        return graph.out;
    for (guint i = 0; i < names->len; i++)
        is_drawn[g_array_index(names, uint32_t, i)] = 1;
    collect_edges(&graph);
    g_autofree char *total = value_text(tree->total[0], unit);
    g_string_append(graph.out, "digraph \"");
    put_escaped(graph.out, title, strlen(title));
    g_string_append(graph.out, "\" {\n  node [shape=box, style=filled, fillcolor=\"#f8f8f8\"];\n"
                               "  label=\"");
    put_escaped(graph.out, title, strlen(title));
    g_string_append_printf(graph.out, "\\n%s in all, %u functions\";\n", total, names->len);
    for (guint i = 0; i < names->len; i++)
        put_function(&graph, g_array_index(names, uint32_t, i), unit);
    put_edges(&graph, unit);
    g_string_append(graph.out, "}\n");
    return graph.out;
}
