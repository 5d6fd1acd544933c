#include "lib/net/retry.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define OK_EMPTY    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define UNAVAILABLE "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
#define BAD         "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"

static const HttpRetry FAST = {.tries_max = 4, .pause_min_ms = 1, .pause_max_ms = 2};

static int
setup(void **state)
{
    *state = http_client_new(NULL);
    return 0;
}

static int
teardown(void **state)
{
    http_client_free(*state);
    return 0;
}

/* Plays the steps against one request and returns the final status, or 0 with *error set. */
static int
play(HttpClient *client, const ScriptStep *steps, size_t n_steps, const HttpRetry *retry,
     unsigned *ret_tries, GError **error)
{
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, n_steps);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url, .timeout_ms = 5000};
    g_auto(HttpClientReply) reply = {0};
    bool sent = http_retry_send(client, &request, retry, &reply, ret_tries, error);
    assert_int_equal(scripted_server_requests(server), *ret_tries);
    return sent ? reply.status : 0;
}

static void
test_retries_until_it_works(void **state)
{
    const ScriptStep steps[] = {
        {.reply = UNAVAILABLE}, {.end = SCRIPT_RESET}, {.reply = UNAVAILABLE}, {.reply = OK_EMPTY}};
    unsigned tries = 0;
    g_autoptr(GError) error = NULL;
    int status = play(*state, steps, G_N_ELEMENTS(steps), &FAST, &tries, &error);
    assert_no_error(error);
    assert_int_equal(status, 200);
    assert_int_equal(tries, 4);
}

static void
test_a_final_status_is_not_repeated(void **state)
{
    const ScriptStep steps[] = {{.reply = BAD}};
    unsigned tries = 0;
    assert_int_equal(play(*state, steps, 1, &FAST, &tries, NULL), 400);
    assert_int_equal(tries, 1);
}

static void
test_the_last_reply_is_handed_over(void **state)
{
    const ScriptStep steps[] = {{.reply = UNAVAILABLE}};
    unsigned tries = 0;
    assert_int_equal(play(*state, steps, 1, &FAST, &tries, NULL), 503);
    assert_int_equal(tries, 4);
}

static void
test_the_last_error_says_how_often(void **state)
{
    const ScriptStep steps[] = {{.end = SCRIPT_RESET}};
    unsigned tries = 0;
    g_autoptr(GError) error = NULL;
    assert_int_equal(play(*state, steps, 1, &FAST, &tries, &error), 0);
    assert_error_says(error, "after 4 tries: no reply from 127.0.0.1:");
}

/* A pause that does not fit before the deadline ends the tries at once. */
static void
test_deadline_leaves_no_room_for_a_long_pause(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 429 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"}};
    const HttpRetry retry = {.tries_max = 4, .deadline_ms = 60000, .pause_min_ms = 1};
    unsigned tries = 0;
    assert_int_equal(play(*state, steps, 1, &retry, &tries, NULL), 429);
    assert_int_equal(tries, 1);
}

static void
test_deadline_bounds_a_silent_server(void **state)
{
    const ScriptStep steps[] = {{.end = SCRIPT_STALL}};
    const HttpRetry retry = {.tries_max = 1000000, .deadline_ms = 200, .pause_min_ms = 1};
    unsigned tries = 0;
    g_autoptr(GError) error = NULL;
    assert_int_equal(play(*state, steps, 1, &retry, &tries, &error), 0);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DEADLINE_EXCEEDED));
}

static void *
cancel_when_asked(void *user)
{
    void **both = user;
    while (scripted_server_requests(both[0]) == 0)
        g_usleep(500);
    g_cancellable_cancel(both[1]);
    return NULL;
}

static void
test_cancel_ends_a_pause(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 503 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url, .cancel = cancel};
    void *both[] = {server, cancel};
    GThread *thread = g_thread_new("cancel", cancel_when_asked, both);
    HttpClientReply reply = {0};
    unsigned tries = 0;
    g_autoptr(GError) error = NULL;
    assert_false(http_retry_send(*state, &request, &FAST, &reply, &tries, &error));
    (void)g_thread_join(thread);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_CANCELLED));
}

static void
test_pauses_grow_up_to_their_ceiling(void **state)
{
    (void)state;
    const HttpRetry retry = {.pause_min_ms = 100, .pause_max_ms = 1000};
    static const int64_t ceilings[] = {100, 200, 400, 800, 1000, 1000};
    for (unsigned tries = 1; tries <= G_N_ELEMENTS(ceilings); tries++) {
        int64_t longest = 0;
        for (int i = 0; i < 2000; i++) {
            int64_t pause_ms = http_retry_pause_ms(&retry, tries, 0);
            assert_in_range(pause_ms, 0, ceilings[tries - 1]);
            longest = MAX(longest, pause_ms);
        }
        assert_true(longest > ceilings[tries - 1] * 9 / 10); /* jitter uses the whole range */
    }
    assert_int_equal(http_retry_pause_ms(&retry, 1, 5000), 5000);
    assert_in_range(http_retry_pause_ms(&retry, UINT32_MAX, 0), 0, 1000);
}

static void
test_which_statuses_are_retried(void **state)
{
    (void)state;
    static const int again[] = {408, 429, 500, 502, 503, 504};
    static const int final[] = {200, 204, 302, 400, 401, 403, 404, 409, 413, 422, 501, 505};
    for (size_t i = 0; i < G_N_ELEMENTS(again); i++)
        assert_true(http_status_is_retryable(again[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(final); i++)
        assert_false(http_status_is_retryable(final[i]));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
test_a_pause_spreads_around_its_ceiling(void **state)
{
    (void)state;
    const HttpRetry retry = {.pause_min_ms = 1000, .pause_max_ms = 3000, .spread_percent = 50};
    int64_t lowest = G_MAXINT64, highest = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t pause_ms = http_retry_pause_ms(&retry, 2, 0);
        assert_in_range(pause_ms, 1000, 3000);
        lowest = MIN(lowest, pause_ms);
        highest = MAX(highest, pause_ms);
        assert_in_range(http_retry_pause_ms(&retry, 9, 0), 1500, 4500);
    }
    assert_true(lowest < 1500 && highest > 2500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_retries_until_it_works),
        CASE(test_a_final_status_is_not_repeated),
        CASE(test_the_last_reply_is_handed_over),
        CASE(test_the_last_error_says_how_often),
        CASE(test_deadline_leaves_no_room_for_a_long_pause),
        CASE(test_deadline_bounds_a_silent_server),
        CASE(test_cancel_ends_a_pause),
        CASE(test_pauses_grow_up_to_their_ceiling),
        CASE(test_which_statuses_are_retried),
        CASE(test_a_pause_spreads_around_its_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
