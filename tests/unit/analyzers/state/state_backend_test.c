/* Incidents about back ends, which are in no list of the cluster. */
#include "analyzers/state/state.h"

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

enum { MINUTE_S = 60 };

/* What a back end of metrics has to say in a run. */
typedef enum { METRICS_EMPTY, METRICS_FULL, METRICS_BLIND, METRICS_AWAY } Metrics;

static TempDir *dir;
static State *state;
static int64_t now_s;

static void
find_receiver(const void *data, const Incident *incident, GPtrArray *receivers)
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

static const Routing routing = {.find = find_receiver, .due = find_due};

/* One run, so many seconds later. */
static void
run(Metrics metrics, int64_t later_s)
{
    static const char canary[] = "metrics-canary"; /* the question that tells an empty tenant */
    g_autoptr(GError) error = NULL;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: shop, name: other}\n");
    now_s += later_s;
    if (metrics == METRICS_EMPTY)
        test_cluster_answer(cluster, canary, "[]");
    else if (metrics == METRICS_FULL)
        test_cluster_answer(cluster, canary, "[{\"metric\":{},\"value\":[1,\"4\"]}]");
    else
        test_cluster_answer_fails(cluster, canary, "503");
    if (metrics >= METRICS_BLIND)
        test_cluster_backend_fails(cluster, SOURCE_METRICS,
                                   metrics == METRICS_AWAY ? TELEMETRY_UNREACHABLE : TELEMETRY_OK,
                                   "503");
    if (!state_update(state, test_cluster_findings(cluster), test_cluster_snapshot(cluster),
                      &routing, now_s, &error))
        fail_msg("%s", error->message);
}

static void
expect_told(const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s, &error);
    assert_no_error(error);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", change_name(change->type),
                               change->name);
    }
    assert_true(state_delivered(state, "ops", changes, NULL));
    assert_string_equal(text->str, wanted);
}

/* A back end is in no list, and is never gone. */
static void
test_a_back_end_ends_like_others(void **unused)
{
    (void)unused;
    run(METRICS_FULL, 0);
    expect_told("");
    run(METRICS_EMPTY, MINUTE_S);
    expect_told("new metrics");
    run(METRICS_FULL, 3 * MINUTE_S);
    expect_told(""); /* one quiet run is no proof */
    run(METRICS_FULL, 3 * MINUTE_S);
    expect_told("resolved metrics");
}

/* Who is blind has no good news. */
static void
test_a_blind_back_end_ends_nothing(void **unused)
{
    (void)unused;
    run(METRICS_FULL, 0);
    run(METRICS_EMPTY, MINUTE_S);
    expect_told("new metrics");
    for (int i = 0; i < 9; i++) {
        run(METRICS_BLIND, 5 * MINUTE_S);
        expect_told("");
    }
    run(METRICS_AWAY, MINUTE_S);
    expect_told("new metrics"); /* that it is away, and no end of the other */
    run(METRICS_AWAY, 14 * MINUTE_S);
    expect_told("");
    run(METRICS_FULL, MINUTE_S);
    expect_told("resolved metrics"); /* the tenant was not seen empty for long enough */
    run(METRICS_FULL, MINUTE_S);
    expect_told("resolved metrics");
}

static int
setup(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL;
    g_autoptr(GError) error = NULL;
    dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "state.sqlite");
    now_s = TEST_NOW_S;
    state = state_open(path, &notice, &error);
    assert_no_error(error);
    return 0;
}

static int
teardown(void **unused)
{
    (void)unused;
    state_close(g_steal_pointer(&state));
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_back_end_ends_like_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_blind_back_end_ends_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
