#include "lib/net/http_multi.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
enum { WAIT_US = 60 * G_USEC_PER_SEC };

typedef struct {
    HttpMulti *multi;
    HttpClient *client;
} Fixture;

/* What became of one exchange. */
typedef struct {
    bool is_done;
    int status;
    size_t size;
    HttpFailure failure;
    char message[256];
} Result;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->multi = http_multi_new(1 << 20);
    fixture->client = http_client_new(&(HttpClientConfig){.follows_redirects = true});
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    http_multi_free(fixture->multi);
    http_client_free(fixture->client);
    g_free(fixture);
    return 0;
}

static void
on_done(const HttpOutcome *outcome, void *user)
{
    Result *result = user;
    assert_false(result->is_done);
    result->is_done = true;
    result->failure = outcome->failure;
    assert_true((outcome->reply == NULL) == (outcome->error != NULL));
    assert_true((outcome->reply == NULL) == (outcome->failure != HTTP_FAILURE_NONE));
    if (outcome->error != NULL)
        g_strlcpy(result->message, outcome->error->message, sizeof result->message);
    if (outcome->reply == NULL)
        return;
    result->status = outcome->reply->status;
    result->size = g_bytes_get_size(outcome->reply->body);
}

static HttpTransfer *
start(Fixture *fixture, const HttpClientRequest *request, Result *result)
{
    g_autoptr(GError) error = NULL;
    HttpTransfer *transfer =
        http_multi_start(fixture->multi, fixture->client, request, on_done, result, &error);
    assert_no_error(error);
    return transfer;
}

static void
run_until(Fixture *fixture, const Result *results, size_t n)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_US;
    for (size_t i = 0; i < n;) {
        i += results[i].is_done;
        if (i < n && !results[i].is_done)
            http_multi_run(fixture->multi, 1000);
        assert_true(g_get_monotonic_time() < end_us);
    }
}

static Result
get(Fixture *fixture, const HttpClientRequest *request)
{
    Result result = {0};
    start(fixture, request, &result);
    run_until(fixture, &result, 1);
    return result;
}

static void
test_many_at_a_time(void **state)
{
    enum { N = 100 };
    const ScriptStep hello = {.reply = OK_HELLO, .end = SCRIPT_KEEP};
    g_autoptr(ScriptedServer) server = scripted_server_new(&hello, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    Result results[N] = {0};
    for (int i = 0; i < N; i++)
        start(*state, &(HttpClientRequest){.url = url}, &results[i]);
    assert_int_equal(http_multi_size(((Fixture *)*state)->multi), N);
    run_until(*state, results, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(results[i].status, 200);
        assert_int_equal(results[i].size, 5);
    }
    assert_int_equal(http_multi_size(((Fixture *)*state)->multi), 0);
}

static void
test_connections_are_used_again(void **state)
{
    const ScriptStep hello = {.reply = OK_HELLO, .end = SCRIPT_KEEP};
    g_autoptr(ScriptedServer) server = scripted_server_new(&hello, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(*state, &(HttpClientRequest){.url = url}).status, 200);
    assert_int_equal(scripted_server_connections(server), 1);
}

static void
test_one_that_hangs_holds_up_nobody(void **state)
{
    const ScriptStep stall = {.end = SCRIPT_STALL}, hello = {.reply = OK_HELLO};
    g_autoptr(ScriptedServer) hanging = scripted_server_new(&stall, 1);
    g_autoptr(ScriptedServer) good = scripted_server_new(&hello, 1);
    g_autofree char *hanging_url = scripted_server_url(hanging, "/");
    g_autofree char *url = scripted_server_url(good, "/");
    Result late = {0};
    start(*state, &(HttpClientRequest){.url = hanging_url, .timeout_ms = 1000}, &late);
    assert_int_equal(get(*state, &(HttpClientRequest){.url = url}).status, 200);
    assert_false(late.is_done);
    run_until(*state, &late, 1);
    assert_int_equal(late.failure, HTTP_FAILURE_TIMEOUT);
}

static void
test_failures_have_kinds(void **state)
{
    const ScriptStep large = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
                              .padding = 9000},
                     cut = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"};
    g_autoptr(ScriptedServer) large_server = scripted_server_new(&large, 1);
    g_autoptr(ScriptedServer) cut_server = scripted_server_new(&cut, 1);
    g_autofree char *large_url = scripted_server_url(large_server, "/");
    g_autofree char *cut_url = scripted_server_url(cut_server, "/");
    const struct {
        const char *url;
        HttpFailure failure;
    } cases[] = {
        {"http://127.0.0.1:1/", HTTP_FAILURE_CONNECT},
        {"http://nobody.invalid/", HTTP_FAILURE_RESOLVE},
        {large_url, HTTP_FAILURE_TOO_LARGE},
        {cut_url, HTTP_FAILURE_OTHER},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const HttpClientRequest request = {.url = cases[i].url, .reply_bytes_max = 8000};
        Result result = get(*state, &request);
        if (result.failure != cases[i].failure)
            fail_msg("%s: %u, not %u", cases[i].url, result.failure, cases[i].failure);
    }
}

static void
test_no_url(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    assert_null(http_multi_start(fixture->multi, fixture->client,
                                 &(HttpClientRequest){.url = "ftp://host/"}, on_done, NULL,
                                 &error));
    assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
}

/* Bodies that fill what all have together end themselves, not the small one that comes later. */
static void
test_the_largest_body_gives_way(void **state)
{
    const ScriptStep endless = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
                                .padding = 700000,
                                .end = SCRIPT_STALL},
                     small = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n",
                              .padding = 400000};
    g_autoptr(ScriptedServer) hostile = scripted_server_new(&endless, 1);
    g_autoptr(ScriptedServer) good = scripted_server_new(&small, 1);
    g_autofree char *hostile_url = scripted_server_url(hostile, "/");
    g_autofree char *url = scripted_server_url(good, "/");
    Result results[2] = {0};
    start(*state, &(HttpClientRequest){.url = hostile_url}, &results[0]);
    while (http_multi_body_bytes(((Fixture *)*state)->multi) < endless.padding)
        http_multi_run(((Fixture *)*state)->multi, WAIT_US / 1000);
    start(*state, &(HttpClientRequest){.url = url}, &results[1]);
    run_until(*state, results, 2);
    assert_int_equal(results[0].failure, HTTP_FAILURE_TOO_LARGE);
    assert_int_equal(results[1].status, 200);
    assert_int_equal(results[1].size, 400000);
}

static void
test_cancelled_ones_are_not_told_of(void **state)
{
    Fixture *fixture = *state;
    const ScriptStep stall = {.end = SCRIPT_STALL};
    g_autoptr(ScriptedServer) server = scripted_server_new(&stall, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    Result results[2] = {0};
    HttpTransfer *transfer = start(fixture, &(HttpClientRequest){.url = url}, &results[0]);
    start(fixture, &(HttpClientRequest){.url = url}, &results[1]);
    http_multi_run(fixture->multi, 0);
    http_multi_cancel(fixture->multi, transfer);
    assert_int_equal(http_multi_size(fixture->multi), 1);
    http_multi_free(g_steal_pointer(&fixture->multi));
    assert_false(results[0].is_done || results[1].is_done);
}

static void
test_redirects(void **state)
{
    const ScriptStep hello = {.reply = OK_HELLO};
    g_autoptr(ScriptedServer) to = scripted_server_new(&hello, 1);
    g_autofree char *to_url = scripted_server_url(to, "/there");
    g_autofree char *moved =
        g_strdup_printf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", to_url);
    const ScriptStep redirect = {.reply = moved};
    g_autoptr(ScriptedServer) from = scripted_server_new(&redirect, 1);
    g_autofree char *url = scripted_server_url(from, "/");
    const char *const headers[] = {"Authorization: Bearer secret", NULL};
    const HttpClientRequest request = {.url = url, .headers = headers};
    assert_int_equal(get(*state, &request).status, 200);
    g_autofree char *first = scripted_server_request(from, 0);
    g_autofree char *second = scripted_server_request(to, 0);
    assert_contains(first, "secret");
    assert_lacks(second, "secret");
}

static gpointer
wake(gpointer multi)
{
    http_multi_wake(multi);
    return NULL;
}

static void
test_a_wait_is_ended_from_elsewhere(void **state)
{
    HttpMulti *multi = ((Fixture *)*state)->multi;
    GThread *thread = g_thread_new("wake", wake, multi);
    int64_t start_us = g_get_monotonic_time();
    http_multi_run(multi, WAIT_US / 1000);
    assert_true(g_get_monotonic_time() - start_us < WAIT_US / 2);
    g_thread_join(thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_at_a_time),
        TEST(test_connections_are_used_again),
        TEST(test_one_that_hangs_holds_up_nobody),
        TEST(test_failures_have_kinds),
        TEST(test_no_url),
        TEST(test_the_largest_body_gives_way),
        TEST(test_cancelled_ones_are_not_told_of),
        TEST(test_redirects),
        TEST(test_a_wait_is_ended_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
