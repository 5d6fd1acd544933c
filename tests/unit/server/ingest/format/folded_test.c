#include "server/ingest/format/folded.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/read_back.h"

/* What becomes of a text, or of its error: then the result begins with "error ". */
static char *
read_text(const char *text, bool is_counted, const ProfileSource *source)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *copy = g_memdup2(text, strlen(text));
    if (folded_read(copy, strlen(text), is_counted, source, set, &error)) {
        assert_null(error);
        return read_back(set);
    }
    assert_int_equal(set->profiles->len, 0);
    return g_strconcat("error ", error->message, NULL);
}

static void
expect(const char *app, const char *text, bool is_counted, const char *expected)
{
    ProfileSource source = test_source(app);
    g_autofree char *got = read_text(text, is_counted, &source);
    assert_string_equal(got, expected);
}

static void
test_counted_stacks_become_time(void **state)
{
    (void)state;
    expect("shop", "main;work 2\nmain 1\r\n\nmain;work 3", true,
           "__name__=process_cpu service_name=shop\n"
           "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "main;work 50000000\n"
           "main 10000000\n");
    expect("shop", "", true, "");
    expect("shop", " \n\n", true, "");
    expect("shop", "main 0\n", true, "");
    /* A frame may hold spaces; empty frames are none. */
    expect("shop.cpu", ";operator new (void*);;f 1", true,
           "__name__=process_cpu service_name=shop\n"
           "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "operator new (void*);f 10000000\n");
}

static void
test_plain_lines_count_one_each(void **state)
{
    (void)state;
    expect("a.b.wall", "x;y\nx;y\nx y 3\n", false,
           "__name__=wall service_name=a.b\n"
           "wall:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "x;y 20000000\n"
           "x y 3 10000000\n");
}

#define CLOCK "nanoseconds per cpu:nanoseconds 10000000"

static void
test_suffixes_tell_what_is_counted(void **state)
{
    (void)state;
    static const struct {
        const char *suffix, *name, *type;
    } cases[] = {
        {"cpu", "process_cpu", "cpu:" CLOCK},
        {"itimer", "process_cpu", "cpu:" CLOCK},
        {"wall", "wall", "wall:" CLOCK},
        {"seconds", "wall", "wall:" CLOCK},
        {"milliseconds", "wall", "wall:" CLOCK},
        {"microseconds", "wall", "wall:" CLOCK},
        {"nanoseconds", "wall", "wall:" CLOCK},
        {"inuse_objects", "memory", "inuse_objects:count"},
        {"alloc_objects", "memory", "alloc_objects:count"},
        {"inuse_space", "memory", "inuse_space:bytes"},
        {"alloc_space", "memory", "alloc_space:bytes"},
        {"goroutines", "goroutine", "goroutines:count"},
        {"mutex_count", "mutex", "contentions:count"},
        {"mutex_duration", "mutex", "delay:nanoseconds"},
        {"block_count", "block", "contentions:count"},
        {"lock_count", "block", "contentions:count"},
        {"block_duration", "block", "delay:nanoseconds"},
        {"lock_duration", "block", "delay:nanoseconds"},
        {"alloc_in_new_tlab_objects", "memory", "alloc_in_new_tlab_objects:count"},
        {"alloc_outside_tlab_objects", "memory", "alloc_outside_tlab_objects:count"},
        {"alloc_in_new_tlab_bytes", "memory", "alloc_in_new_tlab_bytes:bytes"},
        {"alloc_outside_tlab_bytes", "memory", "alloc_outside_tlab_bytes:bytes"},
        {"live", "memory", "live:count"},
        {"exceptions", "exceptions", "samples:count"},
        {"bytes", "memory", "samples:bytes"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool is_clock = g_str_has_suffix(cases[i].type, CLOCK);
        g_autofree char *app = g_strconcat("app.", cases[i].suffix, NULL);
        g_autofree char *expected =
            g_strdup_printf("__name__=%s service_name=app\n%s at 7+3\nf %s\n", cases[i].name,
                            cases[i].type, is_clock ? "40000000" : "4");
        expect(app, "f 4", true, expected);
    }
    expect("shop.java", "f 4", true,
           "error unknown profile type: java; what is counted is told by the suffix of the "
           "application's name, as in app.cpu or app.alloc_space");
    expect("shop.", "f 4", true,
           "error unknown profile type: ; what is counted is told by the suffix of the "
           "application's name, as in app.cpu or app.alloc_space");
}

static void
test_a_rate_of_zero_leaves_counts(void **state)
{
    (void)state;
    ProfileSource source = test_source("app.wall");
    source.sample_rate = 0;
    g_autofree char *got = read_text("f 4", true, &source);
    assert_string_equal(got, "__name__=wall service_name=app\nsamples:count at 7+3\nf 4\n");
}

static void
test_errors_name_the_line(void **state)
{
    (void)state;
    expect("a", "f 1\nmain;work", true,
           "error line 2: a stack wants a space and a whole number behind it");
    expect("a", "f 1\ng -1", true,
           "error line 2: a stack wants a space and a whole number behind it");
    expect("a", "f 1.5", true, "error line 1: a stack wants a space and a whole number behind it");
    expect("a", "f 9223372036854775807", true,
           "error line 1: a count of 9223372036854775807 is too large");
}

static void
test_limits(void **state)
{
    (void)state;
    ProfileSource source = test_source("app");
    TenantLimits limits = TEST_LIMITS;
    source.limits = &limits;
    limits.stack_depth_max = 2;
    g_autofree char *cut = read_text("a;b;c;d 1", true, &source);
    assert_contains(cut, "\na;b 10000000\n");
    limits.samples_max = 2;
    g_autofree char *samples = read_text("a 1\nb 1\na 1\nc 1", true, &source);
    assert_contains(samples, "error line 4: ");
    assert_contains(samples, "max_profile_stacktrace_samples");
    limits.profile_bytes_max = 200;
    g_autofree char *name = g_strnfill(300, 'x');
    g_autofree char *long_name = g_strconcat(name, " 0", NULL);
    g_autofree char *size = read_text(long_name, true, &source);
    assert_contains(size, "max_profile_size_bytes");
}

static void
test_names_that_are_no_utf8_are_kept_readable(void **state)
{
    (void)state;
    ProfileSource source = test_source("app");
    g_autofree char *got = read_text("caf\xe9;g 1", true, &source);
    assert_contains(got, "\ncaf\xef\xbf\xbd;g 10000000\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted_stacks_become_time),
        cmocka_unit_test(test_plain_lines_count_one_each),
        cmocka_unit_test(test_suffixes_tell_what_is_counted),
        cmocka_unit_test(test_a_rate_of_zero_leaves_counts),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names_that_are_no_utf8_are_kept_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
