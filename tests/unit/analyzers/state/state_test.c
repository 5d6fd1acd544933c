/* What of a story over several runs is told. */
#include <string.h>

#include "tests/harness/check.h"
#include "tests/unit/analyzers/state/story.h"

/* One that finds no pods. */
#define SERVICE(name)                                                                              \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: shop, name: " name ", creationTimestamp: '2026-01-01T00:00:00Z'}\n"     \
    "spec: {selector: {app: web}, ports: [{port: 80}]}\n"

static void
test_a_fault_is_told_once_and_its_end_once(void **unused)
{
    (void)unused;
    story_run(MAP("other"), 0);
    story_expect_told("");
    story_run(POD("web", "settings"), 10 * MINUTE_S);
    story_expect_told("new web");
    for (int i = 0; i < 100; i++) {
        story_run(POD("web", "settings"), 3 * MINUTE_S);
        story_reopen();
        story_expect_told("");
    }
    story_run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
    story_expect_told(""); /* one quiet run is no proof */
    story_run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
    story_expect_told("resolved web");
    for (int i = 0; i < 100; i++) {
        story_run(POD("web", "settings") MAP("settings"), 3 * MINUTE_S);
        story_expect_told("");
    }
}

/* A note is told with its incident and makes no other one of it. */
static void
test_a_note_goes_with_its_incident(void **unused)
{
    (void)unused;
    g_autoptr(GError) error = NULL;
    story_run(MAP("other"), 0);
    story.note = "It lacks its settings.";
    story_run(POD("web", "settings"), MINUTE_S);
    story.note = NULL;
    g_autoptr(GPtrArray) changes = state_outbox(story.state, "ops", story.now_s, &error);
    assert_no_error(error);
    assert_int_equal(changes->len, 1);
    assert_string_equal(((const Change *)changes->pdata[0])->note, "It lacks its settings.");
    story_expect_told("new web");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("");
    g_autoptr(GPtrArray) open = state_list_open(story.state, &error);
    assert_no_error(error);
    assert_int_equal(open->len, 1);
    assert_string_equal(((const Change *)open->pdata[0])->note, "");
}

static void
test_what_was_there_before_is_known(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    story_run(POD("web", "settings") POD("pay", "keys"), MINUTE_S);
    story_expect_told("new pay");
}

static void
test_an_object_that_is_gone_ends_at_once(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    story_run(MAP("other"), MINUTE_S);
    story_expect_told("resolved web");
}

/* What else its check could not see does not matter. */
static void
test_an_object_that_is_gone_ends_whatever_else_is_unknown(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings") POD("pay", "keys"), 0);
    story_expect_told("known pay, known web");
    story_run_failing(POD("pay", "keys"), MINUTE_S, KIND_CONFIG_MAP);
    story_expect_told("new kubernetes, resolved web");
}

/* Services of Knative are of another kind that has the same name. */
static void
test_an_object_that_is_gone_ends_whatever_shares_its_kinds_name(void **unused)
{
    (void)unused;
    story_run(SERVICE("web"), 0);
    story_expect_told("known web");
    story_run_failing(MAP("other"), MINUTE_S, KIND_KNATIVE_SERVICE);
    story_expect_told("new kubernetes, resolved web");
}

static void
test_a_kind_that_is_not_known_has_lost_nothing(void **unused)
{
    (void)unused;
    story_run(SERVICE("web"), 0);
    story_expect_told("known web");
    story_run_failing(MAP("other"), HOUR_S, KIND_SERVICE);
    story_expect_told("new kubernetes");
}

static void
test_blindness_is_no_good_news(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    for (int i = 0; i < 6; i++) {
        story_run_failing(POD("web", "settings"), HOUR_S, KIND_CONFIG_MAP);
        story_expect_told(i == 0 ? "new kubernetes" : ""); /* that it is blind, and nothing else */
    }
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("reminder web");
}

static void
test_it_is_told_again_after_hours(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    story_run(POD("web", "settings"), 6 * HOUR_S - MINUTE_S);
    story_expect_told("");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("reminder web");
    story_run(POD("web", "settings"), HOUR_S);
    story_expect_told("");
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
    story_run(MAP("other"), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        story_run(POD("web", "settings"), 5 * MINUTE_S);
        story_expect_told(wanted[i][0]);
        story_run(MAP("other"), 5 * MINUTE_S);
        story_expect_told(wanted[i][1]);
    }
    story_run(POD("web", "settings"), 12 * HOUR_S);
    story_expect_told("new web, new cresset-analyzer"); /* which did not run for long */
}

static void
test_what_another_fault_explains_now_is_folded(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    story.are_folded = true;
    story_run(POD("web", "settings"), STATE_QUIET_S);
    story_expect_told("folded web");
    story_run(POD("web", "settings"), STATE_QUIET_S);
    story_expect_told("");
}

static void
test_missing_runs_are_told_once(void **unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++)
        story_run(MAP("other"), 10 * MINUTE_S);
    story_run(MAP("other"), 19 * MINUTE_S); /* one of them may be late */
    story_expect_told("");
    story_run(MAP("other"), 65 * MINUTE_S);
    g_autoptr(GPtrArray) changes = state_outbox(story.state, "ops", story.now_s, NULL);
    assert_int_equal(changes->len, 1);
    const Change *change = changes->pdata[0];
    assert_string_equal(change->check, "analyzer-late");
    assert_contains(change->title, "from 2026-01-01 13:19 to 2026-01-01 14:24 UTC");
    assert_contains(change->cause, "about every 10 min");
    story_expect_told("new cresset-analyzer");
    for (int i = 0; i < 3; i++) {
        story_run(MAP("other"), 10 * MINUTE_S);
        story_expect_told("");
    }
}

static void
test_a_damaged_file_is_set_aside(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL, *text = g_strnfill(9000, 'x');
    story_run(POD("web", "settings"), 0);
    state_close(g_steal_pointer(&story.state));
    assert_true(g_file_set_contents(story.path, text, -1, NULL));
    story.state = state_open(story.path, &notice, NULL);
    assert_non_null(story.state);
    assert_contains(notice, ".corrupt-");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("known web"); /* not as news */
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_fault_is_told_once_and_its_end_once),
        TEST(test_a_note_goes_with_its_incident),
        TEST(test_what_was_there_before_is_known),
        TEST(test_an_object_that_is_gone_ends_at_once),
        TEST(test_an_object_that_is_gone_ends_whatever_else_is_unknown),
        TEST(test_an_object_that_is_gone_ends_whatever_shares_its_kinds_name),
        TEST(test_a_kind_that_is_not_known_has_lost_nothing),
        TEST(test_blindness_is_no_good_news),
        TEST(test_it_is_told_again_after_hours),
        TEST(test_what_comes_and_goes_is_flapping),
        TEST(test_what_another_fault_explains_now_is_folded),
        TEST(test_missing_runs_are_told_once),
        TEST(test_a_damaged_file_is_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
