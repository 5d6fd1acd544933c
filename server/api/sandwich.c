#include "server/api/sandwich.h"

#include <querier.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/query/sandwich.h"

/* The function's own node in the trees of both sides; what is below it is sent. */
enum { FUNCTION_NODE = 1 };

#define NO_NAME UINT32_MAX

typedef Querier__V1__SandwichNode Node;

typedef struct {
    RpcCall *call;
    int64_t max_nodes;
    uint32_t levels;
    GHashTable *ids;  /* of names: their place in `names`, as a pointer */
    GPtrArray *names; /* char *, owned by the call */
} Names;

typedef struct {
    Names *names;
    const Tree *tree;
    uint32_t *name_index; /* by name of the tree; or NO_NAME */
    Node *nodes;          /* by node; those that are not kept have no descriptor */
} Side;

static uint32_t
name_index(const Side *side, uint32_t node)
{
    Names *names = side->names;
    uint32_t *known = &side->name_index[side->tree->name[node]], length;
    gpointer id;
    if (*known != NO_NAME)
        return *known;
    const char *text = tree_node_name(side->tree, node, &length);
    char *name = rpc_alloc(names->call, (size_t)length + 1, 1);
    memcpy(name, text, length);
    if (g_hash_table_lookup_extended(names->ids, name, NULL, &id))
        return *known = GPOINTER_TO_UINT(id);
    *known = names->names->len;
    g_ptr_array_add(names->names, name);
    g_hash_table_insert(names->ids, name, GUINT_TO_POINTER(*known));
    return *known;
}

static bool
is_kept(const Side *side, uint32_t node)
{
    return side->nodes[node].base.descriptor != NULL;
}

/* Fills in the nodes to send and counts the children of each. */
static void
fill_nodes(const Side *side)
{
    const Tree *tree = side->tree;
    uint32_t first = FUNCTION_NODE + 1;
    int64_t threshold =
        tree_threshold(tree->total + first, tree->n_nodes - first, side->names->max_nodes);
    querier__v1__sandwich_node__init(&side->nodes[FUNCTION_NODE]);
    for (uint32_t i = first; i < tree->n_nodes; i++) {
        Node *node = &side->nodes[i], *parent = &side->nodes[tree->parent[i]];
        if (!is_kept(side, tree->parent[i]))
            continue;
        if (tree->total[i] < threshold || tree->depth[i] > FUNCTION_NODE + side->names->levels) {
            parent->truncated = true;
            continue;
        }
        querier__v1__sandwich_node__init(node);
        node->name_index = name_index(side, i);
        node->total = tree->total[i];
        node->self = tree->self[i];
        parent->n_children++;
    }
}

/* Gives each node its children: slices of one array. */
static void
link_nodes(const Side *side)
{
    const Tree *tree = side->tree;
    Node **slots = rpc_alloc_pointers(side->names->call, tree->n_nodes);
    for (uint32_t i = FUNCTION_NODE; i < tree->n_nodes; i++) {
        Node *node = &side->nodes[i];
        if (i > FUNCTION_NODE && is_kept(side, i)) {
            Node *parent = &side->nodes[tree->parent[i]];
            parent->children[parent->n_children++] = node;
        }
        node->children = slots;
        slots += node->n_children;
        node->n_children = 0;
    }
}

/* The nodes next to the function, with all that hangs on them. */
static Node **
make_side(Names *names, const Tree *tree, size_t *ret_n)
{
    *ret_n = 0;
    if (tree->n_nodes <= FUNCTION_NODE)
        return NULL;
    g_autofree uint32_t *indexes = g_new(uint32_t, tree->n_names);
    for (uint32_t i = 0; i < tree->n_names; i++)
        indexes[i] = NO_NAME;
    const Side side = {names, tree, indexes, rpc_alloc(names->call, tree->n_nodes, sizeof(Node))};
    fill_nodes(&side);
    link_nodes(&side);
    *ret_n = side.nodes[FUNCTION_NODE].n_children;
    return side.nodes[FUNCTION_NODE].children;
}

static bool
fill(Names *names, const Query *query, const char *function, Querier__V1__Sandwich *sandwich,
     GError **error)
{
    g_autoptr(Tree) tree = query_tree(query, error);
    g_autoptr(Tree) callers = tree != NULL ? tree_callers(tree, function, error) : NULL;
    if (callers == NULL)
        return false;
    g_autoptr(Tree) callees = tree_callees(tree, function);
    sandwich->total = callees->total[0];
    sandwich->self = tree_function_self(tree, function);
    sandwich->callers = make_side(names, callers, &sandwich->n_callers);
    sandwich->callees = make_side(names, callees, &sandwich->n_callees);
    return true;
}

GBytes *
sandwich_answer(RpcCall *call, const Query *query, const char *function, int64_t max_nodes,
                GError **error)
{
    Querier__V1__Sandwich sandwich = QUERIER__V1__SANDWICH__INIT;
    Querier__V1__SelectMergeStacktracesResponse response =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
    response.sandwich = &sandwich;
    if (function[0] == '\0') {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "sandwich_function is required with PROFILE_FORMAT_SANDWICH");
        return NULL;
    }
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    g_ptr_array_add(texts, rpc_alloc(call, 1, 1)); /* ""; no node has the index that JSON omits */
    Names names = {
        .call = call,
        .max_nodes = max_nodes,
        .levels = call->codec == CODEC_JSON ? SANDWICH_LEVELS_JSON : SANDWICH_LEVELS_PROTO,
        .ids = ids,
        .names = texts,
    };
    if (query != NULL && !fill(&names, query, function, &sandwich, error))
        return NULL;
    sandwich.names = (char **)texts->pdata;
    sandwich.n_names = texts->len;
    return codec_encode(call->codec, &response.base);
}
