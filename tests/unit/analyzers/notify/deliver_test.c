#include "analyzers/notify/deliver.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"

#define POD_THAT_NEEDS(map)                                                                        \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: '" map          \
    "'}}]}]}\n"                                                                                    \
    "status: {phase: Pending}\n"
#define ANSWER(status, body)                                                                       \
    {                                                                                              \
        .reply = "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body                           \
    }
#define PATH "/services/T0/B0/hidden"

static TempDir *dir;
static char *path;
static State *state;
static MessageForm form;
static int64_t now_s;

static char **headers;

static void
find_receivers(const void *data, const Incident *incident, GPtrArray *receivers)
{
    (void)data;
    (void)incident;
    g_ptr_array_add(receivers, (gpointer) "ops");
}

static int64_t
find_due(const void *data, const Incident *incident, const char *receiver, int64_t at_s)
{
    (void)data;
    (void)incident;
    (void)receiver;
    return at_s;
}

static const Routing routing = {.find = find_receivers, .due = find_due};

/* A run over a cluster, a second after the one before. */
static void
scan(const char *yaml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    now_s++;
    const Findings *findings = test_cluster_findings(cluster);
    if (!state_update(state, findings, test_cluster_snapshot(cluster), &routing, now_s, &error))
        fail_msg("%s", error->message);
}

/* Delivers what waits to a URL; the caller frees what it says. */
static char *
deliver_to(const char *url, DeliverResult wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HttpClient) client = http_client_new(NULL);
    Receiver receiver = {.name = (char *)"ops", .url = (char *)url, .form = form};
    receiver.headers = headers;
    const DeliverOptions options = {
        .receiver = &receiver, .routing = &routing, .cluster = "test", .now_s = now_s};
    DeliverResult result;
    char *why;
    if (!deliver(state, client, &options, &result, &why, &error))
        fail_msg("%s", error->message);
    assert_int_equal(result, wanted);
    return why;
}

static char *
deliver_to_script(const ScriptStep *step, DeliverResult wanted)
{
    g_autoptr(ScriptedServer) server = scripted_server_new(step, 1);
    g_autofree char *url = scripted_server_url(server, PATH);
    scan(POD_THAT_NEEDS("settings"));
    return deliver_to(url, wanted);
}

static void
test_an_answer_is_one_printable_line(void **unused)
{
    (void)unused;
    const ScriptStep step =
        ANSWER("403 Forbidden", "\033]0;title\a invalid\r\n\342\200\256 token \302\233 1m \377");
    g_autofree char *why = deliver_to_script(&step, DELIVER_REFUSED);
    assert_contains(why, "403");
    assert_contains(why, "invalid");
    for (const char *at = why; *at != '\0'; at = g_utf8_next_char(at))
        assert_true(g_unichar_isprint(g_utf8_get_char(at)));
}

static void
test_an_answer_that_repeats_the_path_is_not_said(void **unused)
{
    (void)unused;
    const ScriptStep step = ANSWER("404 Not Found", "<p>Nothing at <a>" PATH "</a>");
    g_autofree char *why = deliver_to_script(&step, DELIVER_REFUSED);
    assert_string_equal(why, "404");
}

static void
test_an_answer_that_repeats_a_part_of_the_url_is_not_said(void **unused)
{
    (void)unused;
    static const char *const parts[] = {"token-of-the-hook", "pass-word", "key-of-query"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *reply = g_strdup_printf(
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno hook %s", parts[i]);
        const ScriptStep step = {.reply = reply};
        g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
        g_autofree char *bare =
            scripted_server_url(server, "/hooks/token-of-the-hook?k=key-of-query");
        g_autofree char *url =
            g_strconcat("http://user:pass-word@", bare + strlen("http://"), NULL);
        scan(POD_THAT_NEEDS("settings"));
        g_autofree char *why = deliver_to(url, DELIVER_REFUSED);
        assert_string_equal(why, "404");
        now_s += 60 * 60; /* the next try is due */
    }
}

static void
test_headers_are_sent_and_not_said(void **unused)
{
    (void)unused;
    const ScriptStep step = ANSWER("403 Forbidden", "who is Bearer t0psecret-token?");
    g_auto(GStrv) lines = g_strsplit("Authorization: Bearer t0psecret-token|X-Team: pay", "|", 0);
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autofree char *url = scripted_server_url(server, PATH);
    headers = lines;
    scan(POD_THAT_NEEDS("settings"));
    g_autofree char *why = deliver_to(url, DELIVER_REFUSED);
    headers = NULL;
    assert_string_equal(why, "403");
    g_autofree char *request = scripted_server_request(server, 0);
    assert_contains(request, "Authorization: Bearer t0psecret-token\r\n");
    assert_contains(request, "X-Team: pay\r\n");
}

static void
test_an_answer_is_judged_by_its_status(void **unused)
{
    (void)unused;
    static const struct {
        ScriptStep step;
        DeliverResult wanted;
    } cases[] = {
        {ANSWER("302 Found", ""), DELIVER_REFUSED},
        {ANSWER("408 Request Timeout", ""), DELIVER_LATER},
        {ANSWER("410 Gone", ""), DELIVER_REFUSED},
        {ANSWER("501 Not Implemented", ""), DELIVER_REFUSED},
        {ANSWER("503 Service Unavailable", ""), DELIVER_LATER},
        {ANSWER("200 OK", " <!DOCTYPE html><p>Sign in to the network"), DELIVER_REFUSED},
        {ANSWER("200 OK", ""), DELIVER_REFUSED},
        {ANSWER("200 OK", "{\"ok\":false}"), DELIVER_REFUSED},
        {ANSWER("201 Created", "ok"), DELIVER_REFUSED},
        {ANSWER("204 No Content", ""), DELIVER_REFUSED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = deliver_to_script(&cases[i].step, cases[i].wanted);
        g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s + 3600, NULL);
        assert_int_equal(changes->len, 1);
        assert_true(state_release(state, "ops", changes, now_s, now_s, NULL));
    }
}

/* Each kind of receiver says in its own way that it has the message. */
static void
test_each_receiver_has_its_own_word_for_taken(void **unused)
{
    (void)unused;
    static const struct {
        MessageForm form;
        ScriptStep step;
        DeliverResult wanted;
    } cases[] = {
        {MESSAGE_SLACK, ANSWER("200 OK", "ok\n"), DELIVER_DONE},
        {MESSAGE_DISCORD, ANSWER("204 No Content", ""), DELIVER_DONE},
        {MESSAGE_DISCORD, ANSWER("200 OK", "{\"id\":\"1\"}"), DELIVER_DONE},
        {MESSAGE_DISCORD, ANSWER("200 OK", ""), DELIVER_REFUSED},
        {MESSAGE_DISCORD, ANSWER("400 Bad Request", "{\"code\":50035}"), DELIVER_REFUSED},
        {MESSAGE_TEAMS, ANSWER("202 Accepted", ""), DELIVER_DONE},
        {MESSAGE_TEAMS, ANSWER("200 OK", "1"), DELIVER_DONE},
        {MESSAGE_TEAMS, ANSWER("200 OK", "<html>Sign in"), DELIVER_REFUSED},
        {MESSAGE_TEAMS, ANSWER("200 OK", "Webhook message delivery failed with error: 413"),
         DELIVER_REFUSED},
        {MESSAGE_MARKDOWN, ANSWER("200 OK", "{\"success\":true}"), DELIVER_DONE},
        {MESSAGE_MARKDOWN, ANSWER("200 OK", "\n<html>Sign in"), DELIVER_REFUSED},
        {MESSAGE_GENERIC, ANSWER("204 No Content", ""), DELIVER_DONE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        form = cases[i].form;
        now_s += 24 * 3600; /* so that there is something to tell, and nothing to wait for */
        g_autofree char *why = deliver_to_script(&cases[i].step, cases[i].wanted);
        assert_int_equal(why == NULL, cases[i].wanted == DELIVER_DONE);
    }
}

/* Discord says in its JSON how long to wait, and so it is done. */
static void
test_the_wait_may_be_in_the_body(void **unused)
{
    (void)unused;
    static const struct {
        const char *body;
        int64_t wait_s;
    } cases[] = {
        {"{\"message\":\"You are being rate limited.\",\"retry_after\":599.57,\"global\":false}",
         600},
        {"{\"retry_after\":1e99}", 3600},
        {"{\"retry_after\":-5}", 60},
        {"{\"retry_after\":", 60},
        {"", 60},
    };
    form = MESSAGE_DISCORD;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *reply = g_strdup_printf(
            "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n%s", cases[i].body);
        const ScriptStep step = {.reply = reply};
        StateReceiver health;
        g_autofree char *why = deliver_to_script(&step, DELIVER_LATER);
        assert_true(state_receiver(state, "ops", &health, NULL));
        assert_int_equal(health.retry_s - now_s, cases[i].wait_s);
        now_s = health.retry_s;
    }
}

static void
test_what_can_never_be_sent_is_refused(void **unused)
{
    (void)unused;
    static const char *const urls[] = {"", "hooks.example/hidden", "ftp://hooks.example/hidden"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        scan(POD_THAT_NEEDS("settings"));
        g_autofree char *why = deliver_to(urls[i], DELIVER_REFUSED);
        assert_null(strstr(why, "hidden"));
        g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s + 3600, NULL);
        assert_int_equal(changes->len, 1);
        assert_true(state_release(state, "ops", changes, now_s, now_s, NULL));
    }
}

static void
test_a_receiver_that_is_away_gets_it_later(void **unused)
{
    (void)unused;
    const ScriptStep step = {.end = SCRIPT_RESET};
    g_autofree char *why = deliver_to_script(&step, DELIVER_LATER);
    assert_non_null(why);
}

static void
test_plain_text_for_slack_has_no_marks_of_strangers(void **unused)
{
    (void)unused;
    const ScriptStep steps[] = {ANSWER("400 Bad Request", "invalid_blocks"),
                                ANSWER("200 OK", "ok")};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, PATH);
    scan(POD_THAT_NEEDS("<!channel> & <http://evil.example|here>"));
    g_autofree char *why = deliver_to(url, DELIVER_DONE);
    g_autofree char *request = scripted_server_request(server, 1);
    assert_null(strstr(request, "blocks"));
    assert_contains(request, "&lt;!channel&gt; &amp; &lt;http://evil.example|here&gt;");
    assert_null(strchr(request, '<'));
}

/* What a command has is not escaped, so that it can be copied. */
static void
test_markdown_has_the_command_to_type(void **unused)
{
    (void)unused;
    const ScriptStep step = ANSWER("200 OK", "ok");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autofree char *url = scripted_server_url(server, PATH);
    form = MESSAGE_MARKDOWN;
    scan(POD_THAT_NEEDS("my_settings"));
    g_autofree char *why = deliver_to(url, DELIVER_DONE);
    g_autofree char *request = scripted_server_request(server, 0);
    assert_contains(request, "First: Create ConfigMap my\\\\_settings");
    assert_contains(request, "\\n`kubectl -n shop get configmaps`\\n");
}

/* Alertmanager ends an alert that is not posted again and has no end. */
static void
test_alertmanager_gets_all_that_is_open_each_time(void **unused)
{
    (void)unused;
    const ScriptStep step = ANSWER("200 OK", "");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autofree char *url = scripted_server_url(server, "/api/v2/alerts");
    form = MESSAGE_ALERTMANAGER;
    scan(POD_THAT_NEEDS("settings"));
    for (size_t i = 0; i < 2; i++) {
        g_autofree char *why = deliver_to(url, DELIVER_DONE);
        g_autofree char *request = scripted_server_request(server, i);
        assert_contains(request, "\"name\":\"web\"");
        assert_contains(request, "\"endsAt\":\"2026-01-01T13:00:00Z\""); /* an hour from now */
    }
    scan("kind: Namespace\napiVersion: v1\nmetadata: {name: shop}\n");
    g_autofree char *why = deliver_to(url, DELIVER_DONE);
    g_autofree char *request = scripted_server_request(server, 2);
    assert_contains(request, "\"endsAt\":\"2026-01-01T12:00:01Z\"");
    g_autofree char *none = deliver_to(url, DELIVER_NOTHING);
}

/* Says how the one open incident will end. */
static void
set_ending(const char *text)
{
    g_autoptr(GPtrArray) open = state_list_open(state, NULL);
    assert_int_equal(open->len, 1);
    Change *change = open->pdata[0];
    g_free(change->ending);
    change->ending = g_strdup(text);
    state_set_endings(state, g_steal_pointer(&open));
}

/* It is of no later end, also of the same fault. */
static void
test_what_is_known_of_an_end_is_said_with_it(void **unused)
{
    (void)unused;
    const ScriptStep step = ANSWER("200 OK", "ok");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autofree char *url = scripted_server_url(server, PATH);
    form = MESSAGE_GENERIC;
    for (size_t i = 0; i < 2; i++) {
        scan(POD_THAT_NEEDS("settings"));
        g_autofree char *begun = deliver_to(url, DELIVER_DONE);
        if (i == 0)
            set_ending("data was back-filled");
        scan("kind: Namespace\napiVersion: v1\nmetadata: {name: shop}\n");
        g_autofree char *ended = deliver_to(url, DELIVER_DONE);
        g_autofree char *request = scripted_server_request(server, 2 * i + 1);
        assert_contains(request, "\"change\":\"resolved\"");
        assert_int_equal(strstr(request, "\"ending\":\"data was back-filled\"") != NULL, i == 0);
    }
}

/* One message when looking takes too long, and one when it does no more. */
static void
test_a_run_that_takes_long_is_told(void **unused)
{
    (void)unused;
    static const struct {
        int64_t look_s;
        const char *words; /* NULL: nothing is told */
    } cases[] = {
        {STATE_LOOK_MAX_S, NULL},
        {STATE_LOOK_MAX_S + 20, "The analyzer takes 8 min to look at the cluster"},
        {STATE_LOOK_MAX_S + 90, NULL},
        {3, "\"change\":\"resolved\""},
        {3, NULL},
    };
    const ScriptStep step = ANSWER("200 OK", "ok");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autofree char *url = scripted_server_url(server, PATH);
    form = MESSAGE_GENERIC;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t n = scripted_server_requests(server);
        state_set_look(state, cases[i].look_s);
        scan("kind: Namespace\napiVersion: v1\nmetadata: {name: shop}\n");
        g_autofree char *why =
            deliver_to(url, cases[i].words != NULL ? DELIVER_DONE : DELIVER_NOTHING);
        if (cases[i].words == NULL)
            continue;
        g_autofree char *request = scripted_server_request(server, n);
        assert_contains(request, cases[i].words);
        assert_contains(request, "\"check\":\"analyzer-late\"");
    }
}

static int
setup(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL;
    form = MESSAGE_SLACK;
    now_s = TEST_NOW_S - 1;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "state.sqlite");
    state = state_open(path, &notice, NULL);
    assert_non_null(state);
    return 0;
}

static int
teardown(void **unused)
{
    (void)unused;
    state_close(g_steal_pointer(&state));
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_is_one_printable_line),
        TEST(test_an_answer_that_repeats_the_path_is_not_said),
        TEST(test_an_answer_that_repeats_a_part_of_the_url_is_not_said),
        TEST(test_headers_are_sent_and_not_said),
        TEST(test_an_answer_is_judged_by_its_status),
        TEST(test_each_receiver_has_its_own_word_for_taken),
        TEST(test_the_wait_may_be_in_the_body),
        TEST(test_what_can_never_be_sent_is_refused),
        TEST(test_a_receiver_that_is_away_gets_it_later),
        TEST(test_markdown_has_the_command_to_type),
        TEST(test_alertmanager_gets_all_that_is_open_each_time),
        TEST(test_a_run_that_takes_long_is_told),
        TEST(test_what_is_known_of_an_end_is_said_with_it),
        TEST(test_plain_text_for_slack_has_no_marks_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
