#include "server/api/async_queries.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

#define WAIT_US    (20 * G_USEC_PER_SEC)
#define NEVER_US   (INT64_C(3600) * G_USEC_PER_SEC)
#define MANY       1000
#define NO_SUCH_ID "00000000-0000-4000-8000-000000000000"

/* Closed: queries "hold" wait here. */
static struct {
    GMutex lock;
    GCond changed;
    bool is_open;
} gate;

static void
set_gate(bool is_open)
{
    g_mutex_lock(&gate.lock);
    gate.is_open = is_open;
    g_cond_broadcast(&gate.changed);
    g_mutex_unlock(&gate.lock);
}

/* The body says what to do: "fail", "hold" until the gate is open, or how long the answer is. */
static GBytes *
run(const AsyncQuery *query, void *data, GError **error)
{
    (void)data;
    gsize size;
    const char *body = g_bytes_get_data(query->body, &size);
    g_autofree char *text = g_strndup(body, size);
    if (strcmp(text, "fail") == 0) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "it is too much");
        return NULL;
    }
    if (strcmp(text, "hold") == 0) {
        g_mutex_lock(&gate.lock);
        while (!gate.is_open)
            g_cond_wait(&gate.changed, &gate.lock);
        g_mutex_unlock(&gate.lock);
    }
    size_t length = strtoul(text, NULL, 10);
    return g_bytes_new_take(g_malloc0(MAX(length, 1)), length);
}

static AsyncQueries *
start(int64_t keep_us, int64_t bytes_max)
{
    const AsyncQueriesConfig config = {
        .run = run, .threads = 2, .keep_us = keep_us, .bytes_max = bytes_max};
    return async_queries_new(&config);
}

static char *
submit(AsyncQueries *queries, const char *tenant, const char *text, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    const AsyncQuery query = {.tenant = tenant, .codec = CODEC_JSON, .body = body};
    char *id = NULL;
    return async_queries_submit(queries, &query, 2, &id, error) ? id : NULL;
}

/* How a query ended. */
static void
await(AsyncQueries *queries, const char *tenant, const char *id, AsyncQueryResult *ret_result)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_US;
    g_autoptr(GError) error = NULL;
    for (;;) {
        async_queries_get(queries, tenant, id, ret_result, &error);
        assert_no_error(error);
        if (ret_result->status != ASYNC_QUERY_IN_PROGRESS)
            return;
        assert_true(g_get_monotonic_time() < end_us);
        g_usleep(1000);
    }
}

static char *
submit_and_await(AsyncQueries *queries, const char *tenant, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_auto(AsyncQueryResult) result = {0};
    char *id = submit(queries, tenant, text, &error);
    assert_no_error(error);
    await(queries, tenant, id, &result);
    assert_int_equal(result.status, ASYNC_QUERY_SUCCESS);
    return id;
}

static bool
is_there(AsyncQueries *queries, const char *tenant, const char *id)
{
    g_auto(AsyncQueryResult) result = {0};
    g_autoptr(GError) error = NULL;
    if (async_queries_get(queries, tenant, id, &result, &error))
        return true;
    assert_int_equal(error->code, CRESSET_ERROR_NOT_FOUND);
    return false;
}

static bool
metrics_say(AsyncQueries *queries, const char *line)
{
    g_autoptr(GString) text = g_string_new(NULL);
    async_queries_write_metrics(queries, text);
    return strstr(text->str, line) != NULL;
}

static void
test_answers_and_failures_are_kept(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 1 << 20);
    g_autoptr(GError) error = NULL;
    g_auto(AsyncQueryResult) result = {0};
    g_auto(AsyncQueryResult) failed = {0};
    g_autofree char *id = submit(queries, "a", "300", &error);
    g_autofree char *bad = submit(queries, "a", "fail", &error);
    await(queries, "a", id, &result);
    assert_int_equal(result.status, ASYNC_QUERY_SUCCESS);
    assert_int_equal(result.codec, CODEC_JSON);
    assert_int_equal(g_bytes_get_size(result.answer), 300);
    await(queries, "a", bad, &failed);
    assert_int_equal(failed.status, ASYNC_QUERY_FAILURE);
    assert_string_equal(failed.failure, "it is too much");
    assert_true(is_there(queries, "a", id)); /* asking takes nothing away */
    assert_true(metrics_say(queries, "cresset_server_async_queries_total{outcome=\"success\"} 1"));
    assert_true(metrics_say(queries, "cresset_server_async_queries_total{outcome=\"failure\"} 1"));
}

static void
test_only_their_tenant_finds_them(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 1 << 20);
    g_autofree char *id = submit_and_await(queries, "a", "1");
    assert_false(is_there(queries, "b", id));
    assert_false(is_there(queries, "a|b", id));
    assert_false(is_there(queries, "a", NO_SUCH_ID));
    assert_false(is_there(queries, "a", ""));
    assert_true(is_there(queries, "a", id));
}

static void
test_so_many_of_a_tenant_at_a_time(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 1 << 20);
    g_autoptr(GError) error = NULL;
    g_auto(AsyncQueryResult) result = {0};
    set_gate(false);
    g_autofree char *first = submit(queries, "a", "hold", NULL);
    g_autofree char *second = submit(queries, "a", "hold", NULL);
    assert_null(submit(queries, "a", "hold", &error));
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_error_says(error, "max_async_query_concurrency");
    g_autofree char *other = submit(queries, "b", "1", NULL);
    assert_non_null(other);
    async_queries_get(queries, "a", first, &result, NULL);
    assert_int_equal(result.status, ASYNC_QUERY_IN_PROGRESS);
    assert_true(metrics_say(queries, "cresset_server_async_queries_in_progress 3"));
    set_gate(true);
    await(queries, "a", first, &result);
    async_query_result_clear(&result);
    await(queries, "a", second, &result);
    async_query_result_clear(&result);
    await(queries, "b", other, &result);
    g_autofree char *third = submit_and_await(queries, "a", "1");
    assert_true(metrics_say(queries, "cresset_server_async_queries_in_progress 0"));
}

/* Also when nobody asks. */
static void
test_old_answers_are_forgotten(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(G_USEC_PER_SEC / 20, 1 << 20);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = submit(queries, "a", "1000", &error);
    int64_t end_us = g_get_monotonic_time() + WAIT_US;
    while (!metrics_say(queries, "cresset_server_async_query_bytes 0") &&
           g_get_monotonic_time() < end_us)
        g_usleep(1000);
    assert_true(metrics_say(queries, "cresset_server_async_queries_total{outcome=\"success\"} 1"));
    assert_true(metrics_say(queries, "cresset_server_async_query_bytes 0"));
    assert_false(is_there(queries, "a", id));
}

static void
test_whoever_has_most_makes_room(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 100000);
    g_autofree char *small = submit_and_await(queries, "small", "10000");
    g_autofree char *oldest = submit_and_await(queries, "large", "30000");
    g_autofree char *older = submit_and_await(queries, "large", "30000");
    g_autofree char *new = submit_and_await(queries, "new", "28000");
    assert_false(is_there(queries, "large", oldest));
    assert_true(is_there(queries, "large", older));
    /* What is asked for would be more than anyone else has: its own go. */
    g_autofree char *newer = submit_and_await(queries, "new", "50000");
    assert_false(is_there(queries, "new", new));
    assert_true(is_there(queries, "new", newer));
    assert_true(is_there(queries, "large", older));
    assert_true(is_there(queries, "small", small));
    assert_true(metrics_say(queries, "cresset_server_async_answers_evicted_total 2"));
}

static void
test_what_no_room_can_be_made_for_fails(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 10000);
    g_autoptr(GError) error = NULL;
    g_auto(AsyncQueryResult) result = {0};
    g_autofree char *other = submit_and_await(queries, "b", "1000");
    g_autofree char *id = submit(queries, "a", "10000", &error);
    await(queries, "a", id, &result);
    assert_int_equal(result.status, ASYNC_QUERY_FAILURE);
    assert_contains(result.failure, "async-query-memory");
    g_autofree char *body = g_strnfill(10000, '0');
    assert_null(submit(queries, "a", body, &error));
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_error_says(error, "async-query-memory");
    assert_true(is_there(queries, "b", other));
    assert_false(is_there(queries, "a", id)); /* its failure made room, in vain */
}

/* Entries have a size of their own, so that answers without any are bounded too. */
static void
test_their_number_is_bounded(void **state)
{
    (void)state;
    g_autoptr(AsyncQueries) queries = start(NEVER_US, 65536);
    g_autofree char *first = submit_and_await(queries, "a", "0");
    for (int i = 0; i < MANY; i++)
        g_free(submit_and_await(queries, "a", "0"));
    assert_false(is_there(queries, "a", first));
}

static void
test_what_waits_never_runs_after_the_end(void **state)
{
    (void)state;
    AsyncQueries *queries = start(NEVER_US, 1 << 20);
    for (int i = 0; i < MANY; i++) {
        g_autofree char *tenant = g_strdup_printf("t%d", i);
        g_autofree char *id = submit(queries, tenant, "100", NULL);
        assert_non_null(id);
    }
    async_queries_free(queries);
    async_queries_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_and_failures_are_kept),
        cmocka_unit_test(test_only_their_tenant_finds_them),
        cmocka_unit_test(test_so_many_of_a_tenant_at_a_time),
        cmocka_unit_test(test_old_answers_are_forgotten),
        cmocka_unit_test(test_whoever_has_most_makes_room),
        cmocka_unit_test(test_what_no_room_can_be_made_for_fails),
        cmocka_unit_test(test_their_number_is_bounded),
        cmocka_unit_test(test_what_waits_never_runs_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
