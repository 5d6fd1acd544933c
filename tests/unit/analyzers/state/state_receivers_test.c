/* Who is told, and when: receivers that are away, slow, new or gone. */
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/unit/analyzers/state/story.h"

static void
test_who_comes_later_hears_of_what_nobody_was_told(void **unused)
{
    (void)unused;
    story.are_none = true;
    story_run(MAP("other"), 0);
    story_run(POD("web", "settings"), MINUTE_S);
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("");
    story.are_none = false;
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("known web");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("");
}

static void
test_nothing_is_lost_while_nobody_listens(void **unused)
{
    (void)unused;
    StateReceiver health;
    story_run(MAP("other"), 0);
    story_run(POD("web", "settings"), 10 * MINUTE_S);
    for (int i = 0; i < 6; i++) {
        g_autoptr(GPtrArray) changes = state_outbox(story.state, "ops", story.now_s, NULL);
        assert_int_equal(changes->len, 1);
        assert_true(state_release(story.state, "ops", changes, story.now_s,
                                  story.now_s + 5 * MINUTE_S, NULL));
        assert_true(state_receiver(story.state, "ops", &health, NULL));
        assert_int_equal(health.failures, i + 1);
        assert_int_equal(health.retry_s, story.now_s + 5 * MINUTE_S);
        assert_int_equal(health.n_waiting, 1);
        story_run(POD("web", "settings"), 10 * MINUTE_S);
        story_reopen();
    }
    assert_int_equal(health.since_s, TEST_NOW_S + 10 * MINUTE_S);
    story_expect_told("new web");
    assert_true(state_receiver(story.state, "ops", &health, NULL));
    assert_int_equal(health.failures, 0);
    assert_int_equal(health.n_waiting, 0);
    story_run(POD("pay", "keys") POD("web", "settings"), MINUTE_S);
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("resolved pay"); /* nobody had heard of its beginning */
    story_expect_told("");
}

static void
test_what_one_run_sends_no_other_gets(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL;
    g_autoptr(State) other = state_open(story.path, &notice, NULL);
    story_run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) mine =
        state_claim(story.state, "ops", story.now_s, story.now_s + MINUTE_S, NULL);
    assert_int_equal(mine->len, 1);
    g_autoptr(GPtrArray) none =
        state_claim(other, "ops", story.now_s, story.now_s + MINUTE_S, NULL);
    assert_int_equal(none->len, 0);
    story.now_s += MINUTE_S;
    story_expect_told("known web"); /* the first one has ended without a word */
}

/* What happens while a message is on its way is told after it. */
static void
test_an_end_during_a_send_is_told(void **unused)
{
    (void)unused;
    story_run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) sent =
        state_claim(story.state, "ops", story.now_s, story.now_s + HOUR_S, NULL);
    story_run(MAP("other"), MINUTE_S);
    assert_true(state_delivered(story.state, "ops", sent, NULL));
    story_expect_told("resolved web");
}

static void
test_a_higher_severity_during_a_send_is_told(void **unused)
{
    (void)unused;
    story.severity = SEVERITY_MEDIUM;
    story_run(POD("web", "settings"), 0);
    g_autoptr(GPtrArray) sent =
        state_claim(story.state, "ops", story.now_s, story.now_s + HOUR_S, NULL);
    story.severity = SEVERITY_CRITICAL;
    story_run(POD("web", "settings"), MINUTE_S);
    assert_true(state_delivered(story.state, "ops", sent, NULL));
    story_expect_told("worse web");
}

/* Who heard of a grave fault hears of its end, also when it got milder before. */
static void
test_an_end_has_the_highest_severity_that_was_told(void **unused)
{
    (void)unused;
    story.severity = SEVERITY_HIGH;
    story_run(POD("web", "settings"), 0);
    story_expect_told("known web");
    story.severity = SEVERITY_LOW;
    story_run(POD("web", "settings"), MINUTE_S);
    story_run(MAP("other"), MINUTE_S);
    g_autoptr(GPtrArray) changes = state_outbox(story.state, "ops", story.now_s, NULL);
    assert_int_equal(changes->len, 1);
    assert_int_equal(((const Change *)changes->pdata[0])->severity, SEVERITY_HIGH);
    story_expect_told("resolved web");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told("again web"); /* which begins anew */
    story_run(MAP("other"), MINUTE_S);
    g_autoptr(GPtrArray) mild = state_outbox(story.state, "ops", story.now_s, NULL);
    assert_int_equal(mild->len, 1);
    assert_int_equal(((const Change *)mild->pdata[0])->severity, SEVERITY_LOW);
}

/* Each hears all of it once, whatever becomes of the other. */
static void
test_receivers_do_not_hold_one_another_up(void **unused)
{
    (void)unused;
    story.are_two = true;
    story_run(MAP("other"), 0);
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told_to("pay", "new web");
    story_run(POD("web", "settings"), MINUTE_S);
    story_expect_told_to("pay", "");
    story_run(MAP("other"), MINUTE_S);
    story_expect_told_to("pay", "resolved web");
    story_expect_told_to("ops", "resolved web");
}

/* Also when it is no longer for whom it was. */
static void
test_an_end_is_told_to_who_knows(void **unused)
{
    (void)unused;
    story.are_two = true;
    story_run(POD("web", "settings"), 0);
    story_expect_told_to("pay", "known web");
    story_expect_told_to("ops", "known web");
    story.are_two = false;
    story_run(POD("web", "settings") POD("new", "keys"), MINUTE_S);
    story_run(MAP("other"), MINUTE_S);
    story_expect_told_to("pay", "resolved web");
    story_expect_told_to("ops", "resolved web, resolved new");
    story_expect_told_to("pay", "");
}

static void
test_what_is_held_goes_out_together(void **unused)
{
    (void)unused;
    story.severity = SEVERITY_MEDIUM;
    story.hold_s = 8 * HOUR_S;
    story_run(MAP("other"), 0);
    story_run(POD("web", "a") POD("pay", "b") POD("idle", "c"), MINUTE_S);
    story.hold_s = 7 * HOUR_S;
    story_expect_told("");
    story_run(POD("pay", "b") POD("idle", "c"), HOUR_S);
    story_expect_told("");
    story.severity = SEVERITY_HIGH; /* what gets worse does not wait */
    story_run(POD("pay", "b"), MINUTE_S);
    story_expect_told("new pay");
    story_run(POD("pay", "b"), 9 * HOUR_S);
    story_expect_told("resolved web, resolved idle, reminder pay");
}

static void
test_a_receiver_that_is_gone_has_an_heir(void **unused)
{
    (void)unused;
    static const char *const names[] = {"ops", NULL}, *const none[] = {NULL};
    story.are_two = true;
    story_run(POD("web", "settings"), 0);
    story_expect_told_to("pay", "known web");
    story_run(POD("web", "settings") POD("idle", "keys"), MINUTE_S);
    assert_true(state_settle(story.state, names, "ops", NULL));
    story.are_two = false;
    story_expect_told_to("pay", "");
    story_expect_told("known web, new idle");
    story_run(MAP("other"), MINUTE_S);
    story_expect_told("resolved web, resolved idle");
    story_run(POD("web", "settings"), HOUR_S);
    assert_true(state_settle(story.state, none, NULL, NULL));
    story_expect_told("");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
    const struct CMUnitTest tests[] = {
        TEST(test_who_comes_later_hears_of_what_nobody_was_told),
        TEST(test_nothing_is_lost_while_nobody_listens),
        TEST(test_what_one_run_sends_no_other_gets),
        TEST(test_an_end_during_a_send_is_told),
        TEST(test_a_higher_severity_during_a_send_is_told),
        TEST(test_an_end_has_the_highest_severity_that_was_told),
        TEST(test_receivers_do_not_hold_one_another_up),
        TEST(test_an_end_is_told_to_who_knows),
        TEST(test_what_is_held_goes_out_together),
        TEST(test_a_receiver_that_is_gone_has_an_heir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
