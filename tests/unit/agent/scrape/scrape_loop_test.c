#include "agent/scrape/scrape_loop.h"

#include <string.h>

#include "agent/scrape/scrape_file.h"
#include "tests/harness/check.h"

#define S INT64_C(1000000)

/* A loop over one type of one target, found at 1000 s. */
static ScrapeLoop *
loop_of(const char *type)
{
    static const char text[] = "scrape_configs: [{job_name: app, targets: [{__address__: 'a:1'}]}]";
    g_autoptr(GPtrArray) jobs = scrape_file_parse(text, strlen(text), "f.yaml", NULL);
    ScrapeTarget *target = g_new0(ScrapeTarget, 1);
    target->job = scrape_job_ref(jobs->pdata[0]);
    target->profile = scrape_job_profile(target->job, type);
    target->labels = label_set_new();
    target->url = g_strdup("http://a:1/x");
    target->key = g_strdup("key");
    return scrape_loop_new(target, 1000 * S);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeLoop, scrape_loop_free)

static void
test_regular_scrapes(void **state)
{
    (void)state;
    g_autoptr(ScrapeLoop) loop = loop_of("memory");
    assert_non_null(loop->delta);
    assert_int_equal(loop->health, SCRAPE_HEALTH_UNKNOWN);
    int64_t last_us = 0;
    for (int i = 0; i < 5; i++) {
        int64_t now_us = loop->due_us;
        scrape_loop_begin(loop, now_us);
        assert_int_equal(loop->asked_seconds, 0);
        assert_false(
            scrape_loop_end(loop, i == 0 ? SCRAPE_FIRST : SCRAPE_OK, NULL, 0, now_us + 5000));
        assert_int_equal(loop->health, SCRAPE_HEALTH_UP);
        assert_int_equal(loop->duration_us, 5000);
        if (i > 1)
            assert_int_equal(now_us - last_us, 15 * S);
        last_us = now_us;
    }
}

static void
test_seconds_are_asked_for(void **state)
{
    (void)state;
    g_autoptr(ScrapeLoop) loop = loop_of("process_cpu");
    assert_null(loop->delta);
    int64_t first_us = loop->due_us;
    scrape_loop_begin(loop, first_us);
    /* The first one ends before the regular ones begin. */
    assert_true(loop->asked_seconds >= 1 &&
                first_us + loop->asked_seconds * S < loop->due_us + S / 2);
    scrape_loop_end(loop, SCRAPE_OK, NULL, 0, first_us + loop->asked_seconds * S);
    scrape_loop_begin(loop, loop->due_us);
    assert_int_equal(loop->asked_seconds, 14);
}

static void
test_one_retry_in_an_interval(void **state)
{
    (void)state;
    g_autoptr(ScrapeLoop) loop = loop_of("memory");
    scrape_loop_begin(loop, loop->due_us);
    int64_t now_us = loop->due_us, next_us = now_us + 15 * S;
    scrape_loop_begin(loop, now_us);
    assert_true(scrape_loop_end(loop, SCRAPE_REFUSED, g_strdup("no"), 0, now_us + 1000));
    assert_int_equal(loop->health, SCRAPE_HEALTH_DOWN);
    assert_string_equal(loop->error, "no");
    assert_true(loop->due_us > now_us + S && loop->due_us < next_us - S);
    now_us = loop->due_us;
    scrape_loop_begin(loop, now_us);
    assert_false(scrape_loop_end(loop, SCRAPE_REFUSED, g_strdup("no"), 0, now_us + 1000));
    assert_int_equal(loop->due_us, next_us);
    assert_int_equal(loop->n_failures, 2);
    /* In the next interval there is one again. */
    scrape_loop_begin(loop, next_us);
    assert_true(scrape_loop_end(loop, SCRAPE_HTTP_5XX, g_strdup("500"), 0, next_us + 1000));
    scrape_loop_begin(loop, loop->due_us);
    assert_false(scrape_loop_end(loop, SCRAPE_OK, NULL, 0, next_us + 5 * S));
    assert_int_equal(loop->n_failures, 0);
    assert_null(loop->error);
}

static void
test_what_is_not_tried_again(void **state)
{
    (void)state;
    static const ScrapeResult results[] = {SCRAPE_NOT_PROFILE, SCRAPE_TOO_LARGE, SCRAPE_BOMB,
                                           SCRAPE_HTTP_3XX, SCRAPE_EMPTY};
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        g_autoptr(ScrapeLoop) loop = loop_of("goroutine");
        int64_t now_us = loop->due_us;
        scrape_loop_begin(loop, now_us);
        assert_false(scrape_loop_end(loop, results[i], NULL, 0, now_us + 1));
    }
    /* Neither what asks for more time than there is. */
    g_autoptr(ScrapeLoop) loop = loop_of("goroutine");
    scrape_loop_begin(loop, loop->due_us);
    int64_t now_us = loop->due_us;
    scrape_loop_begin(loop, now_us);
    assert_false(scrape_loop_end(loop, SCRAPE_HTTP_4XX, NULL, 60 * 1000, now_us + 1));
    assert_int_equal(loop->due_us, now_us + 15 * S);
}

static void
test_absent_types_are_asked_for_ever_more_seldom(void **state)
{
    (void)state;
    g_autoptr(ScrapeLoop) loop = loop_of("goroutine");
    scrape_loop_begin(loop, loop->due_us);
    int64_t now_us = loop->due_us;
    static const int intervals[] = {1, 2, 4, 8, 16, 32, 40, 40};
    for (size_t i = 0; i < G_N_ELEMENTS(intervals); i++) {
        scrape_loop_begin(loop, now_us);
        assert_false(scrape_loop_end(loop, SCRAPE_HTTP_404, NULL, 0, now_us + 1));
        assert_int_equal(loop->health, SCRAPE_HEALTH_ABSENT);
        assert_int_equal((loop->due_us - now_us) / (15 * S), intervals[i]);
        now_us = loop->due_us;
    }
    scrape_loop_begin(loop, now_us);
    scrape_loop_end(loop, SCRAPE_OK, NULL, 0, now_us + 1);
    assert_int_equal(loop->due_us - now_us, 15 * S);
    assert_int_equal(loop->n_absent, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_scrapes),
        cmocka_unit_test(test_seconds_are_asked_for),
        cmocka_unit_test(test_one_retry_in_an_interval),
        cmocka_unit_test(test_what_is_not_tried_again),
        cmocka_unit_test(test_absent_types_are_asked_for_ever_more_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
