/* Lists: pages, those that break off, and those that begin anew. */
#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/unit/lib/k8s/peer.h"

static void
test_a_list_in_pages(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = PAGE("\"continue\":\"a+/=b\"")},
        {.reply = PAGE("\"continue\":\"c\"")},
        {.reply = LAST_PAGE},
    };
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/events", .query = "fieldSelector=type!%3DNormal"};
    assert_true(peer_list(&peer, &list, 3, &outcome));
    assert_int_equal(outcome.result, K8S_OK);
    assert_int_equal(outcome.pages, 3);
    assert_int_equal(scripted_server_requests(peer.server), 3);
    assert_false(outcome.is_partial);
    peer_expect_request(&peer, 0,
                        "/api/v1/events?fieldSelector=type!%3DNormal&limit=500&timeout=30s");
    peer_expect_request(
        &peer, 1,
        "/api/v1/events?fieldSelector=type!%3DNormal&limit=500&timeout=30s&continue=a%2B%2F%3Db");
    peer_expect_request(
        &peer, 2, "/api/v1/events?fieldSelector=type!%3DNormal&limit=500&timeout=30s&continue=c");
}

static void
test_a_list_of_metadata(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")}, {.reply = LAST_PAGE}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/secrets", .representation = K8S_METADATA};
    assert_true(peer_list(&peer, &list, 2, &outcome));
    peer_expect_request(&peer, 0, "/api/v1/secrets?limit=500&timeout=30s");
    peer_expect_request(&peer, 1, "/api/v1/secrets?limit=500&timeout=30s&continue=a");
    g_autofree char *seen = scripted_server_request(peer.server, 1);
    assert_contains(seen, "\r\nAccept: application/json;as=PartialObjectMetadataList;"
                          "g=meta.k8s.io;v=v1,application/json\r\n");
}

static void
test_a_forgotten_list_begins_anew_once(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")},
                                {.reply = PAGE("\"continue\":\"b\"")},
                                {.reply = EXPIRED},
                                {.reply = LAST_PAGE}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    assert_true(peer_list(&peer, &list, 3, &outcome));
    assert_int_equal(outcome.pages, 1);
    assert_int_equal(scripted_server_requests(peer.server), 4);
    assert_null(outcome.reason);
    assert_false(outcome.is_partial);
    peer_expect_request(&peer, 3, "/api/v1/pods");
}

static void
test_a_list_that_is_forgotten_twice_is_partial(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = PAGE("\"continue\":\"a\"")}, {.reply = EXPIRED}, {.reply = EXPIRED}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    assert_false(peer_list(&peer, &list, 1, &outcome));
    assert_int_equal(outcome.result, K8S_FAILED);
    assert_int_equal(outcome.status, 410);
    assert_string_equal(outcome.reason, "Expired");
    assert_true(outcome.is_partial);
    assert_int_equal(outcome.pages, 1);
    assert_int_equal(scripted_server_requests(peer.server), 3);
}

static void
test_a_list_that_breaks_off_is_partial(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")},
                                {.reply = STATUS("403", "Forbidden", "not any more")}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    assert_false(peer_list(&peer, &list, 1, &outcome));
    assert_int_equal(outcome.result, K8S_FORBIDDEN);
    assert_true(outcome.is_partial);
}

static void
test_a_server_that_goes_in_circles(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    assert_false(peer_list(&peer, &list, 2, &outcome));
    assert_int_equal(outcome.result, K8S_FAILED);
    assert_contains(outcome.message, "goes on with the page that it just gave");
    assert_true(outcome.is_partial);
}

static void
test_an_answer_that_is_no_list(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = "HTTP/1.1 200 OK\r\n\r\n<html>log in</html>"},
                                {.reply = JSON_HEAD "{\"kind\":\"Pod\"}"},
                                {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};
    g_auto(Peer) peer = PEER(steps);
    static const char *const messages[] = {"not JSON", "does not name a list", "not JSON"};
    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        g_auto(K8sOutcome) outcome = {0};
        const K8sList list = {.path = "/api/v1/pods"};
        assert_false(peer_list(&peer, &list, 0, &outcome));
        assert_int_equal(outcome.result, K8S_FAILED);
        assert_int_equal(outcome.status, 200);
        assert_contains(outcome.message, messages[i]);
        assert_false(outcome.is_partial);
    }
}

static bool
end_list(GBytes *page, void *user, GError **error)
{
    (void)page;
    (void)user;
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "enough of them");
}

static void
test_the_caller_ends_a_list(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    assert_false(k8s_client_list(peer.client, &list, NULL, end_list, NULL, &outcome));
    assert_int_equal(outcome.result, K8S_FAILED);
    assert_string_equal(outcome.message, "enough of them");
    assert_int_equal(scripted_server_requests(peer.server), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_in_pages),
        cmocka_unit_test(test_a_list_of_metadata),
        cmocka_unit_test(test_a_forgotten_list_begins_anew_once),
        cmocka_unit_test(test_a_list_that_is_forgotten_twice_is_partial),
        cmocka_unit_test(test_a_list_that_breaks_off_is_partial),
        cmocka_unit_test(test_a_server_that_goes_in_circles),
        cmocka_unit_test(test_an_answer_that_is_no_list),
        cmocka_unit_test(test_the_caller_ends_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
