#include "agent/scrape/schedule.h"

#include "tests/harness/check.h"

#define S INT64_C(1000000)

static uint32_t
hash_of(uint32_t i)
{
    return i * 0x9e3779b9u; /* even over all of 32 bits */
}

static void
test_phases_fill_the_interval(void **state)
{
    (void)state;
    enum { N = 1500 };
    int per_second[15] = {0};
    for (uint32_t i = 0; i < N; i++) {
        Schedule schedule = schedule_make(15 * S, 0, hash_of(i));
        assert_true(schedule.phase_us >= 0 && schedule.phase_us < 15 * S);
        per_second[schedule.phase_us / S]++;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(per_second); i++)
        assert_in_range(per_second[i], N / 15 - 10, N / 15 + 10);
    assert_true(schedule_make(15 * S, 0, G_MAXUINT32).phase_us < 15 * S);
}

static void
test_moments_are_an_interval_apart(void **state)
{
    (void)state;
    const Schedule schedule = {.interval_us = 15 * S, .phase_us = 4 * S};
    assert_int_equal(schedule_next(&schedule, 0), 4 * S);
    assert_int_equal(schedule_next(&schedule, 4 * S - 1), 4 * S);
    assert_int_equal(schedule_next(&schedule, 4 * S), 19 * S);
    assert_int_equal(schedule_next(&schedule, 100 * S), 109 * S);
}

/* Whenever a target is found, and whatever its hash: soon, and the regular ones follow. */
static void
test_the_first_scrape_is_soon(void **state)
{
    (void)state;
    static const int64_t intervals[] = {2 * S, 5 * S, 15 * S, 60 * S, 3600 * S};
    for (size_t i = 0; i < G_N_ELEMENTS(intervals); i++) {
        int64_t interval_us = intervals[i], latest_us = MIN(interval_us / 3, 5 * S);
        /* A regular moment may be near enough to wait for. */
        latest_us += MAX(interval_us / 4, 2 * S);
        for (uint32_t j = 0; j < 200; j++) {
            Schedule schedule = schedule_make(interval_us, 0, hash_of(j));
            int64_t now_us = 1000 * S + j * 77777;
            int64_t first_us = schedule_first(&schedule, now_us, hash_of(j));
            int64_t next_us = schedule_next(&schedule, first_us);
            assert_true(first_us >= now_us && first_us <= now_us + latest_us);
            assert_true(next_us - first_us >= MIN(2 * S, interval_us));
        }
    }
}

static void
test_seconds_fit_before_the_next_scrape(void **state)
{
    (void)state;
    const Schedule schedule = {.interval_us = 15 * S, .phase_us = 0, .seconds = 14};
    assert_int_equal(schedule_seconds(&schedule, 30 * S), 14);
    assert_int_equal(schedule_seconds(&schedule, 30 * S + 20000), 14); /* a little late */
    assert_int_equal(schedule_seconds(&schedule, 35 * S), 9);
    assert_int_equal(schedule_seconds(&schedule, 44 * S), 1);
    const Schedule shorter = {.interval_us = 60 * S, .phase_us = 0, .seconds = 10};
    assert_int_equal(schedule_seconds(&shorter, 60 * S), 10);
    const Schedule none = {.interval_us = 15 * S, .phase_us = 0};
    assert_int_equal(schedule_seconds(&none, 30 * S), 0);
}

static void
test_a_retry_is_within_the_interval(void **state)
{
    (void)state;
    const Schedule schedule = {.interval_us = 15 * S, .phase_us = 0};
    for (double chance = 0; chance < 1; chance += 0.1) {
        int64_t retry_us = schedule_retry(&schedule, 30 * S, chance);
        assert_in_range(retry_us, 31 * S + S / 2, 35 * S);
    }
    assert_true(schedule_retry(&schedule, 30 * S, 0) != schedule_retry(&schedule, 30 * S, 0.5));
    assert_int_equal(schedule_retry(&schedule, 44 * S, 0), -1);
    /* A second of profiling has to fit. */
    const Schedule timed = {.interval_us = 15 * S, .phase_us = 0, .seconds = 14};
    assert_true(schedule_retry(&timed, 30 * S, 0.5) > 0);
    assert_int_equal(schedule_retry(&timed, 42 * S, 0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_fill_the_interval),
        cmocka_unit_test(test_moments_are_an_interval_apart),
        cmocka_unit_test(test_the_first_scrape_is_soon),
        cmocka_unit_test(test_seconds_fit_before_the_next_scrape),
        cmocka_unit_test(test_a_retry_is_within_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
