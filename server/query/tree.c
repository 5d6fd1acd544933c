#include "server/query/tree.h"

#include <string.h>

#include "lib/pprof/table.h"

enum { TREE_NODES_MIN = 256, TREE_GUESSES = 4 };

/* Children stand in a chain, in the order in which callers met them. Callers merge sorted tries one
 * after the other, so the child that is asked for next usually follows the one asked for last: it
 * is found without the hash table, and without leaving the cache. */
typedef struct {
    uint32_t name, parent;
    uint32_t first_child, next_sibling; /* 0 is none */
    uint32_t last_found;                /* child of this node, 0 is none */
    int64_t self;
} Node;

struct TreeBuilder {
    PprofTable names;
    Node *nodes;
    uint32_t *slots; /* node, 0 is free (the root is nobody's child) */
    uint32_t n, capacity, n_slots;
};

void
tree_free(Tree *tree)
{
    if (tree == NULL)
        return;
    g_free(tree->name);
    g_free(tree->depth);
    g_free(tree->parent);
    g_free(tree->self);
    g_free(tree->total);
    g_free(tree->name_offset);
    g_free(tree->name_bytes);
    g_free(tree);
}

/* ---- Building. ---- */

static uint32_t
slot_of(const TreeBuilder *builder, uint32_t parent, uint32_t name)
{
    uint64_t key = (uint64_t)parent << 32 | name;
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (builder->n_slots - 1);
}

static void
grow(TreeBuilder *builder)
{
    builder->capacity = MAX(builder->capacity * 2, (uint32_t)TREE_NODES_MIN);
    builder->nodes = g_renew(Node, builder->nodes, builder->capacity);
    builder->n_slots = builder->capacity * 2;
    g_free(builder->slots);
    builder->slots = g_new0(uint32_t, builder->n_slots);
    for (uint32_t i = 1; i < builder->n; i++) {
        uint32_t slot = slot_of(builder, builder->nodes[i].parent, builder->nodes[i].name);
        while (builder->slots[slot] != 0)
            slot = (slot + 1) & (builder->n_slots - 1);
        builder->slots[slot] = i;
    }
}

/* The root, named "", which is name 0. */
static void
start(TreeBuilder *builder)
{
    if (builder->capacity == 0)
        grow(builder);
    builder->nodes[0] = (Node){.name = pprof_table_intern(&builder->names, "", 0)};
    builder->n = 1;
}

TreeBuilder *
tree_builder_new(void)
{
    TreeBuilder *builder = g_new0(TreeBuilder, 1);
    start(builder);
    return builder;
}

void
tree_builder_free(TreeBuilder *builder)
{
    if (builder == NULL)
        return;
    pprof_table_clear(&builder->names);
    g_free(builder->nodes);
    g_free(builder->slots);
    g_free(builder);
}

uint32_t
tree_builder_name(TreeBuilder *builder, const char *name, size_t length)
{
    return pprof_table_intern(&builder->names, name, length);
}

/* Looks at the few children behind the one found last, from the front after the end. 0 is none. */
static uint32_t
guess_child(const TreeBuilder *builder, const Node *parent, uint32_t name_id)
{
    const Node *nodes = builder->nodes;
    uint32_t child = parent->last_found;
    if (child == 0)
        return 0;
    for (unsigned i = 0; i < TREE_GUESSES; i++) {
        child = nodes[child].next_sibling != 0 ? nodes[child].next_sibling : parent->first_child;
        if (nodes[child].name == name_id)
            return child;
    }
    return 0;
}

/* Adds a child behind the one found last. */
static uint32_t
append(TreeBuilder *builder, uint32_t parent_id, uint32_t name_id)
{
    uint32_t child = builder->n++;
    Node *parent = &builder->nodes[parent_id];
    uint32_t *link = parent->last_found != 0 ? &builder->nodes[parent->last_found].next_sibling
                                             : &parent->first_child;
    builder->nodes[child] = (Node){.name = name_id, .parent = parent_id, .next_sibling = *link};
    *link = child;
    return child;
}

/* Finds or adds a child through the hash table. */
static uint32_t
look_up_child(TreeBuilder *builder, uint32_t parent_id, uint32_t name_id)
{
    if (builder->n == builder->capacity)
        grow(builder);
    uint32_t slot = slot_of(builder, parent_id, name_id);
    for (; builder->slots[slot] != 0; slot = (slot + 1) & (builder->n_slots - 1)) {
        const Node *node = &builder->nodes[builder->slots[slot]];
        if (node->parent == parent_id && node->name == name_id)
            return builder->slots[slot];
    }
    return builder->slots[slot] = append(builder, parent_id, name_id);
}

uint32_t
tree_builder_child_named(TreeBuilder *builder, uint32_t parent, uint32_t name_id)
{
    uint32_t child = guess_child(builder, &builder->nodes[parent], name_id);
    if (child == 0)
        child = look_up_child(builder, parent, name_id);
    builder->nodes[parent].last_found = child;
    return child;
}

uint32_t
tree_builder_child(TreeBuilder *builder, uint32_t parent, const char *name, size_t length)
{
    return tree_builder_child_named(builder, parent, tree_builder_name(builder, name, length));
}

uint32_t
tree_builder_size(const TreeBuilder *builder)
{
    return builder->n;
}

/* Sums wrap around rather than being undefined. */
static int64_t
add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

void
tree_builder_add(TreeBuilder *builder, uint32_t node, int64_t self)
{
    builder->nodes[node].self = add(builder->nodes[node].self, self);
}

/* ---- From the builder's order to sorted pre-order. ---- */

static int
compare_names(const void *a, const void *b, void *data)
{
    const PprofTable *names = data;
    size_t a_size, b_size;
    const uint8_t *a_bytes = pprof_table_get(names, *(const uint32_t *)a, &a_size);
    const uint8_t *b_bytes = pprof_table_get(names, *(const uint32_t *)b, &b_size);
    size_t size = MIN(a_size, b_size);
    int order = size == 0 ? 0 : memcmp(a_bytes, b_bytes, size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Sorts the numbers `items` by key[item] < n_keys, keeping the order of equals (a counting sort).
 * Returns where each key's items start, n_keys + 1 of them. */
static uint32_t *
sort_by_key(uint32_t *items, uint32_t n, const uint32_t *key, uint32_t n_keys)
{
    uint32_t *start = g_new0(uint32_t, (size_t)n_keys + 1);
    g_autofree uint32_t *next = g_new(uint32_t, (size_t)n_keys + 1);
    g_autofree uint32_t *old = g_memdup2(items, n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        start[key[items[i]] + 1]++;
    for (uint32_t i = 0; i < n_keys; i++)
        start[i + 1] += start[i];
    memcpy(next, start, ((size_t)n_keys + 1) * sizeof *next);
    for (uint32_t i = 0; i < n; i++)
        items[next[key[old[i]]]++] = old[i];
    return start;
}

/* All nodes but the root, by parent and then by name; *ret_start tells where the children of each
 * node start. */
static uint32_t *
sort_children(const TreeBuilder *builder, uint32_t **ret_start)
{
    uint32_t n = builder->n - 1, n_names = builder->names.n;
    g_autofree uint32_t *by_name = g_new(uint32_t, n_names);
    g_autofree uint32_t *rank = g_new(uint32_t, n_names);
    for (uint32_t i = 0; i < n_names; i++)
        by_name[i] = i;
    g_qsort_with_data(by_name, (gint)n_names, sizeof *by_name, compare_names,
                      (void *)&builder->names);
    for (uint32_t i = 0; i < n_names; i++)
        rank[by_name[i]] = i;
    g_autofree uint32_t *node_rank = g_new(uint32_t, builder->n);
    uint32_t *children = g_new(uint32_t, MAX(n, 1u));
    for (uint32_t i = 0; i < n; i++)
        children[i] = i + 1;
    for (uint32_t i = 0; i < builder->n; i++)
        node_rank[i] = rank[builder->nodes[i].name];
    g_free(sort_by_key(children, n, node_rank, n_names));
    uint32_t *node_parent = node_rank;
    for (uint32_t i = 0; i < builder->n; i++)
        node_parent[i] = builder->nodes[i].parent;
    *ret_start = sort_by_key(children, n, node_parent, builder->n);
    return children;
}

Tree *
tree_new(uint32_t n_nodes)
{
    Tree *tree = g_new0(Tree, 1);
    tree->n_nodes = n_nodes;
    tree->name = g_new0(uint32_t, n_nodes);
    tree->depth = g_new0(uint32_t, n_nodes);
    tree->parent = g_new0(uint32_t, n_nodes);
    tree->self = g_new0(int64_t, n_nodes);
    tree->total = g_new0(int64_t, n_nodes);
    return tree;
}

/* Keeps what all nodes have together within TREE_SUM_MAX, on either side of 0. */
static void
bound_values(Tree *tree)
{
    int64_t more = TREE_SUM_MAX, less = TREE_SUM_MAX;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        tree->self[i] = CLAMP(tree->self[i], -less, more);
        *(tree->self[i] > 0 ? &more : &less) -= ABS(tree->self[i]);
        tree->total[i] = tree->self[i];
    }
}

/* Copies the builder's nodes in pre-order. */
static void
copy_nodes(const TreeBuilder *builder, Tree *tree)
{
    g_autofree uint32_t *start = NULL;
    g_autofree uint32_t *children = sort_children(builder, &start);
    g_autofree uint32_t *stack = g_new(uint32_t, builder->n);
    g_autofree uint32_t *position = g_new0(uint32_t, builder->n);
    uint32_t n_stack = 1, n = 0;
    stack[0] = 0;
    while (n_stack > 0) {
        uint32_t node = stack[--n_stack], at = n++;
        position[node] = at;
        tree->name[at] = builder->nodes[node].name;
        tree->self[at] = builder->nodes[node].self;
        if (at > 0) {
            tree->parent[at] = position[builder->nodes[node].parent];
            tree->depth[at] = tree->depth[tree->parent[at]] + 1;
        }
        for (uint32_t i = start[node + 1]; i > start[node]; i--)
            stack[n_stack++] = children[i - 1];
    }
    bound_values(tree);
    for (uint32_t i = n - 1; i > 0; i--)
        tree->total[tree->parent[i]] += tree->total[i];
}

Tree *
tree_builder_finish(TreeBuilder *builder)
{
    Tree *tree = tree_new(builder->n);
    copy_nodes(builder, tree);
    const PprofTable *names = &builder->names;
    tree->n_names = names->n;
    tree->name_offset = g_new(uint32_t, (size_t)names->n + 1);
    for (uint32_t i = 0; i <= names->n; i++)
        tree->name_offset[i] = (uint32_t)names->offset[i];
    tree->name_bytes = g_malloc(names->bytes.size + 1);
    if (names->bytes.size > 0)
        memcpy(tree->name_bytes, names->bytes.data, names->bytes.size);
    tree->name_bytes[names->bytes.size] = '\0';
    pprof_table_reset(&builder->names);
    memset(builder->slots, 0, builder->n_slots * sizeof *builder->slots);
    start(builder);
    return tree;
}

/* ---- Truncation. ---- */

/* Puts `value` in place of the smallest of the `n` values of a min-heap. */
static void
heap_replace(int64_t *heap, size_t n, int64_t value)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

static int
compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t
tree_threshold(const int64_t *totals, size_t n, int64_t max_nodes)
{
    if (max_nodes < 1 || n <= (size_t)max_nodes)
        return 0;
    size_t n_heap = (size_t)max_nodes;
    g_autofree int64_t *heap = g_memdup2(totals, n_heap * sizeof *heap);
    qsort(heap, n_heap, sizeof *heap, compare_values); /* a sorted array is a heap */
    for (size_t i = n_heap; i < n; i++) {
        if (totals[i] > heap[0])
            heap_replace(heap, n_heap, totals[i]);
    }
    return heap[0];
}

typedef struct {
    uint32_t node, depth; /* in the copy */
    int64_t other;        /* what was folded below it */
} OpenNode;

typedef struct {
    const Tree *from;
    Tree *to;
    uint32_t *new_name; /* by old name: id in the copy, or UINT32_MAX */
    PprofTable names;
    GArray *open; /* OpenNode, the path to the current place */
} Truncation;

static uint32_t
emit(Truncation *job, uint32_t parent, uint32_t depth, uint32_t name)
{
    uint32_t at = job->to->n_nodes++;
    job->to->name[at] = name;
    job->to->parent[at] = parent;
    job->to->depth[at] = depth;
    return at;
}

/* Leaves every open node at `depth` or deeper, the deepest first, and gives each its "other". */
static void
close_nodes(Truncation *job, uint32_t depth)
{
    while (job->open->len > 0) {
        OpenNode open = g_array_index(job->open, OpenNode, job->open->len - 1);
        if (open.depth < depth)
            return;
        g_array_set_size(job->open, job->open->len - 1);
        if (open.other == 0)
            continue;
        uint32_t at =
            emit(job, open.node, open.depth + 1, pprof_table_intern(&job->names, "other", 5));
        job->to->self[at] = job->to->total[at] = open.other;
    }
}

static void
copy_node(Truncation *job, uint32_t node)
{
    const Tree *from = job->from;
    uint32_t name = from->name[node], length;
    if (job->new_name[name] == UINT32_MAX) {
        const char *text = tree_node_name(from, node, &length);
        job->new_name[name] = pprof_table_intern(&job->names, text, length);
    }
    uint32_t parent =
        job->open->len == 0 ? 0 : g_array_index(job->open, OpenNode, job->open->len - 1).node;
    uint32_t at = emit(job, parent, from->depth[node], job->new_name[name]);
    job->to->self[at] = from->self[node];
    job->to->total[at] = from->total[node];
    OpenNode open = {.node = at, .depth = from->depth[node]};
    g_array_append_val(job->open, open);
}

bool
tree_node_is_other(const Tree *tree, uint32_t node)
{
    uint32_t length;
    const char *name = tree_node_name(tree, node, &length);
    return length == 5 && memcmp(name, "other", 5) == 0;
}

static void
run_truncation(Truncation *job, int64_t threshold, bool folds_other)
{
    const Tree *from = job->from;
    for (uint32_t i = 0; i < from->n_nodes;) {
        uint32_t depth = from->depth[i];
        close_nodes(job, depth);
        if (i == 0 ||
            (from->total[i] >= threshold && !(folds_other && tree_node_is_other(from, i)))) {
            copy_node(job, i++);
            continue;
        }
        OpenNode *parent = &g_array_index(job->open, OpenNode, job->open->len - 1);
        parent->other += from->total[i];
        for (i++; i < from->n_nodes && from->depth[i] > depth;)
            i++;
    }
    close_nodes(job, 0);
}

/* The copy's name table: the names that are in use. */
static void
take_names(Truncation *job)
{
    Tree *to = job->to;
    to->n_names = job->names.n;
    to->name_offset = g_new(uint32_t, (size_t)to->n_names + 1);
    for (uint32_t i = 0; i <= to->n_names; i++)
        to->name_offset[i] = (uint32_t)job->names.offset[i];
    wire_put_raw(&job->names.bytes, "", 1);
    to->name_bytes = (char *)g_steal_pointer(&job->names.bytes.data);
    pprof_table_clear(&job->names);
}

Tree *
tree_truncate(const Tree *tree, int64_t max_nodes)
{
    int64_t threshold = tree_threshold(tree->total + 1, tree->n_nodes - 1, max_nodes);
    /* Every node may get an "other" of its own in place of what it loses: never more nodes. */
    Truncation job = {.from = tree, .to = tree_new(tree->n_nodes)};
    job.to->n_nodes = 0;
    job.new_name = g_new(uint32_t, tree->n_names);
    memset(job.new_name, 0xff, tree->n_names * sizeof *job.new_name);
    job.new_name[0] = pprof_table_intern(&job.names, "", 0);
    job.open = g_array_new(FALSE, FALSE, sizeof(OpenNode));
    run_truncation(&job, threshold, max_nodes >= 1);
    take_names(&job);
    g_array_unref(job.open);
    g_free(job.new_name);
    return job.to;
}

Tree *
tree_fit(Tree *tree, int64_t max_nodes, bool *ret_truncated)
{
    /* The rule counts the root as no node. */
    bool fits = (int64_t)tree->n_nodes - 1 <= max_nodes;
    if (ret_truncated != NULL)
        *ret_truncated = !fits;
    if (fits)
        return tree;
    Tree *copy = tree_truncate(tree, max_nodes);
    tree_free(tree);
    return copy;
}
