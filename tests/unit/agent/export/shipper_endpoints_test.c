/* Profiles on their way to several servers, each with words of its own. */
#include <string.h>

#include "lib/pprof/gzip.h"
#include "tests/harness/check.h"
#include "tests/harness/push_server.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"
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

static void
test_one_that_is_away_holds_up_no_other(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    static const ScriptStep hang[] = {{.reply = NULL, .end = SCRIPT_STALL}};
    g_autoptr(ScriptedServer) hung = scripted_server_new(hang, 1);
    g_autofree char *url = scripted_server_url(hung, "");
    g_autoptr(Shipper) shipper = fixture_shipper(
        fixture_endpoint("away", url), fixture_endpoint_at("a", push_server_port(server)), NULL);
    for (int i = 0; i < 5; i++) {
        fixture_add(shipper, "shop");
        shipper_flush(shipper);
        assert_true(push_server_wait(server, (size_t)i + 1, WAIT_MS) > (size_t)i);
    }
    shipper_stop(shipper, 200);
    assert_int_equal(fixture_pushed(shipper), 5);
    assert_int_equal(fixture_metric(shipper, "cresset_agent_profiles_dropped_total",
                                    "endpoint=\"away\",reason=\"stopped\""),
                     5);
    fixture_check_ledger(shipper);
}

static void
test_each_endpoint_has_its_own_words(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(PushServer) first = push_server_new(0), second = push_server_new(0);
    g_autofree char *key = temp_dir_file(dir, "key"), *token = temp_dir_file(dir, "token");
    assert_true(g_file_set_contents(key, "first\n", -1, NULL));
    assert_true(g_file_set_contents(token, "abc\n", -1, NULL));
    Endpoint *a = fixture_endpoint_at("a", push_server_port(first));
    a->tenant = g_strdup("platform");
    a->header_files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(a->header_files, g_strdup("X-Key"), g_strdup(key));
    Endpoint *b = fixture_endpoint_at("b", push_server_port(second));
    b->coding = SERIES_ZSTD;
    b->token_file = g_strdup(token);
    b->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(b->headers, g_strdup("X-Region"), g_strdup("eu"));
    b->external_labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(b->external_labels, g_strdup("cluster"), g_strdup("green"));
    g_hash_table_insert(b->external_labels, g_strdup("service_name"), g_strdup("other"));
    g_autoptr(Shipper) shipper = fixture_shipper(a, b, NULL);
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    assert_int_equal(push_server_wait(first, 1, WAIT_MS), 1);
    assert_int_equal(push_server_wait(second, 1, WAIT_MS), 1);
    g_autofree char *head_a = push_server_head(first), *head_b = push_server_head(second);
    assert_contains(head_a, "X-Key: first\n");
    assert_contains(head_a, "X-Scope-OrgID: platform\n");
    assert_lacks(head_a, "Content-Encoding");
    assert_contains(head_b, "Content-Encoding: zstd\n");
    assert_contains(head_b, "Authorization: Bearer abc\n");
    assert_contains(head_b, "X-Region: eu\n");
    assert_lacks(head_b, "X-Scope-OrgID");
    g_autofree char *body_a = bodies(first);
    assert_contains(body_a, "shop");
    assert_lacks(body_a, "cluster");
    g_autoptr(GBytes) packed = push_server_body(second, 0);
    g_autoptr(GByteArray) body_b =
        gzip_decompress(g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), 1 << 20, NULL);
    assert_non_null(body_b);
    assert_non_null(memmem(body_b->data, body_b->len, "green", 5));
    assert_non_null(memmem(body_b->data, body_b->len, "shop", 4)); /* its own wins */
    assert_null(memmem(body_b->data, body_b->len, "other", 5));
    /* Secrets are replaced while the agent runs. */
    assert_true(g_file_set_contents(key, "second", -1, NULL));
    assert_true(g_file_set_contents(token, "def", -1, NULL));
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    g_autofree char *later_a = push_server_head(first), *later_b = push_server_head(second);
    assert_contains(later_a, "X-Key: second\n");
    assert_contains(later_b, "Authorization: Bearer def\n");
}

static void
test_a_secret_that_is_not_there_yet(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(PushServer) server = push_server_new(0);
    Endpoint *endpoint = fixture_endpoint_at("a", push_server_port(server));
    endpoint->token_file = temp_dir_file(dir, "token");
    g_autofree char *path = g_strdup(endpoint->token_file);
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint, NULL, NULL);
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    while (fixture_retries(shipper) < 2)
        g_thread_yield();
    g_autofree char *problems = fixture_problems(shipper);
    assert_contains(problems, path);
    assert_true(g_file_set_contents(path, "abc", -1, NULL));
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1);
}

static void
test_profiles_name_their_tenant(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    Endpoint *endpoint = fixture_endpoint_at("a", push_server_port(server));
    endpoint->tenant = g_strdup("platform");
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint, NULL, NULL);
    static const char *const tenants[][2] = {{"team-a", "X-Scope-OrgID: team-a\n"},
                                             {"", "X-Scope-OrgID: platform\n"}};
    for (size_t i = 0; i < G_N_ELEMENTS(tenants); i++) {
        fixture_add_as(shipper, "shop", tenants[i][0], "profile", 7);
        shipper_flush(shipper);
        assert_int_equal(push_server_wait(server, i + 1, WAIT_MS), i + 1);
        g_autofree char *head = push_server_head(server);
        assert_contains(head, tenants[i][1]);
    }
    fixture_add_as(shipper, "shop", "no tenant", "profile", 7);
    fixture_add_as(shipper, "shop", "a\r\nX-Scope-OrgID: b", "profile", 7);
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_dropped(shipper, "bad_tenant"), 2);
    assert_int_equal(fixture_pushed(shipper), 2);
    g_autofree char *text = bodies(server);
    assert_lacks(text, "tenant");
    fixture_check_ledger(shipper);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_is_away_holds_up_no_other),
        cmocka_unit_test(test_each_endpoint_has_its_own_words),
        cmocka_unit_test(test_a_secret_that_is_not_there_yet),
        cmocka_unit_test(test_profiles_name_their_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
