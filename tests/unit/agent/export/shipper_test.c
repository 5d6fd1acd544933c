/* Profiles on their way to a server that fails in every way, and over restarts. */
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/kept_log.h"
#include "tests/harness/push_server.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"
#include "tests/unit/agent/export/shipper_fixture.h"

enum { WAIT_MS = 30000 };

/* The bodies that a server took, as one text. */
static char *
bodies(PushServer *server)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0;; i++) {
        g_autoptr(GBytes) body = push_server_body(server, i);
        if (body == NULL)
            return g_string_free(out, FALSE);
        gsize size;
        const char *bytes = g_bytes_get_data(body, &size);
        for (gsize at = 0; at < size; at++)
            g_string_append_c(out, bytes[at] != '\0' ? bytes[at] : '.');
    }
}

/* ---- Servers that fail. ---- */

static void
test_a_final_refusal_is_not_repeated(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    push_server_answer(server, 400, "{\"code\":\"invalid_argument\",\"message\":\"too old\"}");
    g_autoptr(Shipper) shipper =
        fixture_shipper(fixture_endpoint_at("a", push_server_port(server)), NULL, NULL);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_dropped(shipper, "invalid"), 1);
    assert_int_equal(fixture_retries(shipper), 0);
    assert_int_equal(push_server_wait(server, 1, WAIT_MS), 1);
    fixture_check_ledger(shipper);
}

static void
test_large_pushes_are_sent_in_pieces(void **state)
{
    (void)state;
    uint16_t port = push_server_free_port();
    g_autoptr(Shipper) shipper = fixture_shipper(fixture_endpoint_at("a", port), NULL, NULL);
    g_autofree char *text = g_malloc0(500 * 1024);
    for (size_t i = 0; i < 500 * 1024; i++)
        text[i] = (char)g_random_int();
    for (int i = 0; i < 8; i++)
        fixture_add_as(shipper, "shop", "", text, 500 * 1024);
    g_autoptr(PushServer) server = push_server_new(port);
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 8);
    size_t n = 0;
    for (g_autoptr(GBytes) body = NULL; (body = push_server_body(server, n)) != NULL; n++) {
        assert_true(g_bytes_get_size(body) <= 1600 * 1024);
        g_clear_pointer(&body, g_bytes_unref);
    }
    assert_true(n >= 3);
    fixture_check_ledger(shipper);
}

#define REPLY(status, headers) "HTTP/1.1 " status "\r\n" headers "Content-Length: 0\r\n\r\n"

static void
test_too_much_at_once_is_split(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        {.reply = REPLY("413 Too Large", ""), .end = SCRIPT_KEEP},
        {.reply = REPLY("413 Too Large", ""), .end = SCRIPT_KEEP},
        {.reply = REPLY("413 Too Large", ""), .end = SCRIPT_KEEP}, /* one alone */
        {.reply = REPLY("200 OK", ""), .end = SCRIPT_KEEP},
    };
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "");
    g_autoptr(Shipper) shipper = fixture_shipper(fixture_endpoint("a", url), NULL, NULL);
    for (int i = 0; i < 4; i++)
        fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 3);
    assert_int_equal(fixture_dropped(shipper, "too_large"), 1);
    fixture_check_ledger(shipper);
}

static void
test_connections_that_end_in_every_way(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        {.reply = NULL, .end = SCRIPT_CLOSE},
        {.reply = NULL, .end = SCRIPT_RESET},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Le", .end = SCRIPT_RESET},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", .end = SCRIPT_CLOSE},
        {.reply = NULL, .end = SCRIPT_STALL},
        {.reply = "SSH-2.0-OpenSSH\r\n", .end = SCRIPT_CLOSE},
        {.reply = REPLY("503 Unavailable", ""), .end = SCRIPT_KEEP},
        {.reply = REPLY("200 OK", ""), .end = SCRIPT_KEEP},
    };
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "");
    Endpoint *endpoint = fixture_endpoint("a", url);
    endpoint->timeout_ms = 300;
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint, NULL, NULL);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1);
    assert_true(fixture_retries(shipper) >= G_N_ELEMENTS(steps) - 1);
    fixture_check_ledger(shipper);
    g_autofree char *first = scripted_server_request(server, 0);
    g_autofree char *last = scripted_server_request(server, G_N_ELEMENTS(steps) - 1);
    assert_string_equal(first, last); /* the same bytes, the same id */
}

static bool
has_two_requests(void *server)
{
    return scripted_server_requests(server) >= 2;
}

static void
test_the_server_says_when_to_come_again(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        {.reply = REPLY("429 Too Many", "Retry-After: 1\r\n"), .end = SCRIPT_KEEP},
        {.reply = REPLY("200 OK", ""), .end = SCRIPT_KEEP},
    };
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "");
    g_autoptr(Shipper) shipper = fixture_shipper(fixture_endpoint("a", url), NULL, NULL);
    int64_t start_us = g_get_monotonic_time();
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    assert_true(wait_until(has_two_requests, server, WAIT_MS));
    assert_true(g_get_monotonic_time() - start_us >= 1000 * 1000);
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1);
    assert_int_equal(fixture_retries(shipper), 1);
}

static void
test_tries_have_an_end_where_that_is_wanted(void **state)
{
    (void)state;
    static const char *const answers[] = {REPLY("503 Unavailable", ""), REPLY("429 Enough", "")};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        const ScriptStep steps[] = {{.reply = answers[i], .end = SCRIPT_KEEP}};
        g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
        g_autofree char *url = scripted_server_url(server, "");
        Endpoint *endpoint = fixture_endpoint("a", url);
        endpoint->tries_max = 3;
        g_autoptr(Shipper) shipper = fixture_shipper(endpoint, NULL, NULL);
        fixture_add(shipper, "shop");
        shipper_stop(shipper, WAIT_MS);
        assert_int_equal(fixture_dropped(shipper, "retries"), 1);
        assert_int_equal(scripted_server_requests(server), 4);
        fixture_check_ledger(shipper);
    }
}

static void
test_stopping_ends_within_its_time(void **state)
{
    (void)state;
    g_autoptr(Shipper) shipper =
        fixture_shipper(fixture_endpoint_at("a", push_server_free_port()), NULL, NULL);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, 50);
    assert_int_equal(fixture_dropped(shipper, "stopped"), 1);
    assert_int_equal(fixture_pushed(shipper), 0);
    fixture_check_ledger(shipper);
}

/* ---- The spool. ---- */

static void
test_a_restart_finds_what_waited(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    uint16_t port = push_server_free_port();
    {
        g_autoptr(Shipper) shipper =
            fixture_shipper(fixture_endpoint_at("a", port), NULL, temp_dir_path(dir));
        static const char *const services[] = {"first", "second", "third"};
        for (size_t i = 0; i < G_N_ELEMENTS(services); i++)
            fixture_add_as(shipper, services[i], i == 1 ? "team-a" : "", "profile", 7);
        int64_t start_us = g_get_monotonic_time();
        shipper_stop(shipper, 10 * WAIT_MS); /* the disk has it: there is nothing to wait for */
        assert_true(g_get_monotonic_time() - start_us < WAIT_MS * INT64_C(1000));
        assert_int_equal(fixture_metric(shipper, "cresset_agent_spool_profiles", "endpoint=\"a\""),
                         3);
        fixture_check_ledger(shipper);
    }
    g_autoptr(PushServer) server = push_server_new(port);
    g_autoptr(Shipper) shipper =
        fixture_shipper(fixture_endpoint_at("a", port), NULL, temp_dir_path(dir));
    assert_int_equal(push_server_wait(server, 2, WAIT_MS), 2); /* one for each tenant */
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 3);
    assert_int_equal(fixture_metric(shipper, "cresset_agent_spool_profiles", "endpoint=\"a\""), 0);
    g_autofree char *text = bodies(server);
    const char *first = strstr(text, "first"), *third = strstr(text, "third");
    assert_true(first != NULL && third != NULL && first < third);
    assert_contains(text, "second");
    fixture_check_ledger(shipper);
    shipper_free(g_steal_pointer(&shipper));
    shipper = fixture_shipper(fixture_endpoint_at("a", port), NULL, temp_dir_path(dir));
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(push_server_wait(server, 2, 0), 2); /* nothing is sent twice */
}

static void
test_a_spool_that_takes_nothing_is_named(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *file = temp_dir_file(dir, "file");
    assert_true(g_file_set_contents(file, "", 0, NULL));
    g_autoptr(PushServer) server = push_server_new(0);
    g_autoptr(Shipper) shipper =
        fixture_shipper(fixture_endpoint_at("a", push_server_port(server)), NULL, file);
    g_autofree char *problems = fixture_problems(shipper);
    assert_contains(problems, "endpoint a: profiles wait in memory alone, the spool takes nothing");
    assert_contains(problems, file);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1); /* it goes on in memory */
    assert_int_equal(
        fixture_metric(shipper, "cresset_agent_spool_failures_total", "endpoint=\"a\""), 1);
}

/* ---- What is said. ---- */

/* Of a server that fails and takes profiles again: since when, why, and no password. */
static void
test_troubles_are_told_without_secrets(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    push_server_answer(server, 503, "{\"code\":\"unavailable\",\"message\":\"starting\"}");
    g_autofree char *url =
        g_strdup_printf("http://agent:s3cret@127.0.0.1:%u/base/", push_server_port(server));
    g_autoptr(Shipper) shipper = fixture_shipper(fixture_endpoint("a", url), NULL, NULL);
    g_autofree char *before = fixture_problems(shipper);
    assert_string_equal(before, "");
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    assert_true(push_server_wait(server, 2, WAIT_MS) >= 2);
    while (fixture_retries(shipper) < 2)
        g_thread_yield();
    g_autofree char *problems = fixture_problems(shipper);
    assert_contains(problems, "endpoint a: http://127.0.0.1:");
    assert_contains(problems, "/base/ has taken no profiles since 20");
    assert_contains(problems, ": 503 starting\n");
    push_server_answer(server, 200, "");
    shipper_stop(shipper, WAIT_MS);
    g_autofree char *after = fixture_problems(shipper);
    assert_string_equal(after, "");
    g_autofree char *head = push_server_head(server);
    assert_contains(head, "POST /base/push.v1.PusherService/Push HTTP/1.1\n");
    assert_contains(head, "Authorization: Basic YWdlbnQ6czNjcmV0\n");
    g_autofree char *logged = kept_log_text();
    assert_contains(logged, "takes them: 503 starting");
    assert_contains(logged, "have been shipped to http://127.0.0.1");
    assert_lacks(logged, "s3cret");
    assert_lacks(problems, "s3cret");
}

int
main(void)
{
    kept_log_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_final_refusal_is_not_repeated),
        cmocka_unit_test(test_large_pushes_are_sent_in_pieces),
        cmocka_unit_test(test_too_much_at_once_is_split),
        cmocka_unit_test(test_connections_that_end_in_every_way),
        cmocka_unit_test(test_the_server_says_when_to_come_again),
        cmocka_unit_test(test_tries_have_an_end_where_that_is_wanted),
        cmocka_unit_test(test_stopping_ends_within_its_time),
        cmocka_unit_test(test_a_restart_finds_what_waited),
        cmocka_unit_test(test_a_spool_that_takes_nothing_is_named),
        cmocka_unit_test(test_troubles_are_told_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
