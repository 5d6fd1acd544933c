#include "server/query/diff.h"

#include <string.h>

#include "lib/pprof/table.h"

static const Tree *
empty_tree(void)
{
    static uint32_t zeros[2];
    static int64_t values[1];
    static char bytes[1];
    static const Tree tree = {1, 1, zeros, zeros, zeros, values, values, zeros, bytes};
    return &tree;
}

static TreeDiff *
diff_new(uint32_t n_nodes)
{
    TreeDiff *diff = g_new0(TreeDiff, 1);
    diff->tree = tree_new(n_nodes);
    diff->tree->n_nodes = 0;
    diff->right_self = g_new0(int64_t, n_nodes);
    diff->right_total = g_new0(int64_t, n_nodes);
    return diff;
}

void
tree_diff_free(TreeDiff *diff)
{
    if (diff == NULL)
        return;
    tree_free(diff->tree);
    g_free(diff->right_self);
    g_free(diff->right_total);
    g_free(diff);
}

/* Moves the names into the tree. */
static void
take_names(Tree *tree, PprofTable *names)
{
    tree->n_names = names->n;
    tree->name_offset = g_new(uint32_t, (size_t)names->n + 1);
    for (uint32_t i = 0; i <= names->n; i++)
        tree->name_offset[i] = (uint32_t)names->offset[i];
    wire_put_raw(&names->bytes, "", 1);
    tree->name_bytes = (char *)g_steal_pointer(&names->bytes.data);
    pprof_table_clear(names);
}

/* ---- Joining. ---- */

typedef struct {
    const Tree *tree;
    uint32_t *name; /* by name of the tree: in the common table */
    uint32_t at;    /* next node */
} Side;

typedef struct {
    Side left, right;
    PprofTable names;
    TreeDiff *diff;
    GArray *path; /* uint32_t: the node of the union at each depth */
} Join;

static void
side_init(Side *side, const Tree *tree, PprofTable *names)
{
    side->tree = tree != NULL ? tree : empty_tree();
    side->name = g_new(uint32_t, side->tree->n_names);
    for (uint32_t i = 0; i < side->tree->n_names; i++) {
        uint32_t start = side->tree->name_offset[i];
        side->name[i] = pprof_table_intern(names, side->tree->name_bytes + start,
                                           side->tree->name_offset[i + 1] - start);
    }
}

static int
compare_names(const PprofTable *names, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    size_t a_size, b_size;
    const uint8_t *a_bytes = pprof_table_get(names, a, &a_size);
    const uint8_t *b_bytes = pprof_table_get(names, b, &b_size);
    int order = memcmp(a_bytes, b_bytes, MIN(a_size, b_size));
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Which node comes first in the order of the union: that of the left (< 0), that of the right, or
 * both because they are the same. Nodes at equal depth have the same parent here; a deeper one
 * still belongs below the node that was taken last. */
static int
choose(const Join *join)
{
    const Side *left = &join->left, *right = &join->right;
    if (left->at == left->tree->n_nodes)
        return 1;
    if (right->at == right->tree->n_nodes)
        return -1;
    uint32_t left_depth = left->tree->depth[left->at], right_depth = right->tree->depth[right->at];
    if (left_depth != right_depth)
        return left_depth > right_depth ? -1 : 1;
    return compare_names(&join->names, left->name[left->tree->name[left->at]],
                         right->name[right->tree->name[right->at]]);
}

static void
add_node(Join *join, const Side *from)
{
    Tree *tree = join->diff->tree;
    uint32_t node = tree->n_nodes++, depth = from->tree->depth[from->at];
    tree->name[node] = from->name[from->tree->name[from->at]];
    tree->depth[node] = depth;
    g_array_set_size(join->path, depth + 1);
    g_array_index(join->path, uint32_t, depth) = node;
    if (depth > 0)
        tree->parent[node] = g_array_index(join->path, uint32_t, depth - 1);
}

static void
run_join(Join *join)
{
    Side *left = &join->left, *right = &join->right;
    TreeDiff *diff = join->diff;
    while (left->at < left->tree->n_nodes || right->at < right->tree->n_nodes) {
        int order = choose(join);
        uint32_t node = diff->tree->n_nodes;
        add_node(join, order <= 0 ? left : right);
        if (order <= 0) {
            diff->tree->self[node] = left->tree->self[left->at];
            diff->tree->total[node] = left->tree->total[left->at++];
        }
        if (order >= 0) {
            diff->right_self[node] = right->tree->self[right->at];
            diff->right_total[node] = right->tree->total[right->at++];
        }
    }
}

TreeDiff *
tree_diff_new(const Tree *left, const Tree *right)
{
    Join join = {.path = g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    pprof_table_intern(&join.names, "", 0);
    side_init(&join.left, left, &join.names);
    side_init(&join.right, right, &join.names);
    join.diff = diff_new(join.left.tree->n_nodes + join.right.tree->n_nodes);
    run_join(&join);
    take_names(join.diff->tree, &join.names);
    g_array_unref(join.path);
    g_free(join.left.name);
    g_free(join.right.name);
    return join.diff;
}

/* ---- Truncation. ---- */

typedef struct {
    uint32_t node;       /* in the copy */
    int64_t left, right; /* what was folded below it */
} OpenNode;

typedef struct {
    const TreeDiff *from;
    TreeDiff *to;
    PprofTable names;
    uint32_t *new_name; /* by old name: in the copy, or UINT32_MAX */
    GArray *open;       /* OpenNode per depth of the path to the current place */
} Truncation;

static int64_t *
larger_totals(const TreeDiff *diff)
{
    int64_t *larger = g_new(int64_t, diff->tree->n_nodes);
    for (uint32_t i = 0; i < diff->tree->n_nodes; i++)
        larger[i] = MAX(diff->tree->total[i], diff->right_total[i]);
    return larger;
}

static uint32_t
emit(Truncation *job, uint32_t name)
{
    Tree *tree = job->to->tree;
    uint32_t node = tree->n_nodes++, depth = job->open->len;
    tree->name[node] = name;
    tree->depth[node] = depth;
    if (depth > 0)
        tree->parent[node] = g_array_index(job->open, OpenNode, depth - 1).node;
    return node;
}

/* Leaves the open nodes at `depth` and deeper, the deepest first, and gives each its "other". */
static void
close_nodes(Truncation *job, uint32_t depth)
{
    while (job->open->len > depth) {
        OpenNode open = g_array_index(job->open, OpenNode, job->open->len - 1);
        if (open.left != 0 || open.right != 0) {
            uint32_t node = emit(job, pprof_table_intern(&job->names, "other", 5));
            job->to->tree->self[node] = job->to->tree->total[node] = open.left;
            job->to->right_self[node] = job->to->right_total[node] = open.right;
        }
        g_array_set_size(job->open, job->open->len - 1);
    }
}

static void
copy_node(Truncation *job, uint32_t from_node)
{
    const Tree *from = job->from->tree;
    uint32_t *name = &job->new_name[from->name[from_node]];
    if (*name == UINT32_MAX) {
        uint32_t length;
        const char *text = tree_node_name(from, from_node, &length);
        *name = pprof_table_intern(&job->names, text, length);
    }
    uint32_t node = emit(job, *name);
    job->to->tree->self[node] = from->self[from_node];
    job->to->tree->total[node] = from->total[from_node];
    job->to->right_self[node] = job->from->right_self[from_node];
    job->to->right_total[node] = job->from->right_total[from_node];
    OpenNode open = {.node = node};
    g_array_append_val(job->open, open);
}

static void
run_truncation(Truncation *job, const int64_t *larger, int64_t threshold, bool folds_other)
{
    const Tree *from = job->from->tree;
    for (uint32_t i = 0; i < from->n_nodes;) {
        uint32_t depth = from->depth[i];
        close_nodes(job, depth);
        if (i == 0 || (larger[i] >= threshold && !(folds_other && tree_node_is_other(from, i)))) {
            copy_node(job, i++);
            continue;
        }
        OpenNode *parent = &g_array_index(job->open, OpenNode, depth - 1);
        parent->left = (int64_t)((uint64_t)parent->left + (uint64_t)from->total[i]);
        parent->right = (int64_t)((uint64_t)parent->right + (uint64_t)job->from->right_total[i]);
        for (i++; i < from->n_nodes && from->depth[i] > depth;)
            i++;
    }
    close_nodes(job, 0);
}

TreeDiff *
tree_diff_truncate(const TreeDiff *diff, int64_t max_nodes)
{
    const Tree *from = diff->tree;
    g_autofree int64_t *larger = larger_totals(diff);
    int64_t threshold = tree_threshold(larger + 1, from->n_nodes - 1, max_nodes);
    /* Every node may get an "other" of its own in place of what it loses: never more nodes. */
    Truncation job = {.from = diff, .to = diff_new(from->n_nodes)};
    job.new_name = g_new(uint32_t, from->n_names);
    memset(job.new_name, 0xff, from->n_names * sizeof *job.new_name);
    job.new_name[0] = pprof_table_intern(&job.names, "", 0);
    job.open = g_array_new(FALSE, FALSE, sizeof(OpenNode));
    run_truncation(&job, larger, threshold, max_nodes >= 1);
    take_names(job.to->tree, &job.names);
    g_array_unref(job.open);
    g_free(job.new_name);
    return job.to;
}
