#include "server/api/async_queries.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/metrics.h"

/* What a query counts for beside its body and answer: it bounds their number too. */
#define ENTRY_BYTES 1024

enum { ROW_FINISHED, ROW_EVICTED, ROW_IN_PROGRESS, ROW_BYTES };

static const char *const outcomes[] = {"success", "failure", NULL};

static const MetricRow rows[] = {
    [ROW_FINISHED] = {"cresset_server_async_queries_total", METRIC_COUNTER,
                      "Asynchronous queries that are over, by how they ended.", "outcome", outcomes,
                      NULL},
    [ROW_EVICTED] = {"cresset_server_async_answers_evicted_total", METRIC_COUNTER,
                     "Their answers that went early, for want of memory (limit "
                     "async-query-memory).",
                     NULL, NULL, NULL},
    [ROW_IN_PROGRESS] = {"cresset_server_async_queries_in_progress", METRIC_GAUGE,
                         "Asynchronous queries that run or wait to.", NULL, NULL, NULL},
    [ROW_BYTES] = {"cresset_server_async_query_bytes", METRIC_GAUGE,
                   "Memory of asynchronous queries and their answers (limit async-query-memory).",
                   NULL, NULL, NULL},
};

/* What one tenant, or a set of them, has here; gone with its last query. */
typedef struct {
    char *tenant;
    unsigned n_entries;
    int64_t in_progress, bytes;
    GQueue answered; /* Entry, the oldest first */
} Share;

typedef struct {
    AsyncQuery query; /* `body` is NULL once it is over */
    char *id;
    Share *share;
    AsyncQueryResult result;
    int64_t bytes;    /* that it counts for */
    int64_t until_us; /* when it is forgotten; once it is over */
    GList in_all, in_share;
} Entry;

struct AsyncQueries {
    AsyncQueriesConfig config;
    Metrics *metrics;
    GPtrArray *threads;
    GMutex lock;
    GCond changed;
    GHashTable *entries; /* id -> Entry, owned */
    GHashTable *shares;  /* tenant -> Share, owned */
    GQueue waiting;      /* Entry */
    GQueue answered;     /* Entry, the oldest first */
    int64_t in_progress, bytes;
    bool is_stopping;
};

void
async_query_result_clear(AsyncQueryResult *result)
{
    g_clear_pointer(&result->answer, g_bytes_unref);
    g_clear_pointer(&result->failure, g_free);
}

static void
free_entry(void *data)
{
    Entry *entry = data;
    g_clear_pointer(&entry->query.body, g_bytes_unref);
    async_query_result_clear(&entry->result);
    g_free(entry->id);
    g_free(entry);
}

static void
free_share(void *data)
{
    g_free(((Share *)data)->tenant);
    g_free(data);
}

/* Everything below runs with the lock held, but for what is said. */

static Share *
share_of(AsyncQueries *queries, const char *tenant)
{
    Share *share = g_hash_table_lookup(queries->shares, tenant);
    if (share == NULL) {
        share = g_new0(Share, 1);
        share->tenant = g_strdup(tenant);
        g_hash_table_insert(queries->shares, share->tenant, share);
    }
    return share;
}

static void
drop_share_if_empty(AsyncQueries *queries, Share *share)
{
    if (share->n_entries == 0)
        g_hash_table_remove(queries->shares, share->tenant);
}

static void
account(AsyncQueries *queries, Entry *entry, int64_t bytes)
{
    queries->bytes += bytes - entry->bytes;
    entry->share->bytes += bytes - entry->bytes;
    entry->bytes = bytes;
}

/* Forgets a query that is over. */
static void
drop(AsyncQueries *queries, Entry *entry)
{
    Share *share = entry->share;
    account(queries, entry, 0);
    g_queue_unlink(&queries->answered, &entry->in_all);
    g_queue_unlink(&share->answered, &entry->in_share);
    g_hash_table_remove(queries->entries, entry->id);
    share->n_entries--;
}

static void
drop_old(AsyncQueries *queries)
{
    int64_t now_us = g_get_monotonic_time();
    Entry *entry;
    while ((entry = g_queue_peek_head(&queries->answered)) != NULL && entry->until_us <= now_us) {
        Share *share = entry->share;
        drop(queries, entry);
        drop_share_if_empty(queries, share);
    }
}

static Share *
largest_with_answers(AsyncQueries *queries)
{
    Share *largest = NULL;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, queries->shares);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Share *share = value;
        if (share->answered.length > 0 && (largest == NULL || share->bytes > largest->bytes))
            largest = share;
    }
    return largest;
}

/* Makes room for so many bytes more of a share: the oldest answer of the largest share goes, and
 * nobody's who has less than the share would. */
static bool
make_room(AsyncQueries *queries, Share *share, int64_t bytes)
{
    while (queries->bytes + bytes > queries->config.bytes_max) {
        Share *from = largest_with_answers(queries);
        if (from == NULL || from->bytes < share->bytes + bytes)
            from = share;
        Entry *oldest = g_queue_peek_head(&from->answered);
        if (oldest == NULL)
            return false;
        drop(queries, oldest);
        metrics_add(queries->metrics, ROW_EVICTED, 0, 1);
        if (from != share)
            drop_share_if_empty(queries, from);
    }
    return true;
}

static bool
check_room(AsyncQueries *queries, Share *share, int64_t tenant_max, int64_t bytes, GError **error)
{
    if (share->in_progress >= tenant_max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "%" G_GINT64_FORMAT " asynchronous queries of the tenant are in progress "
                         "(limit max_async_query_concurrency)",
                         share->in_progress);
    if (!make_room(queries, share, bytes))
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "there is no memory for another asynchronous query (limit "
                         "async-query-memory)");
    return true;
}

static Entry *
add(AsyncQueries *queries, const AsyncQuery *query, Share *share, int64_t bytes)
{
    Entry *entry = g_new0(Entry, 1);
    entry->id = g_uuid_string_random();
    entry->share = share;
    entry->query = (AsyncQuery){entry->id, share->tenant, query->codec, g_bytes_ref(query->body)};
    entry->result.codec = query->codec;
    entry->in_all.data = entry;
    entry->in_share.data = entry;
    account(queries, entry, bytes);
    share->n_entries++;
    share->in_progress++;
    queries->in_progress++;
    g_hash_table_insert(queries->entries, entry->id, entry);
    g_queue_push_tail_link(&queries->waiting, &entry->in_all);
    g_cond_broadcast(&queries->changed);
    return entry;
}

bool
async_queries_submit(AsyncQueries *queries, const AsyncQuery *query, int64_t tenant_max,
                     char **ret_id, GError **error)
{
    int64_t bytes = ENTRY_BYTES + (int64_t)g_bytes_get_size(query->body);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queries->lock);
    drop_old(queries);
    Share *share = share_of(queries, query->tenant);
    bool ok = check_room(queries, share, tenant_max, bytes, error);
    if (ok)
        *ret_id = g_strdup(add(queries, query, share, bytes)->id);
    drop_share_if_empty(queries, share);
    return ok;
}

bool
async_queries_get(AsyncQueries *queries, const char *tenant, const char *id,
                  AsyncQueryResult *ret_result, GError **error)
{
    *ret_result = (AsyncQueryResult){0};
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queries->lock);
    drop_old(queries);
    const Entry *entry = g_hash_table_lookup(queries->entries, id);
    if (entry == NULL || strcmp(entry->share->tenant, tenant) != 0)
        return error_set(error, CRESSET_ERROR_NOT_FOUND,
                         "there is no asynchronous query with this request_id: answers are kept "
                         "for %" G_GINT64_FORMAT " minutes, as long as there is memory (limit "
                         "async-query-memory) and the server runs",
                         ASYNC_QUERY_KEEP_US / G_USEC_PER_SEC / 60);
    *ret_result = entry->result;
    if (ret_result->answer != NULL)
        g_bytes_ref(ret_result->answer);
    ret_result->failure = g_strdup(entry->result.failure);
    return true;
}

/* Takes `answer`, which is NULL when the query failed. */
static void
keep(AsyncQueries *queries, Entry *entry, GBytes *answer, const GError *error)
{
    int64_t bytes = ENTRY_BYTES + (answer != NULL ? (int64_t)g_bytes_get_size(answer) : 0);
    account(queries, entry, ENTRY_BYTES);
    g_clear_pointer(&entry->query.body, g_bytes_unref);
    AsyncQueryResult *result = &entry->result;
    if (answer == NULL) {
        result->failure = g_strdup(error->message);
    } else if (!make_room(queries, entry->share, bytes - ENTRY_BYTES)) {
        result->failure = g_strdup_printf(
            "there is no memory for the answer of %zu bytes (limit async-query-memory)",
            g_bytes_get_size(answer));
        g_bytes_unref(answer);
    } else {
        result->answer = answer;
        account(queries, entry, bytes);
    }
    result->status = result->failure != NULL ? ASYNC_QUERY_FAILURE : ASYNC_QUERY_SUCCESS;
    entry->until_us = g_get_monotonic_time() + queries->config.keep_us;
    entry->share->in_progress--;
    queries->in_progress--;
    g_queue_push_tail_link(&queries->answered, &entry->in_all);
    g_queue_push_tail_link(&entry->share->answered, &entry->in_share);
    metrics_add(queries->metrics, ROW_FINISHED, result->failure != NULL, 1);
}

/* The lock is released while the query runs. */
static void
run(AsyncQueries *queries, Entry *entry)
{
    g_autoptr(GError) error = NULL;
    g_mutex_unlock(&queries->lock);
    GBytes *answer = queries->config.run(&entry->query, queries->config.data, &error);
    g_mutex_lock(&queries->lock);
    keep(queries, entry, answer, error);
}

/* Until something changes, or an answer is too old. */
static void
wait_for_change(AsyncQueries *queries)
{
    const Entry *oldest = g_queue_peek_head(&queries->answered);
    if (oldest != NULL)
        (void)g_cond_wait_until(&queries->changed, &queries->lock, oldest->until_us);
    else
        g_cond_wait(&queries->changed, &queries->lock);
}

static void *
work(void *data)
{
    AsyncQueries *queries = data;
    g_mutex_lock(&queries->lock);
    while (!queries->is_stopping) {
        drop_old(queries);
        GList *next = g_queue_pop_head_link(&queries->waiting);
        if (next != NULL)
            run(queries, next->data);
        else
            wait_for_change(queries);
    }
    g_mutex_unlock(&queries->lock);
    return NULL;
}

AsyncQueries *
async_queries_new(const AsyncQueriesConfig *config)
{
    AsyncQueries *queries = g_new0(AsyncQueries, 1);
    queries->config = *config;
    queries->metrics = metrics_new(rows, G_N_ELEMENTS(rows));
    queries->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_entry);
    queries->shares = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_share);
    queries->threads = g_ptr_array_new();
    g_mutex_init(&queries->lock);
    g_cond_init(&queries->changed);
    for (int64_t i = 0; i < config->threads; i++)
        g_ptr_array_add(queries->threads, g_thread_new("async-query", work, queries));
    return queries;
}

void
async_queries_free(AsyncQueries *queries)
{
    if (queries == NULL)
        return;
    g_mutex_lock(&queries->lock);
    queries->is_stopping = true;
    g_cond_broadcast(&queries->changed);
    g_mutex_unlock(&queries->lock);
    for (guint i = 0; i < queries->threads->len; i++)
        g_thread_join(queries->threads->pdata[i]);
    g_ptr_array_unref(queries->threads);
    g_hash_table_unref(queries->entries);
    g_hash_table_unref(queries->shares);
    metrics_free(queries->metrics);
    g_mutex_clear(&queries->lock);
    g_cond_clear(&queries->changed);
    g_free(queries);
}

void
async_queries_write_metrics(AsyncQueries *queries, GString *out)
{
    g_mutex_lock(&queries->lock);
    metrics_set(queries->metrics, ROW_IN_PROGRESS, 0, (double)queries->in_progress);
    metrics_set(queries->metrics, ROW_BYTES, 0, (double)queries->bytes);
    g_mutex_unlock(&queries->lock);
    metrics_write(queries->metrics, out);
}
