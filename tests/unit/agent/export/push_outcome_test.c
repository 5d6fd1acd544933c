/* What the answers of servers mean for the profiles that were sent. */
#include "agent/export/push_call.h"

#include <string.h>

#include "tests/harness/check.h"

enum { SENT = 5 };

static PushOutcome
outcome_of(const Endpoint *endpoint, int status, const char *body, int64_t retry_after_ms)
{
    PushOutcome outcome;
    g_autoptr(GBytes) bytes = g_bytes_new(body, strlen(body));
    push_outcome_of(endpoint, status, bytes, retry_after_ms, SENT, &outcome);
    return outcome;
}

static void
test_statuses_and_codes(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        PushResult result;
        DropReason reason;
    } cases[] = {
        {200, "{}", PUSH_DONE, 0},
        {202, "", PUSH_DONE, 0},
        {408, "", PUSH_RETRY, 0},
        {429, "slow down", PUSH_RETRY_LATER, 0},
        {500, "{\"code\":\"unknown\"}", PUSH_RETRY, 0},
        {500, "<html>", PUSH_RETRY, 0},
        {502, "", PUSH_RETRY, 0},
        {503, "{\"code\":\"unavailable\",\"message\":\"starting\"}", PUSH_RETRY, 0},
        {409, "{\"code\":\"aborted\"}", PUSH_RETRY, 0},
        {400, "{\"code\":\"data_loss\"}", PUSH_RETRY, 0},
        {400, "{\"code\":\"deadline_exceeded\"}", PUSH_RETRY, 0},
        {400, "{\"code\":\"internal\"}", PUSH_RETRY, 0},
        {501, "{\"code\":\"unimplemented\"}", PUSH_REFUSED, DROP_REFUSED},
        {400, "{\"code\":\"invalid_argument\"}", PUSH_REFUSED, DROP_INVALID},
        {422, "", PUSH_REFUSED, DROP_INVALID},
        {401, "{\"code\":\"unauthenticated\"}", PUSH_REFUSED, DROP_UNAUTHORIZED},
        {403, "", PUSH_REFUSED, DROP_UNAUTHORIZED},
        {404, "404 page not found", PUSH_REFUSED, DROP_REFUSED},
        {409, "{\"code\":\"already_exists\"}", PUSH_REFUSED, DROP_REFUSED},
        {413, "", PUSH_SPLIT, 0},
        {302, "", PUSH_REFUSED, DROP_REFUSED},
    };
    g_autoptr(Endpoint) endpoint = endpoint_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(PushOutcome) outcome = outcome_of(endpoint, cases[i].status, cases[i].body, 0);
        if (outcome.result != cases[i].result)
            fail_msg("%d %s: %d", cases[i].status, cases[i].body, outcome.result);
        assert_int_equal(outcome.n_refused, outcome.result == PUSH_REFUSED ? SENT : 0);
        if (outcome.result == PUSH_REFUSED)
            assert_int_equal(outcome.reason, cases[i].reason);
        assert_int_equal(outcome.why == NULL, outcome.result == PUSH_DONE);
    }
}

static void
test_options_of_the_endpoint(void **state)
{
    (void)state;
    g_autoptr(Endpoint) endpoint = endpoint_new();
    g_auto(PushOutcome) later = outcome_of(endpoint, 429, "", 7000);
    assert_int_equal(later.retry_after_ms, 7000);
    g_auto(PushOutcome) never = outcome_of(endpoint, 503, "", INT64_MAX);
    assert_int_equal(never.retry_after_ms, 3600 * 1000);
    endpoint->retries_on_429 = false;
    g_auto(PushOutcome) limited = outcome_of(endpoint, 429, "{\"code\":\"resource_exhausted\"}", 0);
    assert_int_equal(limited.result, PUSH_REFUSED);
    assert_int_equal(limited.reason, DROP_RATE_LIMITED);
}

static void
test_one_profile_that_is_too_large(void **state)
{
    (void)state;
    g_autoptr(Endpoint) endpoint = endpoint_new();
    PushOutcome outcome;
    g_autoptr(GBytes) body = g_bytes_new_static("", 0);
    push_outcome_of(endpoint, 413, body, 0, 1, &outcome);
    assert_int_equal(outcome.result, PUSH_REFUSED);
    assert_int_equal(outcome.reason, DROP_TOO_LARGE);
    push_outcome_clear(&outcome);
}

/* Servers store what is right of a push and list what is wrong. */
static void
test_a_part_of_a_push_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        guint n_refused;
    } cases[] = {
        {"push series with index 3 and id x failed: too old", 1},
        {"push series with index 0 failed: a; push series with index 4 and id x failed: b", 2},
        {"push series with index 1 failed: a; push series with index 1 failed: b", 1},
        {"push series with index 1 failed: a; and 2 more", 3},
        {"push series with index 1 failed: a; and 9 more", SENT},
        {"push series with index 1 failed: no; and no more", 1},
        {"push series with index 99 failed: a", SENT}, /* none of ours: nothing is known */
        {"push series with index x failed: a", SENT},
        {"all of it is wrong", SENT},
        {"", SENT},
    };
    g_autoptr(Endpoint) endpoint = endpoint_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body =
            g_strdup_printf("{\"code\":\"invalid_argument\",\"message\":\"%s\"}", cases[i].message);
        g_auto(PushOutcome) outcome = outcome_of(endpoint, 400, body, 0);
        assert_int_equal(outcome.n_refused, cases[i].n_refused);
        assert_int_equal(outcome.result, cases[i].n_refused < SENT ? PUSH_DONE : PUSH_REFUSED);
        assert_int_equal(outcome.reason, DROP_INVALID);
        assert_contains(outcome.why, "400");
    }
}

static void
test_answers_of_strangers(void **state)
{
    (void)state;
    g_autoptr(Endpoint) endpoint = endpoint_new();
    g_autofree char *deep = g_strnfill(60000, '[');
    static const char *const others[] = {"",
                                         "[]",
                                         "{\"code\":7}",
                                         "{\"code\":{\"a\":1}}",
                                         "{\"message\":[]}",
                                         "\xff\xfe",
                                         "{\"code\":\"a\\u0000b\"}"};
    g_auto(PushOutcome) outcome = outcome_of(endpoint, 400, deep, 0);
    assert_int_equal(outcome.result, PUSH_REFUSED);
    assert_true(strlen(outcome.why) < 300);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_auto(PushOutcome) other = outcome_of(endpoint, 400, others[i], 0);
        assert_int_equal(other.result, PUSH_REFUSED);
        assert_true(g_utf8_validate(other.why, -1, NULL));
    }
    g_auto(PushOutcome) lines = outcome_of(endpoint, 400, "a\r\nb\x1b[2J", 0);
    assert_string_equal(lines.why, "400 a b\xef\xbf\xbd[2J");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses_and_codes),
        cmocka_unit_test(test_options_of_the_endpoint),
        cmocka_unit_test(test_one_profile_that_is_too_large),
        cmocka_unit_test(test_a_part_of_a_push_is_refused),
        cmocka_unit_test(test_answers_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
