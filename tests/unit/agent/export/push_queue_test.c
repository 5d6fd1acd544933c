/* The queue in front of the server: bounded, patient, and not stubborn. */
#include "agent/export/push_queue.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/push_server.h"

enum { WAIT_MS = 30000 };

static GMutex log_lock;
static GString *logged; /* under log_lock: every message so far */

static GLogWriterOutput
keep_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    (void)level;
    (void)data;
    g_mutex_lock(&log_lock);
    for (gsize i = 0; i < n_fields; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            g_string_append_printf(logged, "%s\n", (const char *)fields[i].value);
    g_mutex_unlock(&log_lock);
    return G_LOG_WRITER_HANDLED;
}

static PushQueue *
queue_new_as(const char *user, uint16_t port, size_t bytes_max)
{
    g_autofree char *url = g_strdup_printf("http://%s127.0.0.1:%u", user, port);
    PushQueueConfig config = {
        .server = url, .bytes_max = bytes_max, .pause_min_ms = 5, .pause_max_ms = 20};
    PushQueue *queue = push_queue_new(&config, NULL);
    assert_non_null(queue);
    return queue;
}

static PushQueue *
queue_new(uint16_t port, size_t bytes_max)
{
    return queue_new_as("", port, bytes_max);
}

static void
add(PushQueue *queue, char mark, size_t size)
{
    char *bytes = g_malloc(size);
    memset(bytes, mark, size);
    push_queue_add(queue, g_bytes_new_take(bytes, size), size);
}

static void
test_the_oldest_give_way(void **state)
{
    (void)state;
    uint16_t port = push_server_free_port();
    PushQueue *queue = queue_new(port, 10000);
    PushQueueCounts counts;
    for (char mark = 'a'; mark < 'a' + 20; mark++) {
        add(queue, mark, 1000);
        push_queue_get_counts(queue, &counts);
        assert_true(counts.waiting_bytes <= 10000);
    }
    assert_int_equal(counts.waiting, 8);
    assert_int_equal(counts.dropped_full, 12);
    g_autoptr(PushServer) server = push_server_new(port);
    push_queue_stop(queue, WAIT_MS);
    push_queue_get_counts(queue, &counts);
    assert_int_equal(counts.pushed, 8);
    assert_int_equal(counts.dropped_full, 12);
    assert_int_equal(counts.dropped_stop, 0);
    g_autoptr(GBytes) body = push_server_body(server, 0);
    gsize size;
    const char *bytes = g_bytes_get_data(body, &size);
    assert_null(memchr(bytes, 'l', size));
    assert_non_null(memchr(bytes, 'm', size));
    assert_non_null(memchr(bytes, 't', size));
    push_queue_free(queue);
}

static void
test_a_final_refusal_is_not_repeated(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    push_server_answer(server, 400, "{\"code\":\"invalid_argument\",\"message\":\"too old\"}");
    PushQueue *queue = queue_new(push_server_port(server), 0);
    add(queue, 'a', 100);
    push_queue_stop(queue, WAIT_MS);
    PushQueueCounts counts;
    push_queue_get_counts(queue, &counts);
    assert_int_equal(counts.dropped_refused, 1);
    assert_int_equal(counts.retries, 0);
    assert_int_equal(push_server_wait(server, 1, WAIT_MS), 1);
    push_queue_free(queue);
}

static void
test_a_large_push_is_sent_in_pieces(void **state)
{
    (void)state;
    uint16_t port = push_server_free_port();
    PushQueue *queue = queue_new(port, 0);
    for (int i = 0; i < 8; i++)
        add(queue, 'a', 500 * 1024);
    g_autoptr(PushServer) server = push_server_new(port);
    push_queue_stop(queue, WAIT_MS);
    PushQueueCounts counts;
    push_queue_get_counts(queue, &counts);
    assert_int_equal(counts.pushed, 8);
    for (size_t i = 0;; i++) {
        g_autoptr(GBytes) body = push_server_body(server, i);
        if (body == NULL)
            break;
        assert_true(g_bytes_get_size(body) <= 1600 * 1024);
    }
    push_queue_free(queue);
}

static void
test_stopping_ends_within_its_time(void **state)
{
    (void)state;
    PushQueue *queue = queue_new(push_server_free_port(), 0);
    add(queue, 'a', 100);
    push_queue_stop(queue, 50);
    PushQueueCounts counts;
    push_queue_get_counts(queue, &counts);
    assert_int_equal(counts.dropped_stop, 1);
    assert_int_equal(counts.pushed, 0);
    assert_int_equal(counts.waiting, 0);
    push_queue_free(queue);
}

/* What is said of a server that fails, takes profiles and is not understood names no password. */
static void
test_no_password_is_logged(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    push_server_answer(server, 503, "{\"code\":\"unavailable\"}");
    PushQueue *queue = queue_new_as("agent:s3cret@", push_server_port(server), 0);
    add(queue, 'a', 100);
    push_queue_flush(queue);
    assert_true(push_server_wait(server, 1, WAIT_MS) >= 1);
    push_server_answer(server, 200, "");
    push_queue_stop(queue, WAIT_MS);
    push_queue_free(queue);
    g_autoptr(GError) error = NULL;
    const PushQueueConfig config = {.server = "htp://agent:s3cret@host"};
    assert_null(push_queue_new(&config, &error));
    assert_error_says(error, "not an address like");
    assert_lacks(error->message, "s3cret");
    g_autofree char *head = push_server_head(server);
    assert_contains(head, "Authorization: Basic YWdlbnQ6czNjcmV0");
    assert_contains(logged->str, "answers 503");
    assert_contains(logged->str, "have been shipped to http://127.0.0.1");
    assert_lacks(logged->str, "s3cret");
}

int
main(void)
{
    logged = g_string_new(NULL);
    g_log_set_writer_func(keep_log, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_give_way),
        cmocka_unit_test(test_a_final_refusal_is_not_repeated),
        cmocka_unit_test(test_a_large_push_is_sent_in_pieces),
        cmocka_unit_test(test_stopping_ends_within_its_time),
        cmocka_unit_test(test_no_password_is_logged),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_string_free(logged, TRUE);
    return n_failed;
}
