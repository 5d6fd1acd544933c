/* Profiles on their way to several servers, each with words of its own. */
#include <glib/gstdio.h>
#include <string.h>

#include "lib/pprof/gzip.h"
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

/* ---- Endpoints that change. ---- */

/* Pushes to it fail, and the next one is a minute away. */
static Endpoint *
endpoint_nowhere(const char *name)
{
    Endpoint *endpoint = fixture_endpoint_at(name, push_server_free_port());
    endpoint->backoff_min_ms = endpoint->backoff_max_ms = 60 * 1000;
    return endpoint;
}

static bool
is_waiting_in_a_pause(void *user)
{
    return fixture_retries(user) > 0;
}

static void
test_what_waits_goes_where_the_endpoint_is_now(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint_nowhere("a"), NULL, NULL);
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    assert_true(wait_until(is_waiting_in_a_pause, shipper, WAIT_MS));
    Endpoint *moved = fixture_endpoint_at("a", push_server_port(server));
    moved->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(moved->headers, g_strdup("X-Region"), g_strdup("eu"));
    moved->tenant = g_strdup("later");
    fixture_set_endpoints(shipper, moved, NULL);
    assert_int_equal(push_server_wait(server, 1, WAIT_MS), 1);
    g_autofree char *head = push_server_head(server);
    assert_contains(head, "X-Region: eu\n");
    assert_lacks(head, "X-Scope-OrgID"); /* it was handed over before */
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    g_autofree char *later = push_server_head(server);
    assert_contains(later, "X-Scope-OrgID: later\n");
    assert_int_equal(fixture_pushed(shipper), 2);
    g_autofree char *problems = fixture_problems(shipper);
    assert_string_equal(problems, "");
    fixture_check_ledger(shipper);
}

static uint64_t
waiting(Shipper *shipper)
{
    return fixture_metric(shipper, "cresset_agent_queue_profiles", "endpoint=\"a\"");
}

static void
test_an_endpoint_that_is_removed_is_sent_nothing(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0), other = push_server_new(0);
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint_nowhere("a"), NULL, NULL);
    fixture_add(shipper, "shop");
    fixture_set_endpoints(shipper, fixture_endpoint_at("b", push_server_port(other)), NULL);
    fixture_add(shipper, "shop");
    shipper_flush(shipper);
    assert_int_equal(push_server_wait(other, 1, WAIT_MS), 1);
    assert_int_equal(fixture_dropped(shipper, "removed"), 1);
    assert_int_equal(waiting(shipper), 0);
    g_autofree char *problems = fixture_problems(shipper);
    assert_string_equal(problems, ""); /* of one that nobody wants to be sent to any more */
    fixture_set_endpoints(shipper, fixture_endpoint_at("a", push_server_port(server)), NULL);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1);
    assert_int_equal(
        fixture_metric(shipper, "cresset_agent_profiles_queued_total", "endpoint=\"b\""), 1);
    fixture_check_ledger(shipper);
}

static void
test_the_spool_of_one_that_is_removed_stays(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(PushServer) server = push_server_new(0);
    const char *spool = temp_dir_path(dir);
    uint16_t away = push_server_free_port();
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint_nowhere("a"), NULL, spool);
    for (int i = 0; i < 3; i++)
        fixture_add(shipper, "shop");
    for (int i = 0; i < 2; i++) { /* while it is not named, and once more */
        fixture_set_endpoints(shipper, fixture_endpoint_at("b", away), NULL);
        fixture_add(shipper, "other");
        assert_int_equal(waiting(shipper), 3);
        fixture_check_ledger(shipper);
        fixture_set_endpoints(shipper, endpoint_nowhere("a"), NULL);
        assert_int_equal(waiting(shipper), 3);
        fixture_check_ledger(shipper);
    }
    fixture_set_endpoints(shipper, fixture_endpoint_at("a", push_server_port(server)), NULL);
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 3);
    assert_int_equal(fixture_dropped(shipper, "removed"), 0);
    assert_int_equal(
        fixture_metric(shipper, "cresset_agent_profiles_recovered_total", "endpoint=\"a\""), 0);
    fixture_check_ledger(shipper);
    g_autofree char *text = bodies(server);
    assert_lacks(text, "other");
}

/* Whoever removes an endpoint may remove its folder too, as there is nobody else to do it. */
static void
test_a_spool_that_was_emptied_meanwhile(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(PushServer) server = push_server_new(0);
    g_autofree char *folder = temp_dir_file(dir, "a");
    g_autoptr(Shipper) shipper = fixture_shipper(endpoint_nowhere("a"), NULL, temp_dir_path(dir));
    fixture_add(shipper, "shop");
    fixture_add(shipper, "shop");
    fixture_set_endpoints(shipper, endpoint_nowhere("b"), NULL);
    g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(files)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        assert_int_equal(g_remove(path), 0);
    }
    assert_int_equal(g_rmdir(folder), 0);
    fixture_set_endpoints(shipper, fixture_endpoint_at("a", push_server_port(server)), NULL);
    fixture_add(shipper, "shop");
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), 1);
    assert_int_equal(fixture_dropped(shipper, "removed"), 2);
    fixture_check_ledger(shipper);
}

static void
test_of_those_removed_the_last_are_told(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    uint16_t port = push_server_port(server);
    g_autoptr(Shipper) shipper = fixture_shipper(fixture_endpoint_at("a", port), NULL, NULL);
    for (int i = 0; i <= ENDPOINTS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("e%d", i);
        fixture_set_endpoints(shipper, fixture_endpoint_at(name, port), NULL);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    shipper_write_metrics(shipper, out);
    assert_lacks(out->str, "endpoint=\"a\"");
    assert_contains(out->str, "endpoint=\"e0\"");
}

/* Adds profiles and looks at what is told, until it is told to end. */
typedef struct {
    Shipper *shipper;
    gint is_ending, n_added;
} Busy;

static gpointer
add_busily(gpointer data)
{
    Busy *busy = data;
    while (!g_atomic_int_get(&busy->is_ending)) {
        fixture_add(busy->shipper, "shop");
        g_atomic_int_inc(&busy->n_added);
        shipper_flush(busy->shipper);
        g_autoptr(GString) out = g_string_new(NULL);
        shipper_write_metrics(busy->shipper, out);
        shipper_check(busy->shipper, out);
    }
    return NULL;
}

static bool
has_added_more(void *user)
{
    Busy *busy = user;
    return g_atomic_int_get(&busy->n_added) > 3;
}

static void
test_endpoints_change_while_profiles_come(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(PushServer) first = push_server_new(0), second = push_server_new(0);
    const uint16_t ports[] = {push_server_port(first), push_server_port(second)};
    g_autoptr(Shipper) shipper =
        fixture_shipper(fixture_endpoint_at("a", ports[0]), NULL, temp_dir_path(dir));
    Busy busy = {.shipper = shipper};
    GThread *threads[2];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("busy", add_busily, &busy);
    for (int i = 0; i < 30; i++) { /* moved, removed, named again */
        g_atomic_int_set(&busy.n_added, 0);
        assert_true(wait_until(has_added_more, &busy, WAIT_MS));
        Endpoint *b = fixture_endpoint_at("b", ports[i % 2]);
        if (i % 3 == 2)
            fixture_set_endpoints(shipper, b, NULL);
        else
            fixture_set_endpoints(shipper, fixture_endpoint_at("a", ports[(i + 1) % 2]), b);
    }
    fixture_set_endpoints(shipper, fixture_endpoint_at("a", ports[0]), NULL);
    g_atomic_int_set(&busy.is_ending, TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    shipper_stop(shipper, WAIT_MS);
    fixture_check_ledger(shipper);
    assert_int_equal(waiting(shipper), 0);
    assert_int_equal(fixture_dropped(shipper, "removed"), 0);
    assert_true(fixture_pushed(shipper) > 0);
}

int
main(void)
{
    /* GLib's own writer asks for the time of day in a way that is no thread's alone. */
    kept_log_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_is_away_holds_up_no_other),
        cmocka_unit_test(test_each_endpoint_has_its_own_words),
        cmocka_unit_test(test_a_secret_that_is_not_there_yet),
        cmocka_unit_test(test_profiles_name_their_tenant),
        cmocka_unit_test(test_what_waits_goes_where_the_endpoint_is_now),
        cmocka_unit_test(test_an_endpoint_that_is_removed_is_sent_nothing),
        cmocka_unit_test(test_the_spool_of_one_that_is_removed_stays),
        cmocka_unit_test(test_a_spool_that_was_emptied_meanwhile),
        cmocka_unit_test(test_of_those_removed_the_last_are_told),
        cmocka_unit_test(test_endpoints_change_while_profiles_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
