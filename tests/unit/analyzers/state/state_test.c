#include "analyzers/state/state.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#define POD(name, map)                                                                             \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name "}\n"                                                \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: " map           \
    "}}]}]}\n"                                                                                     \
    "status: {phase: Pending}\n"
#define MAP(name)                                                                                  \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {namespace: shop, name: " name "}\n"

enum { MINUTE_S = 60, HOUR_S = 3600 };

static TempDir *dir;
static char *path;
static State *state;
static int64_t now_s;
static bool are_folded;   /* all findings */
static const char *note;  /* of all findings; NULL: none */
static Severity severity; /* of all findings; SEVERITY_INFO: their own */

static bool are_none;  /* receivers */
static bool are_two;   /* receivers hear of it, not only ops */
static int64_t hold_s; /* how long ops is not to be told of what is milder than high */

static void
find_receivers(const void *data, const Incident *incident, GPtrArray *receivers)
{
    (void)data;
    if (incident->object != NULL && incident->object->kind != KIND_NONE)
        assert_string_equal(incident->ns, "shop");
    if (are_none)
        return;
    g_ptr_array_add(receivers, (gpointer) "ops");
    if (are_two)
        g_ptr_array_add(receivers, (gpointer) "pay");
}

static int64_t
find_due(const void *data, const Incident *incident, const char *receiver, int64_t at_s)
{
    (void)data;
    bool is_held = strcmp(receiver, "ops") == 0 && incident->severity < SEVERITY_HIGH;
    return at_s + (is_held ? hold_s : 0);
}

static const Routing routing = {.find = find_receivers, .due = find_due};

static void
reopen(void)
{
    g_autofree char *notice = NULL;
    g_autoptr(GError) error = NULL;
    state_close(state);
    state = state_open(path, &notice, &error);
    assert_null(error);
    assert_null(notice);
}

/* One run over a cluster, so many seconds later; `failed` is a kind that cannot be listed. */
static void
run_failing(const char *yaml, int64_t later_s, Kind failed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    now_s += later_s;
    value_reader_begin(reader, VALUE_YAML);
    assert_true(value_reader_feed(reader, yaml, strlen(yaml), NULL));
    const Value *documents = value_reader_end(reader, NULL);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        snapshot_set_list(snapshot, (Kind)kind, (Kind)kind == failed ? LIST_FAILED : LIST_READ,
                          "403");
    const Value *one = documents->type == VALUE_MAP ? documents : documents->first;
    for (; one != NULL; one = one->next) {
        Kind kind = kind_of("", value_text(one, "kind"));
        snapshot_add(snapshot, kind, one);
    }
    snapshot_finish(snapshot);
    const CheckOptions options = {.now_s = now_s, .cluster = "test"};
    g_autoptr(Findings) findings = check_all(snapshot, &options);
    for (guint i = 0; severity != SEVERITY_INFO && i < findings->all->len; i++)
        ((Finding *)findings->all->pdata[i])->severity = severity;
    for (guint i = 0; note != NULL && i < findings->all->len; i++)
        finding_note(findings->all->pdata[i], "%s", note);
    if (are_folded)
        findings->n_roots = 0;
    if (!state_update(state, findings, snapshot, &routing, now_s, &error))
        fail_msg("%s", error->message);
}

static void
run(const char *yaml, int64_t later_s)
{
    run_failing(yaml, later_s, KIND_NONE);
}

/* Takes what a receiver is to be told; "new web, resolved pay" in any order of arrival. */
static char *
told_to(const char *receiver)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = state_outbox(state, receiver, now_s, &error);
    assert_null(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", change_name(change->type),
                               change->name);
    }
    assert_true(state_delivered(state, receiver, changes, NULL));
    return g_string_free(text, FALSE);
}

static void
expect_told(const char *wanted)
{
    g_autofree char *got = told_to("ops");
    assert_string_equal(got, wanted);
}

static void
expect_told_to(const char *receiver, const char *wanted)
{
    g_autofree char *got = told_to(receiver);
    assert_string_equal(got, wanted);
}

static void
test_a_fault_is_told_once_and_its_end_once(void **unused)
{
    (void)unused;
    run(MAP("other"), 0);
    expect_told("");
    run(POD("web", "settings"), 10 * MINUTE_S);
    expect_told("new web");
    for (int i = 0; i < 100; i++) {
        run(POD("web", "settings"), 3 * MINUTE_S);
        reopen();
        expect_told("");
    }
    run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
    expect_told(""); /* one quiet run is no proof */
    run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
    expect_told("resolved web");
    for (int i = 0; i < 100; i++) {
        run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
        expect_told("");
    }
}

/* A note is told with its incident and makes no other one of it. */
static void
test_a_note_goes_with_its_incident(void **unused)
{
    (void)unused;
    g_autoptr(GError) error = NULL;
    run(MAP("other"), 0);
    note = "It lacks its settings.";
    run(POD("web", "settings"), MINUTE_S);
    note = NULL;
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s, &error);
    assert_no_error(error);
    assert_int_equal(changes->len, 1);
    assert_string_equal(((const Change *)changes->pdata[0])->note, "It lacks its settings.");
    expect_told("new web");
    run(POD("web", "settings"), MINUTE_S);
    expect_told("");
    g_autoptr(GPtrArray) open = state_list_open(state, &error);
    assert_no_error(error);
    assert_int_equal(open->len, 1);
    assert_string_equal(((const Change *)open->pdata[0])->note, "");
}

static void
test_what_was_there_before_is_known(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    run(POD("web", "settings") POD("pay", "keys"), MINUTE_S);
    expect_told("new pay");
}

static void
test_who_comes_later_hears_of_what_nobody_was_told(void **unused)
{
    (void)unused;
    are_none = true;
    run(MAP("other"), 0);
    run(POD("web", "settings"), MINUTE_S);
    run(POD("web", "settings"), MINUTE_S);
    expect_told("");
    are_none = false;
    run(POD("web", "settings"), MINUTE_S);
    expect_told("known web");
    run(POD("web", "settings"), MINUTE_S);
    expect_told("");
}

static void
test_an_object_that_is_gone_ends_at_once(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    run(MAP("other"), MINUTE_S);
    expect_told("resolved web");
}

static void
test_blindness_is_no_good_news(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    for (int i = 0; i < 6; i++) {
        run_failing(POD("web", "settings"), HOUR_S, KIND_CONFIG_MAP);
        expect_told(i == 0 ? "new kubernetes" : ""); /* that it is blind, and nothing else */
    }
    run(POD("web", "settings"), MINUTE_S);
    expect_told("reminder web");
}

static void
test_it_is_told_again_after_hours(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    run(POD("web", "settings"), 6 * HOUR_S - MINUTE_S);
    expect_told("");
    run(POD("web", "settings"), MINUTE_S);
    expect_told("reminder web");
    run(POD("web", "settings"), HOUR_S);
    expect_told("");
}

static void
test_what_comes_and_goes_is_flapping(void **unused)
{
    (void)unused;
    static const char *const wanted[][2] = {
        {"new web", "resolved web"},
        {"again web", "resolved web"},
        {"again web", "resolved web"},
        {"flapping web", ""},
        {"", ""},
    };
    run(MAP("other"), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        run(POD("web", "settings"), 5 * MINUTE_S);
        expect_told(wanted[i][0]);
        run(MAP("other"), 5 * MINUTE_S);
        expect_told(wanted[i][1]);
    }
    run(POD("web", "settings"), 12 * HOUR_S);
    expect_told("new web, new cresset-analyzer"); /* which did not run for long */
}

static void
test_nothing_is_lost_while_nobody_listens(void **unused)
{
    (void)unused;
    StateReceiver health;
    run(MAP("other"), 0);
    run(POD("web", "settings"), 10 * MINUTE_S);
    for (int i = 0; i < 6; i++) {
        g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s, NULL);
        assert_int_equal(changes->len, 1);
        assert_true(state_release(state, "ops", changes, now_s, now_s + 5 * MINUTE_S, NULL));
        assert_true(state_receiver(state, "ops", &health, NULL));
        assert_int_equal(health.failures, i + 1);
        assert_int_equal(health.retry_s, now_s + 5 * MINUTE_S);
        assert_int_equal(health.n_waiting, 1);
        run(POD("web", "settings"), 10 * MINUTE_S);
        reopen();
    }
    assert_int_equal(health.since_s, TEST_NOW_S + 10 * MINUTE_S);
    expect_told("new web");
    assert_true(state_receiver(state, "ops", &health, NULL));
    assert_int_equal(health.failures, 0);
    assert_int_equal(health.n_waiting, 0);
    run(POD("pay", "keys") POD("web", "settings"), MINUTE_S);
    run(POD("web", "settings"), MINUTE_S);
    expect_told("resolved pay"); /* nobody had heard of its beginning */
    expect_told("");
}

static void
test_what_one_run_sends_no_other_gets(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL;
    g_autoptr(State) other = state_open(path, &notice, NULL);
    run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) mine = state_claim(state, "ops", now_s, now_s + MINUTE_S, NULL);
    assert_int_equal(mine->len, 1);
    g_autoptr(GPtrArray) none = state_claim(other, "ops", now_s, now_s + MINUTE_S, NULL);
    assert_int_equal(none->len, 0);
    now_s += MINUTE_S;
    expect_told("known web"); /* the first one has ended without a word */
}

/* What happens while a message is on its way is told after it. */
static void
test_an_end_during_a_send_is_told(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) sent = state_claim(state, "ops", now_s, now_s + HOUR_S, NULL);
    run(MAP("other"), MINUTE_S);
    assert_true(state_delivered(state, "ops", sent, NULL));
    expect_told("resolved web");
}

static void
test_a_higher_severity_during_a_send_is_told(void **unused)
{
    (void)unused;
    severity = SEVERITY_MEDIUM;
    run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) sent = state_claim(state, "ops", now_s, now_s + HOUR_S, NULL);
    severity = SEVERITY_CRITICAL;
    run(POD("web", "settings"), MINUTE_S);
    assert_true(state_delivered(state, "ops", sent, NULL));
    expect_told("worse web");
}

/* Who heard of a grave fault hears of its end, also when it got milder before. */
static void
test_an_end_has_the_highest_severity_that_was_told(void **unused)
{
    (void)unused;
    severity = SEVERITY_HIGH;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    severity = SEVERITY_LOW;
    run(POD("web", "settings"), MINUTE_S);
    run(MAP("other"), MINUTE_S);
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s, NULL);
    assert_int_equal(changes->len, 1);
    assert_int_equal(((const Change *)changes->pdata[0])->severity, SEVERITY_HIGH);
    expect_told("resolved web");
    run(POD("web", "settings"), MINUTE_S);
    expect_told("again web"); /* which begins anew */
    run(MAP("other"), MINUTE_S);
    g_autoptr(GPtrArray) mild = state_outbox(state, "ops", now_s, NULL);
    assert_int_equal(mild->len, 1);
    assert_int_equal(((const Change *)mild->pdata[0])->severity, SEVERITY_LOW);
}

static void
test_what_another_fault_explains_now_is_folded(void **unused)
{
    (void)unused;
    run(POD("web", "settings"), 0);
    expect_told("known web");
    are_folded = true;
    run(POD("web", "settings"), STATE_QUIET_S);
    expect_told("folded web");
    run(POD("web", "settings"), STATE_QUIET_S);
    expect_told("");
}

/* Each hears all of it once, whatever becomes of the other. */
static void
test_receivers_do_not_hold_one_another_up(void **unused)
{
    (void)unused;
    are_two = true;
    run(MAP("other"), 0);
    run(POD("web", "settings"), MINUTE_S);
    expect_told_to("pay", "new web");
    run(POD("web", "settings"), MINUTE_S);
    expect_told_to("pay", "");
    run(MAP("other"), MINUTE_S);
    expect_told_to("pay", "resolved web");
    expect_told_to("ops", "resolved web");
}

/* Also when it is no longer for whom it was. */
static void
test_an_end_is_told_to_who_knows(void **unused)
{
    (void)unused;
    are_two = true;
    run(POD("web", "settings"), 0);
    expect_told_to("pay", "known web");
    expect_told_to("ops", "known web");
    are_two = false;
    run(POD("web", "settings") POD("new", "keys"), MINUTE_S);
    run(MAP("other"), MINUTE_S);
    expect_told_to("pay", "resolved web");
    expect_told_to("ops", "resolved web, resolved new");
    expect_told_to("pay", "");
}

static void
test_what_is_held_goes_out_together(void **unused)
{
    (void)unused;
    severity = SEVERITY_MEDIUM;
    hold_s = 8 * HOUR_S;
    run(MAP("other"), 0);
    run(POD("web", "a") POD("pay", "b") POD("idle", "c"), MINUTE_S);
    hold_s = 7 * HOUR_S;
    expect_told("");
    run(POD("pay", "b") POD("idle", "c"), HOUR_S);
    expect_told("");
    severity = SEVERITY_HIGH; /* what gets worse does not wait */
    run(POD("pay", "b"), MINUTE_S);
    expect_told("new pay");
    run(POD("pay", "b"), 9 * HOUR_S);
    expect_told("resolved web, resolved idle, reminder pay");
}

static void
test_a_receiver_that_is_gone_has_an_heir(void **unused)
{
    (void)unused;
    static const char *const names[] = {"ops", NULL}, *const none[] = {NULL};
    are_two = true;
    run(POD("web", "settings"), 0);
    expect_told_to("pay", "known web");
    run(POD("web", "settings") POD("idle", "keys"), MINUTE_S);
    assert_true(state_settle(state, names, "ops", NULL));
    are_two = false;
    expect_told_to("pay", "");
    expect_told("known web, new idle");
    run(MAP("other"), MINUTE_S);
    expect_told("resolved web, resolved idle");
    run(POD("web", "settings"), HOUR_S);
    assert_true(state_settle(state, none, NULL, NULL));
    expect_told("");
}

static void
test_missing_runs_are_told_once(void **unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++)
        run(MAP("other"), 10 * MINUTE_S);
    run(MAP("other"), 19 * MINUTE_S); /* one of them may be late */
    expect_told("");
    run(MAP("other"), 65 * MINUTE_S);
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", now_s, NULL);
    assert_int_equal(changes->len, 1);
    const Change *change = changes->pdata[0];
    assert_string_equal(change->check, "analyzer-late");
    assert_contains(change->title, "from 2026-01-01 13:19 to 2026-01-01 14:24 UTC");
    assert_contains(change->cause, "about every 10 min");
    expect_told("new cresset-analyzer");
    for (int i = 0; i < 3; i++) {
        run(MAP("other"), 10 * MINUTE_S);
        expect_told("");
    }
}

static void
test_a_damaged_file_is_set_aside(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL, *text = g_strnfill(9000, 'x');
    run(POD("web", "settings"), 0);
    state_close(g_steal_pointer(&state));
    assert_true(g_file_set_contents(path, text, -1, NULL));
    state = state_open(path, &notice, NULL);
    assert_non_null(state);
    assert_contains(notice, ".corrupt-");
    run(POD("web", "settings"), MINUTE_S);
    expect_told("known web"); /* not as news */
}

static int
setup(void **unused)
{
    (void)unused;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "state.sqlite");
    now_s = TEST_NOW_S;
    severity = SEVERITY_INFO;
    are_folded = are_two = are_none = false;
    hold_s = 0;
    reopen();
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
        TEST(test_a_fault_is_told_once_and_its_end_once),
        TEST(test_a_note_goes_with_its_incident),
        TEST(test_what_was_there_before_is_known),
        TEST(test_who_comes_later_hears_of_what_nobody_was_told),
        TEST(test_an_object_that_is_gone_ends_at_once),
        TEST(test_blindness_is_no_good_news),
        TEST(test_it_is_told_again_after_hours),
        TEST(test_what_comes_and_goes_is_flapping),
        TEST(test_nothing_is_lost_while_nobody_listens),
        TEST(test_what_one_run_sends_no_other_gets),
        TEST(test_an_end_during_a_send_is_told),
        TEST(test_a_higher_severity_during_a_send_is_told),
        TEST(test_an_end_has_the_highest_severity_that_was_told),
        TEST(test_what_another_fault_explains_now_is_folded),
        TEST(test_receivers_do_not_hold_one_another_up),
        TEST(test_an_end_is_told_to_who_knows),
        TEST(test_what_is_held_goes_out_together),
        TEST(test_a_receiver_that_is_gone_has_an_heir),
        TEST(test_missing_runs_are_told_once),
        TEST(test_a_damaged_file_is_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
