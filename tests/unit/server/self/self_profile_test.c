/* A process that profiles itself finds the function that it burns its time in. */
#include "server/self/self_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/pprof/decode.h"

__attribute__((noinline)) uint64_t self_test_burn(uint64_t rounds);
__attribute__((noinline)) uint64_t self_test_caller(int64_t cpu_ns);

uint64_t
self_test_burn(uint64_t rounds)
{
    volatile uint64_t value = 1;
    for (uint64_t i = 0; i < rounds; i++)
        value = value * 6364136223846793005u + i;
    return value;
}

/* Burns that much CPU time. */
uint64_t
self_test_caller(int64_t cpu_ns)
{
    struct timespec now;
    uint64_t sum = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    int64_t end_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + cpu_ns;
    do {
        sum += self_test_burn(100000);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec < end_ns);
    return sum;
}

typedef struct {
    int64_t total_ns, burn_ns;
    unsigned n_windows;
} Seen;

static bool
has_name(const Profile *profile, const ProfileSample *sample, const char *name)
{
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        const ProfileLocation *location =
            &profile->locations[profile->stack_locations[sample->first_location + i]];
        for (uint32_t k = 0; k < location->n_lines; k++) {
            uint32_t function = profile->lines[location->first_line + k].function;
            ProfileString text = profile->strings[profile->functions[function].name];
            if (text.length == strlen(name) && memcmp(text.data, name, text.length) == 0)
                return true;
        }
    }
    return false;
}

static void
on_window(const uint8_t *pprof, size_t size, void *data)
{
    Seen *seen = data;
    g_autoptr(Arena) arena = arena_new(16 * 1024 * 1024);
    PprofInput input = {.data = pprof, .size = size, .arena = arena};
    Profile profile;
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.n_sample_types, 1);
    for (uint32_t i = 0; i < profile.n_samples; i++) {
        seen->total_ns += profile.values[i];
        if (has_name(&profile, &profile.samples[i], "self_test_burn") &&
            has_name(&profile, &profile.samples[i], "self_test_caller") &&
            has_name(&profile, &profile.samples[i], "main"))
            seen->burn_ns += profile.values[i];
    }
    seen->n_windows++;
}

static void
test_the_busy_function_is_found(void **state)
{
    (void)state;
    Seen seen = {0};
    SelfProfileOptions options = {
        .window_ns = INT64_C(200000000), .func = on_window, .data = &seen};
    g_autoptr(GError) error = NULL;
    SelfProfile *self = self_profile_start(&options, &error);
    assert_null(error);
    assert_null(self_profile_start(&options, &error));
    assert_non_null(strstr(error->message, "already"));
    self_test_caller(INT64_C(1000000000));
    g_autoptr(GString) metrics = g_string_new(NULL);
    self_profile_write_metrics(self, metrics);
    assert_non_null(strstr(metrics->str, "\ncresset_self_profile_samples_total "));
    self_profile_stop(self);
    assert_true(seen.n_windows >= 1);
    /* All CPU time of the process is in the profile, and most of it is the burning. */
    assert_true(seen.total_ns >= INT64_C(900000000));
    assert_true(seen.burn_ns >= seen.total_ns / 2);
}

static void
test_it_can_be_started_again(void **state)
{
    (void)state;
    Seen seen = {0};
    SelfProfileOptions options = {.func = on_window, .data = &seen};
    for (int i = 0; i < 3; i++) {
        SelfProfile *self = self_profile_start(&options, NULL);
        assert_non_null(self);
        self_test_caller(INT64_C(100000000));
        self_profile_stop(self);
    }
    assert_int_equal(seen.n_windows, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_busy_function_is_found),
        cmocka_unit_test(test_it_can_be_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
