#include "server/query/retry.h"

void *
query_retry(const Query *query, QueryAttempt attempt, const void *data, GDestroyNotify result_free,
            GError **error)
{
    const QueryResolver *resolver = query->resolver;
    if (resolver == NULL || resolver->wait == NULL)
        return attempt(query, data, error);
    g_autoptr(GHashTable) missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Query first = *query;
    first.missing = missing;
    void *result = attempt(&first, data, error);
    if (result == NULL || g_hash_table_size(missing) == 0)
        return result;
    g_autofree const char **build_ids =
        (const char **)g_hash_table_get_keys_as_array(missing, NULL);
    if (!resolver->wait(resolver->data, build_ids))
        return result;
    result_free(result);
    return attempt(query, data, error);
}
