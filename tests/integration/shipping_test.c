/* The shipper with a real server behind a relay that breaks connections, restarts of the server,
 * and kill -9 of the process that ships: what was handed over is stored, each profile exactly once.
 *
 * The process that is killed is this program again, run with "ship URL FOLDER FIRST COUNT": it
 * ships profiles that it counts, and says of each that it is handed over. CRESSET_TEST_LONG makes
 * the runs longer. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/check.h"
#include "tests/harness/relay.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"
#include "tests/integration/profiles.h"
#include "tests/unit/agent/export/shipper_fixture.h"

#define QUERIER "/querier.v1.QuerierService/"

enum { WAIT_MS = 60 * 1000, SPOOL_BYTES = 64 << 20 };

static bool
is_long(void)
{
    return g_getenv("CRESSET_TEST_LONG") != NULL;
}

/* ---- What is shipped. ---- */

static Shipper *
start_shipper(const char *url, const char *spool_dir)
{
    return fixture_shipper(fixture_endpoint("a", url), NULL, spool_dir);
}

/* Hands profile number `i` over, which is worth one nanosecond. */
static void
ship(Shipper *shipper, int i)
{
    const ProfileStack stack = {"main;work", 1};
    g_autoptr(GBytes) pprof = profile_of(&stack, 1, g_get_real_time() * 1000);
    g_autoptr(LabelSet) labels = label_set_new();
    g_autofree char *number = g_strdup_printf("%d", i);
    label_set_set(labels, "__name__", "process_cpu");
    label_set_set(labels, "service_name", "ship");
    label_set_set(labels, "number", number);
    shipper_add(shipper, labels, g_bytes_get_data(pprof, NULL), g_bytes_get_size(pprof));
    shipper_flush(shipper);
}

/* ---- What is stored. ---- */

static uint16_t
port_of(TestServer *server)
{
    return (uint16_t)g_ascii_strtoull(strrchr(test_server_url(server), ':') + 1, NULL, 10);
}

static json_t *
ask(TestServer *server, const char *method, const char *fields)
{
    int64_t now_ms = g_get_real_time() / 1000;
    g_autofree char *path = g_strconcat(QUERIER, method, NULL), *body = NULL;
    g_autofree char *question =
        g_strdup_printf("{\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT ",%s}",
                        now_ms - 3600 * 1000, now_ms + 60 * 1000, fields);
    assert_int_equal(test_server_json(server, path, NULL, question, &body), 200);
    json_t *answer = json_loads(body, 0, NULL);
    assert_non_null(answer);
    return answer;
}

typedef enum { NOT_SENT, MAYBE_SENT, SENT } Sent;

/* Checks that each profile is stored exactly once when it was sent, at most once when it may have
 * been, and that there is no other; `sent` is by number. */
static void
check_ledger(TestServer *server, const Sent *sent, int n)
{
    json_t *labels = ask(server, "LabelValues", "\"name\":\"number\"");
    json_t *names = json_object_get(labels, "names");
    g_autofree bool *is_stored = g_new0(bool, n);
    int n_stored = 0;
    size_t at;
    json_t *name;
    json_array_foreach(names, at, name)
    {
        int number = atoi(json_string_value(name));
        assert_true(number >= 0 && number < n && !is_stored[number] && sent[number] != NOT_SENT);
        is_stored[number] = true;
        n_stored++;
    }
    for (int i = 0; i < n; i++)
        if (sent[i] == SENT && !is_stored[i])
            fail_msg("profile %d is not stored", i);
    json_decref(labels);
    json_t *tree = ask(server, "SelectMergeStacktraces",
                       "\"profileTypeID\":\"" PROFILE_CPU_TYPE "\","
                       "\"labelSelector\":\"{service_name=\\\"ship\\\"}\"");
    json_t *total = json_object_get(json_object_get(tree, "flamegraph"), "total");
    assert_non_null(json_string_value(total));
    assert_int_equal(atoi(json_string_value(total)), n_stored); /* none of them twice */
    json_decref(tree);
}

static void
check_stored(TestServer *server, int n)
{
    g_autofree Sent *sent = g_new0(Sent, n);
    for (int i = 0; i < n; i++)
        sent[i] = SENT;
    check_ledger(server, sent, n);
}

/* ---- A network that fails. ---- */

typedef struct {
    Relay *relay;
    unsigned n_faults;
} FaultWait;

static bool
has_failed(void *data)
{
    const FaultWait *wait = data;
    return relay_faults(wait->relay) > wait->n_faults;
}

static bool
is_all_pushed(void *shipper)
{
    return fixture_metric(shipper, "cresset_agent_queue_profiles", "endpoint=\"a\"") == 0;
}

static void
ship_through_faults(Relay *relay, Shipper *shipper, TestServer *server, int rounds, int *n)
{
    static const RelayMode faults[] = {RELAY_REFUSE, RELAY_CUT, RELAY_LOSE_REPLY, RELAY_HALF_CLOSE};
    for (int round = 0; round < rounds; round++) {
        FaultWait wait = {relay, relay_faults(relay)};
        relay_set(relay, faults[round % (int)G_N_ELEMENTS(faults)], port_of(server));
        for (int i = 0; i < 5; i++)
            ship(shipper, (*n)++);
        assert_true(wait_until(has_failed, &wait, WAIT_MS));
        relay_set(relay, RELAY_PASS, port_of(server));
        if (round % 3 == 0)
            assert_true(wait_until(is_all_pushed, shipper, WAIT_MS));
    }
}

static void
test_a_network_that_fails(void **state)
{
    (void)state;
    g_autoptr(TempDir) data = temp_dir_new(), spool = temp_dir_new();
    g_autoptr(Relay) relay = relay_new();
    g_autofree char *url = relay_url(relay);
    int n = 0;
    for (int with_spool = 0; with_spool < 2; with_spool++) {
        g_autoptr(TestServer) server = test_server_start(temp_dir_path(data), NULL);
        g_autoptr(Shipper) shipper = start_shipper(url, with_spool ? temp_dir_path(spool) : NULL);
        int first = n;
        ship_through_faults(relay, shipper, server, is_long() ? 200 : 16, &n);
        assert_true(wait_until(is_all_pushed, shipper, WAIT_MS));
        shipper_stop(shipper, WAIT_MS);
        assert_int_equal(fixture_pushed(shipper), n - first);
        assert_true(fixture_retries(shipper) > 0);
        fixture_check_ledger(shipper);
        check_stored(server, n);
        test_server_stop(server);
    }
}

static void
test_a_server_that_is_killed(void **state)
{
    (void)state;
    g_autoptr(TempDir) data = temp_dir_new(), spool = temp_dir_new();
    g_autoptr(Relay) relay = relay_new();
    g_autofree char *url = relay_url(relay);
    g_autoptr(Shipper) shipper = start_shipper(url, temp_dir_path(spool));
    int n = 0;
    for (int round = 0; round < (is_long() ? 60 : 5); round++) {
        g_autoptr(TestServer) server = test_server_start(temp_dir_path(data), NULL);
        relay_set(relay, RELAY_PASS, port_of(server));
        for (int i = 0; i < 40; i++)
            ship(shipper, n++);
        program_signal(test_server_program(server), SIGKILL);
        relay_set(relay, RELAY_REFUSE, port_of(server));
        for (int i = 0; i < 10; i++) /* while it is away */
            ship(shipper, n++);
    }
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(data), NULL);
    relay_set(relay, RELAY_PASS, port_of(server));
    assert_true(wait_until(is_all_pushed, shipper, WAIT_MS));
    shipper_stop(shipper, WAIT_MS);
    assert_int_equal(fixture_pushed(shipper), n);
    fixture_check_ledger(shipper);
    check_stored(server, n);
    test_server_stop(server);
}

/* ---- kill -9 of the process that ships. ---- */

static Program *
start_shipping(const char *url, const char *dir, int first, int count)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *from = g_strdup_printf("%d", first), *many = g_strdup_printf("%d", count);
    const char *const argv[] = {self, "ship", url, dir, from, many, NULL};
    return program_start(argv, NULL);
}

/* Kills the process at some time after it has handed over number `enough`, and notes what it said;
 * it may have written one more before it could say so. */
static void
kill_shipping(Program *program, int enough, GArray *sent)
{
    g_autofree char *line = g_strdup_printf("handed over %d\n", enough);
    g_free(program_wait_for(program, line, WAIT_MS));
    program_signal(program, SIGKILL);
    assert_int_equal(program_wait(program, WAIT_MS), 128 + SIGKILL);
    g_autofree char *output = program_output(program);
    int last = atoi(g_strrstr(output, "handed over ") + strlen("handed over "));
    const Sent yes = SENT, maybe = MAYBE_SENT;
    while (sent->len <= (guint)last)
        g_array_append_val(sent, yes);
    g_array_append_val(sent, maybe);
}

static void
test_an_agent_that_is_killed(void **state)
{
    (void)state;
    g_autoptr(TempDir) data = temp_dir_new(), spool = temp_dir_new();
    g_autoptr(Relay) relay = relay_new();
    g_autofree char *url = relay_url(relay);
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(data), NULL);
    g_autoptr(GRand) random = g_rand_new_with_seed(6);
    g_autoptr(GArray) sent = g_array_new(FALSE, FALSE, sizeof(Sent));
    for (int round = 0; round < (is_long() ? 300 : 12); round++) {
        /* Every third one finds no server. */
        relay_set(relay, round % 3 == 2 ? RELAY_REFUSE : RELAY_PASS, port_of(server));
        int first = (int)sent->len;
        g_autoptr(Program) program = start_shipping(url, temp_dir_path(spool), first, 1000000);
        kill_shipping(program, first + g_rand_int_range(random, 0, 40), sent);
    }
    relay_set(relay, RELAY_PASS, port_of(server));
    g_autoptr(Program) last = start_shipping(url, temp_dir_path(spool), 0, 0);
    assert_int_equal(program_wait(last, WAIT_MS), 0);
    print_message("%u profiles over the kills\n", sent->len);
    check_ledger(server, (const Sent *)(const void *)sent->data, (int)sent->len);
    test_server_stop(server);
}

/* ---- The process itself. ---- */

static int
ship_main(char **argv)
{
    g_autoptr(Shipper) shipper = start_shipper(argv[0], argv[1]);
    int first = atoi(argv[2]), count = atoi(argv[3]);
    for (int i = first; i < first + count; i++) {
        ship(shipper, i);
        printf("handed over %d\n", i);
        (void)fflush(stdout);
    }
    shipper_stop(shipper, WAIT_MS);
    return is_all_pushed(shipper) ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "ship") == 0)
        return ship_main(argv + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_network_that_fails),
        cmocka_unit_test(test_a_server_that_is_killed),
        cmocka_unit_test(test_an_agent_that_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
