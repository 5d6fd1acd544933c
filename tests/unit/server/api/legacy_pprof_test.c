#include "server/api/legacy_pprof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pprof/encode.h"

static void
expect_name(const char *const *types, const char *config, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name =
        legacy_pprof_name(types, config, config != NULL ? strlen(config) : 0, &error);
    if (expected == NULL) {
        assert_null(name);
        assert_non_null(strstr(error->message, "sample_type_config"));
    } else {
        assert_string_equal(name, expected);
    }
}

static void
test_names_by_sample_types(void **state)
{
    (void)state;
    static const char *const
        cpu[] = {"samples", "cpu", NULL},
        *const wall[] = {"cpu", "wall", NULL},
        *const heap[] = {"alloc_objects", "alloc_space", NULL},
        *const delay[] = {"contentions", "delay", NULL}, *const goroutine[] = {"goroutine", NULL},
        *const samples[] = {"samples", NULL}, *const inuse[] = {"inuse_space", NULL},
        *const space[] = {"objects", "space", NULL}, *const custom[] = {"apples", "pears", NULL};
    expect_name(cpu, NULL, "process_cpu");
    expect_name(wall, NULL, "wall");
    expect_name(heap, NULL, "memory");
    expect_name(delay, NULL, "mutex");
    expect_name(goroutine, NULL, "goroutines");
    expect_name(samples, NULL, "process_cpu");
    expect_name(inuse, NULL, "memory");
    expect_name(space, NULL, "memory");
    expect_name(custom, NULL, "pears");
    expect_name(delay, "{\"contentions\":{\"display-name\":\"block_count\"}}", "block");
    expect_name(delay, "{\"delay\":{\"display-name\":\"mutex_duration\"}}", "mutex");
    expect_name(wall, "{\"wall\":{\"display-name\":\"cpu\"}}", "wall");
    /* With a configuration, a type that it does not name is called as it is. */
    expect_name(goroutine, "{}", "goroutine");
    expect_name(samples, "{\"cpu\":{\"display-name\":\"cpu\"}}", "samples");
    expect_name(custom, "{\"pears\":{\"display-name\":\"plums\"}}", "plums");
    expect_name(cpu, "{}", "process_cpu");
    expect_name(cpu, "[]", NULL);
    expect_name(cpu, "{", NULL);
}

static void
test_sample_types_and_time_are_found(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "samples", "count");
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_time(builder, 123456789, 1000);
    g_autoptr(GByteArray) pprof = pprof_builder_finish(builder);
    int64_t time_ns = 0;
    g_auto(GStrv) types = legacy_pprof_sample_types(pprof->data, pprof->len, &time_ns, NULL);
    assert_non_null(types);
    assert_string_equal(types[0], "samples");
    assert_string_equal(types[1], "cpu");
    assert_null(types[2]);
    assert_int_equal(time_ns, 123456789);
}

static void
test_damaged_profiles_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x0a\x05\x08", 3},             /* a sample type that is cut */
        {"\x0a\x02\x08\x07", 4},         /* its type is string 7 of none */
        {"\x0b", 1},                     /* a group */
        {"\x32\xff\xff\xff\xff\x0f", 6}, /* a string longer than the message */
        {"plain text", 10},
        {"", 0},             /* no sample type */
        {"\x32\x00xxxx", 6}, /* likewise: a string, and fields that are not known */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        int64_t time_ns = -1;
        assert_null(legacy_pprof_sample_types((const uint8_t *)bad[i].bytes, bad[i].size, &time_ns,
                                              &error));
        assert_non_null(error);
        assert_int_equal(time_ns, -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_by_sample_types),
        cmocka_unit_test(test_sample_types_and_time_are_found),
        cmocka_unit_test(test_damaged_profiles_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
