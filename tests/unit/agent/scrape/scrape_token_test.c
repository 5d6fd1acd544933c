/* Access tokens of a token server that answers well, wrongly and not at all. */
#include "agent/scrape/scrape_token.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define JSON(status, text) "HTTP/1.1 " status "\r\nContent-Length: " text
#define TOKEN_60S          JSON("200 OK", "38\r\n\r\n{\"access_token\":\"tok\",\"expires_in\":60}")
#define REFUSED            JSON("401 No", "26\r\n\r\n{\"error\":\"invalid_client\"}")

typedef struct {
    HttpMulti *multi;
    ScriptedServer *server;
    char *url;
    ScrapeOAuth2 oauth2;
    ScrapeToken *token;
    ScrapeResult results[4]; /* told, in their order */
    size_t n_results;
    bool is_ended;
} Fixture;

static void
fixture_init(Fixture *fixture, const ScriptStep *steps, size_t n_steps)
{
    *fixture = (Fixture){.multi = http_multi_new(1 << 20)};
    fixture->server = scripted_server_new(steps, n_steps);
    fixture->url = scripted_server_url(fixture->server, "/token");
    fixture->oauth2 = (ScrapeOAuth2){.client_id = g_strdup("id"),
                                     .client_secret = g_strdup("s3cret"),
                                     .token_url = fixture->url};
    fixture->token = scrape_token_new(&fixture->oauth2);
}

static void
fixture_clear(Fixture *fixture)
{
    scrape_token_free(fixture->token);
    http_multi_free(fixture->multi);
    scripted_server_free(fixture->server);
    g_free(fixture->url);
    g_free(fixture->oauth2.client_id);
    g_free(fixture->oauth2.client_secret);
    g_free(fixture->oauth2.client_secret_file);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void
on_token(ScrapeResult result, bool is_ended, void *user)
{
    Fixture *fixture = user;
    assert_true(fixture->n_results < G_N_ELEMENTS(fixture->results));
    fixture->results[fixture->n_results++] = result;
    fixture->is_ended = is_ended;
}

/* Fetches to the end. */
static void
fetch(Fixture *fixture)
{
    fixture->n_results = 0;
    fixture->is_ended = false;
    assert_true(scrape_token_fetch(fixture->token, fixture->multi, on_token, fixture));
    while (!fixture->is_ended) {
        assert_true(scrape_token_is_pending(fixture->token));
        http_multi_run(fixture->multi, 1000);
    }
    assert_false(scrape_token_is_pending(fixture->token));
}

static void
test_a_token_is_kept_until_shortly_before_its_end(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = TOKEN_60S, .end = SCRIPT_KEEP}};
    g_auto(Fixture) fixture = {0};
    fixture_init(&fixture, steps, G_N_ELEMENTS(steps));
    int64_t before_us = g_get_monotonic_time();
    assert_null(scrape_token_value(fixture.token, before_us));
    fetch(&fixture);
    int64_t after_us = g_get_monotonic_time(), second_us = G_USEC_PER_SEC;
    assert_int_equal(fixture.n_results, 1);
    assert_int_equal(fixture.results[0], SCRAPE_OK);
    assert_string_equal(scrape_token_value(fixture.token, before_us + 49 * second_us), "tok");
    assert_null(scrape_token_value(fixture.token, after_us + 50 * second_us));
    g_autofree char *request = scripted_server_request(fixture.server, 0);
    assert_contains(request, "POST /token HTTP/1.1");
    assert_contains(request, "Authorization: Basic aWQ6czNjcmV0");
    assert_contains(request, "Content-Type: application/x-www-form-urlencoded");
    assert_contains(request, "\r\n\r\ngrant_type=client_credentials");
}

static void
test_a_target_refuses_it(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = TOKEN_60S, .end = SCRIPT_KEEP}};
    g_auto(Fixture) fixture = {0};
    fixture_init(&fixture, steps, G_N_ELEMENTS(steps));
    fetch(&fixture);
    int64_t now_us = g_get_monotonic_time(), later_us = now_us + SCRAPE_TOKEN_PAUSE_US;
    scrape_token_refuse(fixture.token, now_us, now_us); /* a moment ago it was given out */
    assert_non_null(scrape_token_value(fixture.token, now_us));
    scrape_token_refuse(fixture.token, now_us - G_USEC_PER_SEC * 60, later_us); /* an older one */
    assert_non_null(scrape_token_value(fixture.token, now_us));
    scrape_token_refuse(fixture.token, now_us, later_us);
    assert_null(scrape_token_value(fixture.token, now_us));
}

static void
test_a_server_that_reads_the_body_alone(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = REFUSED, .end = SCRIPT_KEEP},
                                       {.reply = TOKEN_60S, .end = SCRIPT_KEEP}};
    g_auto(Fixture) fixture = {0};
    fixture_init(&fixture, steps, G_N_ELEMENTS(steps));
    fetch(&fixture);
    assert_int_equal(fixture.n_results, 2);
    assert_int_equal(fixture.results[0], SCRAPE_HTTP_4XX);
    assert_int_equal(fixture.results[1], SCRAPE_OK);
    g_autofree char *second = scripted_server_request(fixture.server, 1);
    assert_lacks(second, "Authorization");
    assert_contains(second, "client_id=id&client_secret=s3cret");
    fetch(&fixture); /* it is known by now */
    assert_int_equal(fixture.n_results, 1);
    g_autofree char *third = scripted_server_request(fixture.server, 2);
    assert_contains(third, "client_secret=s3cret");
}

static void
test_servers_that_give_none(void **state)
{
    (void)state;
    static const struct {
        ScriptStep step;
        size_t n_results;
        ScrapeResult last;
        const char *why;
    } cases[] = {
        {{.reply = REFUSED, .end = SCRIPT_KEEP}, 2, SCRAPE_HTTP_4XX, "answers 401 invalid_client"},
        {{.reply = JSON("500 No", "0\r\n\r\n"), .end = SCRIPT_KEEP}, 1, SCRAPE_HTTP_5XX, "500"},
        {{.reply = JSON("200 OK", "2\r\n\r\n{}"), .end = SCRIPT_KEEP},
         1,
         SCRAPE_MALFORMED,
         "has no access_token"},
        {{.reply = JSON("200 OK", "70000\r\n\r\n"), .end = SCRIPT_KEEP, .padding = 70000},
         1,
         SCRAPE_TOO_LARGE,
         ""},
        {{.reply = JSON("200 OK", "70\r\n\r\n{"), .end = SCRIPT_RESET}, 1, SCRAPE_CUT, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        fixture_init(&fixture, &cases[i].step, 1);
        fetch(&fixture);
        int64_t now_us = g_get_monotonic_time();
        const GError *failure = scrape_token_failure(fixture.token, now_us);
        assert_null(scrape_token_value(fixture.token, now_us));
        assert_int_equal(fixture.n_results, cases[i].n_results);
        assert_int_equal(fixture.results[fixture.n_results - 1], cases[i].last);
        assert_error_says(failure, "oauth2: ");
        assert_contains(failure->message, cases[i].why);
        assert_lacks(failure->message, "s3cret");
        /* After a while it is worth another fetch. */
        assert_null(scrape_token_failure(fixture.token, now_us + SCRAPE_TOKEN_PAUSE_US));
    }
}

static void
test_a_secret_that_cannot_be_read(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = TOKEN_60S, .end = SCRIPT_KEEP}};
    g_auto(Fixture) fixture = {0};
    fixture_init(&fixture, steps, G_N_ELEMENTS(steps));
    g_clear_pointer(&fixture.oauth2.client_secret, g_free);
    fixture.oauth2.client_secret_file = g_strdup("/nonexistent/secret");
    assert_false(scrape_token_fetch(fixture.token, fixture.multi, on_token, &fixture));
    assert_error_says(scrape_token_failure(fixture.token, g_get_monotonic_time()),
                      "/nonexistent/secret");
    assert_int_equal(scripted_server_requests(fixture.server), 0);
}

static void
test_a_fetch_is_cancelled(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = NULL, .end = SCRIPT_STALL}};
    g_auto(Fixture) fixture = {0};
    fixture_init(&fixture, steps, G_N_ELEMENTS(steps));
    assert_true(scrape_token_fetch(fixture.token, fixture.multi, on_token, &fixture));
    while (scripted_server_requests(fixture.server) == 0)
        http_multi_run(fixture.multi, 10);
    scrape_token_cancel(fixture.token, fixture.multi);
    assert_false(scrape_token_is_pending(fixture.token));
    assert_int_equal(http_multi_size(fixture.multi), 0);
    assert_int_equal(fixture.n_results, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_kept_until_shortly_before_its_end),
        cmocka_unit_test(test_a_target_refuses_it),
        cmocka_unit_test(test_a_server_that_reads_the_body_alone),
        cmocka_unit_test(test_servers_that_give_none),
        cmocka_unit_test(test_a_secret_that_cannot_be_read),
        cmocka_unit_test(test_a_fetch_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
