/* What the watcher does with the answers of a server that plays a script. */
#include "lib/k8s/watcher.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"
#include "tests/unit/lib/k8s/peer.h"

enum { WAIT_MS = 20 * 1000 };

#define POD(name, version)                                                                         \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define ONE_POD                                                                                    \
    JSON_HEAD                                                                                      \
    "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" POD("a", "3") "]" \
                                                                                               "}"
#define GONE EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}")
#define WATCH(version)                                                                             \
    "/api/v1/pods?watch=true&allowWatchBookmarks=true&fieldSelector=x&resourceVersion=" version    \
    "&timeoutSeconds=600"
#define CACHED "/api/v1/pods?fieldSelector=x&resourceVersion=0&limit=500&timeout=30s"
#define NEWEST "/api/v1/pods?fieldSelector=x&limit=500&timeout=30s"

/* What was told, in one letter and a name each: "[ a ] +b -a". */
typedef struct {
    Peer peer;
    K8sWatcher *watcher;
    GMutex lock;
    GString *told;
    const char *wanted;     /* of wait_told */
    K8sWatchEnd wanted_end; /* of wait_end */
} Watched;

static void
tell(Watched *watched, const char *mark, const Value *object)
{
    g_mutex_lock(&watched->lock);
    g_string_append_printf(watched->told, "%s%s ", mark, value_text(object, "metadata.name"));
    g_mutex_unlock(&watched->lock);
}

static void
on_begin(void *user)
{
    tell(user, "[", NULL);
}

static void
on_object(const Value *object, void *user)
{
    tell(user, "+", object);
}

static void
on_end(void *user)
{
    tell(user, "]", NULL);
}

static void
on_deleted(const Value *object, void *user)
{
    tell(user, "-", object);
}

static const K8sWatcherEvents EVENTS = {
    .list_begin = on_begin, .object = on_object, .list_end = on_end, .deleted = on_deleted};

static Watched *
watched_new(const ScriptStep *steps, size_t n_steps, const char *token_file, int64_t poll_ms)
{
    Watched *watched = g_new0(Watched, 1);
    g_mutex_init(&watched->lock);
    watched->told = g_string_new(NULL);
    watched->peer = peer_new(steps, n_steps, token_file);
    const K8sWatcherConfig config = {
        .path = poll_ms > 0 ? "/pods" : "/api/v1/pods",
        .query = poll_ms > 0 ? NULL : "fieldSelector=x",
        .poll_ms = poll_ms,
        .timeout_s = 600,
        .silence_ms = 200,
        .pause_min_ms = 1,
        .pause_max_ms = 10,
        .events = &EVENTS,
        .user = watched,
    };
    watched->watcher = k8s_watcher_new(watched->peer.client, &config);
    return watched;
}

#define WATCHED(steps) watched_new(steps, G_N_ELEMENTS(steps), NULL, 0)

static void
watched_free(Watched *watched)
{
    k8s_watcher_free(watched->watcher);
    peer_clear(&watched->peer);
    g_string_free(watched->told, TRUE);
    g_mutex_clear(&watched->lock);
    g_free(watched);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watched, watched_free)

static bool
is_told(void *user)
{
    Watched *watched = user;
    g_mutex_lock(&watched->lock);
    bool found = g_str_has_prefix(watched->told->str, watched->wanted);
    g_mutex_unlock(&watched->lock);
    return found;
}

static void
wait_told(Watched *watched, const char *wanted)
{
    watched->wanted = wanted;
    if (!wait_until(is_told, watched, WAIT_MS))
        fail_msg("told '%s' instead of '%s'", watched->told->str, wanted);
}

static bool
is_ended(void *user)
{
    Watched *watched = user;
    g_auto(K8sWatcherState) state = {0};
    k8s_watcher_get_state(watched->watcher, &state);
    return state.ends[watched->wanted_end] > 0;
}

static void
wait_end(Watched *watched, K8sWatchEnd end)
{
    watched->wanted_end = end;
    if (!wait_until(is_ended, watched, WAIT_MS))
        fail_msg("no watch ended as %s", k8s_watch_end_label(end));
}

static bool
is_in_trouble(void *user)
{
    Watched *watched = user;
    g_auto(K8sWatcherState) state = {0};
    k8s_watcher_get_state(watched->watcher, &state);
    return state.trouble == watched->wanted_end;
}

static void
wait_trouble(Watched *watched, K8sWatchEnd trouble)
{
    watched->wanted_end = trouble;
    if (!wait_until(is_in_trouble, watched, WAIT_MS))
        fail_msg("the trouble is not %s", k8s_watch_end_label(trouble));
}

static void
test_one_list_and_one_watch(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = ONE_POD},
        {.reply = JSON_HEAD EVENT("ADDED", POD("b", "8")) EVENT("DELETED", POD("a", "9"))
             EVENT("BOOKMARK", POD("", "12"))},
        {.reply = JSON_HEAD EVENT("MODIFIED", POD("b", "13")), .end = SCRIPT_STALL},
    };
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_told(watched, "[ +a ] +b -a +b ");
    peer_expect_request(&watched->peer, 0, CACHED);
    peer_expect_request(&watched->peer, 1, WATCH("7"));
    peer_expect_request(&watched->peer, 2, WATCH("12"));
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_true(known.is_listed);
    assert_int_equal(known.lists, 1);
    assert_int_equal(known.ends[K8S_WATCH_DUE], 1);
    assert_int_equal(known.trouble, K8S_WATCH_DUE);
    assert_string_equal(known.message, "");
}

static void
expect_new_list(const char *reply)
{
    const ScriptStep steps[] = {
        {.reply = ONE_POD},
        {.reply = reply},
        {.reply = ONE_POD},
        {.reply = JSON_HEAD EVENT("ADDED", POD("b", "8")), .end = SCRIPT_STALL},
    };
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_told(watched, "[ +a ] [ +a ] +b ");
    peer_expect_request(&watched->peer, 2, NEWEST);
    peer_expect_request(&watched->peer, 3, WATCH("7"));
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_int_equal(known.ends[K8S_WATCH_EXPIRED], 1);
    assert_int_equal(known.trouble, K8S_WATCH_DUE);
}

static void
test_what_the_server_has_forgotten(void **state)
{
    (void)state;
    expect_new_list(EXPIRED);
    expect_new_list(JSON_HEAD GONE);
}

static void
test_forgotten_again_and_again(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = ONE_POD},
                                {.reply = JSON_HEAD GONE},
                                {.reply = ONE_POD},
                                {.reply = JSON_HEAD GONE},
                                {.reply = ONE_POD},
                                {.reply = JSON_HEAD GONE},
                                {.reply = PLAIN("503", "down")}};
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_trouble(watched, K8S_WATCH_UNAVAILABLE);
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_int_equal(known.ends[K8S_WATCH_EXPIRED], 3);
    assert_string_equal(known.message, "down");
}

static void
test_a_storm_is_trouble(void **state)
{
    (void)state;
    enum { ROUNDS = 100 };
    ScriptStep steps[2 * ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        steps[2 * i] = (ScriptStep){.reply = ONE_POD};
        steps[2 * i + 1] = (ScriptStep){.reply = JSON_HEAD GONE};
    }
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_trouble(watched, K8S_WATCH_EXPIRED);
    assert_true(scripted_server_requests(watched->peer.server) >= 6);
}

static bool
has_sent_the_new_token(void *user)
{
    ScriptedServer *server = ((Watched *)user)->peer.server;
    g_autofree char *last = scripted_server_request(server, scripted_server_requests(server) - 1);
    return strstr(last, "\r\nAuthorization: Bearer new\r\n") != NULL;
}

static void
test_a_token_that_expires(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = ONE_POD},
        {.reply = STATUS("401", "Unauthorized", "Unauthorized")},
    };
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "token");
    assert_true(g_file_set_contents(path, "old", -1, NULL));
    g_autoptr(Watched) watched = watched_new(steps, G_N_ELEMENTS(steps), path, 0);
    wait_end(watched, K8S_WATCH_UNAUTHENTICATED);
    wait_trouble(watched, K8S_WATCH_UNAUTHENTICATED);
    assert_true(g_file_set_contents(path, "new", -1, NULL));
    if (!wait_until(has_sent_the_new_token, watched, WAIT_MS))
        fail_msg("the token file is not read again");
}

static void
test_a_server_that_is_busy(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = ONE_POD},
        {.reply = "HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"},
        {.reply = JSON_HEAD EVENT("ADDED", POD("b", "8")), .end = SCRIPT_STALL},
    };
    int64_t start_us = g_get_monotonic_time();
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_trouble(watched, K8S_WATCH_THROTTLED);
    wait_told(watched, "[ +a ] +b ");
    assert_true(g_get_monotonic_time() - start_us >= G_USEC_PER_SEC);
    peer_expect_request(&watched->peer, 2, WATCH("7"));
    wait_trouble(watched, K8S_WATCH_DUE);
}

static void
test_a_right_that_is_missing(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = STATUS("403", "Forbidden", "pods is forbidden")}};
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_trouble(watched, K8S_WATCH_FORBIDDEN);
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_false(known.is_listed);
    assert_string_equal(known.message, "pods is forbidden");
    assert_true(known.list_failures > 0);
}

static void
test_a_watch_that_goes_silent(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = ONE_POD},
        {.reply = JSON_HEAD EVENT("ADDED", POD("b", "8")), .end = SCRIPT_STALL},
        {.reply = JSON_HEAD, .end = SCRIPT_STALL},
        {.reply = JSON_HEAD EVENT("ADDED", POD("c", "9")), .end = SCRIPT_STALL},
    };
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_told(watched, "[ +a ] +b +c ");
    wait_trouble(watched, K8S_WATCH_SILENT);
    peer_expect_request(&watched->peer, 2, WATCH("8"));
    peer_expect_request(&watched->peer, 3, WATCH("8"));
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_true(known.ends[K8S_WATCH_SILENT] >= 2);
}

static bool
has_asked_thrice(void *user)
{
    return scripted_server_requests(((Watched *)user)->peer.server) >= 3;
}

static void
expect_end(const char *reply, ScriptEnd how, K8sWatchEnd end, const char *next)
{
    const ScriptStep steps[] = {
        {.reply = ONE_POD}, {.reply = reply, .end = how}, {.reply = PLAIN("503", "down")}};
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_end(watched, end);
    if (!wait_until(has_asked_thrice, watched, WAIT_MS))
        fail_msg("nothing is asked after %s", k8s_watch_end_label(end));
    peer_expect_request(&watched->peer, 2, next);
}

static void
test_what_ends_a_watch(void **state)
{
    (void)state;
    static const char cut[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "ff\r\n{\"type\":\"ADD";
    expect_end(cut, SCRIPT_CLOSE, K8S_WATCH_UNAVAILABLE, WATCH("7"));
    expect_end(cut, SCRIPT_RESET, K8S_WATCH_UNAVAILABLE, WATCH("7"));
    expect_end(NULL, SCRIPT_CLOSE, K8S_WATCH_UNAVAILABLE, WATCH("7"));
    expect_end(JSON_HEAD "{\"type\":", SCRIPT_CLOSE, K8S_WATCH_UNAVAILABLE, WATCH("7"));
    expect_end(JSON_HEAD "<html>\n", SCRIPT_CLOSE, K8S_WATCH_MALFORMED, NEWEST);
    expect_end(JSON_HEAD EVENT("ADDED", "{}"), SCRIPT_CLOSE, K8S_WATCH_MALFORMED, NEWEST);
    expect_end(PLAIN("503", "down"), SCRIPT_CLOSE, K8S_WATCH_UNAVAILABLE, WATCH("7"));
}

static void
test_a_list_that_cannot_be_read(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = JSON_HEAD "{\"kind\":\"PodList\",\"items\":[]}"}};
    g_autoptr(Watched) watched = WATCHED(steps);
    wait_trouble(watched, K8S_WATCH_MALFORMED);
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_contains(known.message, "metadata.resourceVersion");
}

/* A kubelet's list has no version. */
#define KUBELET_LIST(pods)                                                                         \
    JSON_HEAD "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[" pods "]}"

static void
test_what_has_no_watch_is_listed_again(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = KUBELET_LIST(POD("a", "1"))},
        {.reply = PLAIN("403", "Forbidden (user=x, verb=get, resource=nodes)")},
        {.reply = KUBELET_LIST(POD("a", "1") "," POD("b", "2"))},
        {.reply = KUBELET_LIST("")},
        {.reply = NULL, .end = SCRIPT_STALL},
    };
    g_autoptr(Watched) watched = watched_new(steps, G_N_ELEMENTS(steps), NULL, 5);
    wait_told(watched, "[ +a ] [ [ +a +b ] [ ] [ ");
    wait_trouble(watched, K8S_WATCH_DUE);
    for (size_t i = 0; i < 4; i++)
        peer_expect_request(&watched->peer, i, "/pods");
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_int_equal(known.lists, 3);
    assert_int_equal(known.list_failures, 1);
}

static void
test_a_kubelet_that_refuses(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = KUBELET_LIST("")},
        {.reply = PLAIN("403", "Forbidden (user=x, verb=get, resource=nodes)")},
    };
    g_autoptr(Watched) watched = watched_new(steps, G_N_ELEMENTS(steps), NULL, 5);
    wait_trouble(watched, K8S_WATCH_FORBIDDEN);
    g_auto(K8sWatcherState) known = {0};
    k8s_watcher_get_state(watched->watcher, &known);
    assert_string_equal(known.message, "Forbidden (user=x, verb=get, resource=nodes)");
    assert_int_equal(known.lists, 1);
}

/* The thread waits for a server that says nothing; it is ended at once. */
static void
test_it_is_freed_at_any_time(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = ONE_POD}, {.reply = JSON_HEAD, .end = SCRIPT_STALL}};
    for (int64_t delay_us = 0; delay_us < 20000; delay_us += 2000) {
        Watched *watched = WATCHED(steps);
        g_usleep((gulong)delay_us);
        int64_t start_us = g_get_monotonic_time();
        watched_free(watched);
        assert_true(g_get_monotonic_time() - start_us < 10 * G_USEC_PER_SEC);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_list_and_one_watch),
        cmocka_unit_test(test_what_the_server_has_forgotten),
        cmocka_unit_test(test_forgotten_again_and_again),
        cmocka_unit_test(test_a_storm_is_trouble),
        cmocka_unit_test(test_a_token_that_expires),
        cmocka_unit_test(test_a_server_that_is_busy),
        cmocka_unit_test(test_a_right_that_is_missing),
        cmocka_unit_test(test_a_watch_that_goes_silent),
        cmocka_unit_test(test_what_ends_a_watch),
        cmocka_unit_test(test_a_list_that_cannot_be_read),
        cmocka_unit_test(test_what_has_no_watch_is_listed_again),
        cmocka_unit_test(test_a_kubelet_that_refuses),
        cmocka_unit_test(test_it_is_freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
