#include "server/api/function_list.h"

#include <querier.pb-c.h>
#include <string.h>

#include "server/query/functions.h"

/* A copy that lives as long as the call. */
static char *
copy_name(RpcCall *call, const Tree *tree, uint32_t name)
{
    uint32_t start = tree->name_offset[name], length = tree->name_offset[name + 1] - start;
    char *copy = rpc_alloc(call, (size_t)length + 1, 1);
    memcpy(copy, tree->name_bytes + start, length);
    return copy;
}

static void
fill(RpcCall *call, const Tree *tree, size_t max_functions, Querier__V1__FunctionList *list)
{
    g_autoptr(Functions) functions = functions_new(tree);
    g_autoptr(GArray) names = functions_rank(functions, tree, false, max_functions);
    Querier__V1__FunctionValue *values = rpc_alloc(call, names->len, sizeof *values);
    list->total = tree->total[0];
    list->n_functions = names->len;
    list->functions = rpc_alloc_pointers(call, names->len);
    for (guint i = 0; i < names->len; i++) {
        uint32_t name = g_array_index(names, uint32_t, i);
        querier__v1__function_value__init(&values[i]);
        values[i].name = copy_name(call, tree, name);
        values[i].self = functions->self[name];
        values[i].total = functions->total[name];
        list->functions[i] = &values[i];
    }
}

GBytes *
function_list_answer(RpcCall *call, const Query *query, int64_t max_functions, GError **error)
{
    Querier__V1__FunctionList list = QUERIER__V1__FUNCTION_LIST__INIT;
    Querier__V1__SelectMergeStacktracesResponse response =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
    response.functions = &list;
    if (query != NULL) {
        g_autoptr(Tree) tree = query_tree(query, error);
        if (tree == NULL)
            return NULL;
        fill(call, tree, (size_t)max_functions, &list);
    }
    return codec_encode(call->codec, &response.base);
}

GBytes *
function_list_answer_diff(RpcCall *call, const TreeDiff *diff, int64_t max_functions)
{
    Querier__V1__FunctionListDiff list = QUERIER__V1__FUNCTION_LIST_DIFF__INIT;
    Querier__V1__DiffResponse response = QUERIER__V1__DIFF_RESPONSE__INIT;
    g_autoptr(Functions) left = functions_new_side(diff, false);
    g_autoptr(Functions) right = functions_new_side(diff, true);
    g_autoptr(Functions) larger = functions_larger(left, right);
    g_autoptr(GArray) names = functions_rank(larger, diff->tree, false, (size_t)max_functions);
    Querier__V1__FunctionValueDiff *values = rpc_alloc(call, names->len, sizeof *values);
    response.functions = &list;
    list.left_total = diff->tree->total[0];
    list.right_total = diff->right_total[0];
    list.n_functions = names->len;
    list.functions = rpc_alloc_pointers(call, names->len);
    for (guint i = 0; i < names->len; i++) {
        uint32_t name = g_array_index(names, uint32_t, i);
        querier__v1__function_value_diff__init(&values[i]);
        values[i].name = copy_name(call, diff->tree, name);
        values[i].left_self = left->self[name];
        values[i].left_total = left->total[name];
        values[i].right_self = right->self[name];
        values[i].right_total = right->total[name];
        list.functions[i] = &values[i];
    }
    return codec_encode(call->codec, &response.base);
}
