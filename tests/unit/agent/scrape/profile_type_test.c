#include "agent/scrape/profile_type.h"

#include <string.h>

#include "agent/scrape/scrape_job.h"
#include "tests/harness/check.h"

/* Name, annotation, path, on by default, takes seconds, makes deltas: Alloy's table. */
static const struct {
    const char *name, *annotation, *path;
    bool is_on, takes_seconds, has_delta;
} wanted[] = {
    {"process_cpu", "cpu", "/debug/pprof/profile", true, true, false},
    {"memory", "memory", "/debug/pprof/allocs", true, false, true},
    {"goroutine", "goroutine", "/debug/pprof/goroutine", true, false, false},
    {"mutex", "mutex", "/debug/pprof/mutex", true, false, true},
    {"block", "block", "/debug/pprof/block", true, false, true},
    {"fgprof", "fgprof", "/debug/fgprof", false, true, false},
    {"godeltaprof_memory", "godeltaprof_memory", "/debug/pprof/delta_heap", false, false, false},
    {"godeltaprof_mutex", "godeltaprof_mutex", "/debug/pprof/delta_mutex", false, false, false},
    {"godeltaprof_block", "godeltaprof_block", "/debug/pprof/delta_block", false, false, false},
};

static void
test_types_are_those_of_alloy(void **state)
{
    (void)state;
    assert_int_equal(profile_types_count, G_N_ELEMENTS(wanted));
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const ProfileType *type = profile_type_find(wanted[i].name);
        assert_non_null(type);
        assert_string_equal(type->annotation, wanted[i].annotation);
        assert_string_equal(type->path, wanted[i].path);
        assert_int_equal(type->is_on, wanted[i].is_on);
        assert_int_equal(type->takes_seconds, wanted[i].takes_seconds);
        assert_int_equal(type->cumulative != NULL, wanted[i].has_delta);
    }
    assert_null(profile_type_find("heap"));
    /* inuse_* is what there is now. */
    const char *const *memory = profile_type_find("memory")->cumulative;
    assert_true(g_strv_contains(memory, "alloc_space") && g_strv_contains(memory, "alloc_objects"));
    assert_int_equal(g_strv_length((GStrv)memory), 2);
}

static void
test_a_job_has_their_defaults(void **state)
{
    (void)state;
    g_autoptr(ScrapeJob) job = scrape_job_new();
    job->name = g_strdup("app");
    assert_true(scrape_job_finish(job, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const ScrapeProfile *profile = scrape_job_profile(job, wanted[i].name);
        assert_string_equal(profile->path, wanted[i].path);
        assert_int_equal(profile->is_on, wanted[i].is_on);
        assert_int_equal(profile->takes_seconds, wanted[i].takes_seconds);
    }
    assert_int_equal(job->interval_us, 15 * G_USEC_PER_SEC);
    assert_int_equal(job->timeout_us, 10 * G_USEC_PER_SEC);
    assert_int_equal(job->seconds, 14);
    assert_string_equal(job->scheme, "http");
    assert_true(job->follows_redirects && job->uses_http2 && !job->tls_unchecked);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_are_those_of_alloy),
        cmocka_unit_test(test_a_job_has_their_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
