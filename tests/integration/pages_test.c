/* What a real server serves besides the API: the pages, health, metrics. */
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/call.h"

typedef struct {
    TempDir *dir;
    TestServer *server;
} Fixture;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    fixture->server = test_server_start(temp_dir_path(fixture->dir), NULL);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    test_server_stop(fixture->server);
    test_server_free(fixture->server);
    temp_dir_free(fixture->dir);
    g_free(fixture);
    return 0;
}

/* A view's address gives the start page; a missing file or API path never does. */
static void
test_pages(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *path;
        int status;
    } cases[] = {{"/", 200}, {"/explore", 200}, {"/missing.js", 404}, {"/api/v1/nothing", 404}};
    static const char *const headers[] = {"Accept: text/html,*/*;q=0.8", NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(HttpClientReply) reply = call_with(fixture->server, cases[i].path, headers, NULL);
        const char *policy = g_hash_table_lookup(reply.headers, "content-security-policy");
        assert_int_equal(reply.status, cases[i].status);
        assert_string_equal(g_hash_table_lookup(reply.headers, "x-content-type-options"),
                            "nosniff");
        if (reply.status == 200)
            assert_contains(policy, "default-src 'none'");
    }
}

static void
test_unchanged_pages_are_not_sent_again(void **state)
{
    Fixture *fixture = *state;
    g_auto(HttpClientReply) first = call_with(fixture->server, "/", NULL, NULL);
    g_autofree char *known = g_strconcat(
        "If-None-Match: ", (const char *)g_hash_table_lookup(first.headers, "etag"), NULL);
    const char *const headers[] = {known, NULL};
    g_auto(HttpClientReply) second = call_with(fixture->server, "/", headers, NULL);
    assert_int_equal(second.status, 304);
    assert_int_equal(g_bytes_get_size(second.body), 0);
}

static void
test_operations(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *metrics = NULL, *build = NULL, *ready = NULL;
    assert_int_equal(test_server_json(fixture->server, "/metrics", NULL, NULL, &metrics), 200);
    assert_contains(metrics, "cresset_http_requests_total{status=\"2xx\"}");
    assert_contains(metrics, "process_resident_memory_bytes");
    assert_int_equal(
        test_server_json(fixture->server, "/api/v1/status/buildinfo", NULL, NULL, &build), 200);
    assert_contains(build, "\"status\":\"success\"");
    assert_int_equal(test_server_json(fixture->server, "/ready", NULL, NULL, &ready), 200);
    assert_string_equal(ready, "ready\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_unchanged_pages_are_not_sent_again),
        cmocka_unit_test(test_operations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
