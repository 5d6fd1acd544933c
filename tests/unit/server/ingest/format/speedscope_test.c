#include "server/ingest/format/speedscope.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/read_back.h"

#define HEAD                                                                                       \
    "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","                         \
    "\"shared\":{\"frames\":[{\"name\":\"main\"},{\"name\":\"work\",\"line\":9},"                  \
    "{\"name\":\"idle\"}]},\"profiles\":["

static const char SAMPLED[] =
    "{\"type\":\"sampled\",\"name\":\"one\",\"unit\":\"%s\",\"startValue\":0,\"endValue\":4,"
    "\"samples\":[[0,1],[0],[0,1]],\"weights\":[1,2.5,1]}";

static const char EVENTED[] =
    "{\"type\":\"evented\",\"name\":\"two\",\"unit\":\"%s\",\"startValue\":1,\"endValue\":9,"
    "\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":1},{\"type\":\"O\",\"frame\":1,\"at\":2},"
    "{\"type\":\"C\",\"frame\":1,\"at\":5},{\"type\":\"C\",\"frame\":0,\"at\":5.5},"
    "{\"type\":\"O\",\"frame\":2,\"at\":6},{\"type\":\"C\",\"frame\":2,\"at\":7}]}";

/* Reads a file with these profiles; what was read is in *ret_text in any case. */
static char *
read_profiles(const char *app, const char *profiles, char **ret_text)
{
    ProfileSource source = test_source(app);
    g_autofree char *file = g_strconcat(HEAD, profiles, "]}", NULL);
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    bool ok = speedscope_read((const uint8_t *)file, strlen(file), &source, set, &error);
    assert_int_equal(ok, error == NULL);
    *ret_text = read_back(set);
    return ok ? NULL : g_strdup(error->message);
}

static void
expect(const char *app, const char *profiles, const char *expected)
{
    g_autofree char *text = NULL, *error = read_profiles(app, profiles, &text);
    if (error != NULL)
        fail_msg("%s", error);
    assert_string_equal(text, expected);
}

static void
test_sampled(void **state)
{
    (void)state;
    g_autofree char *seconds = g_strdup_printf(SAMPLED, "seconds");
    expect("shop", seconds,
           "__name__=process_cpu service_name=shop profile_name=one\n"
           "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "main;work:9 2000000000\n"
           "main 2500000000\n");
    g_autofree char *ms = g_strdup_printf(SAMPLED, "milliseconds");
    expect("shop.wall", ms,
           "__name__=wall service_name=shop profile_name=one\n"
           "wall:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "main;work:9 2000000\n"
           "main 2500000\n");
    g_autofree char *bytes = g_strdup_printf(SAMPLED, "bytes");
    expect("shop.alloc_space", bytes,
           "__name__=memory service_name=shop profile_name=one\n"
           "alloc_space:bytes at 7+3\n"
           "main;work:9 2\n"
           "main 3\n");
    /* Values without a unit count 100. */
    g_autofree char *none = g_strdup_printf(SAMPLED, "none");
    expect("shop.alloc_objects", none,
           "__name__=memory service_name=shop profile_name=one\n"
           "alloc_objects:count at 7+3\n"
           "main;work:9 200\n"
           "main 250\n");
}

static void
test_evented_counts_what_lies_between(void **state)
{
    (void)state;
    g_autofree char *profile = g_strdup_printf(EVENTED, "microseconds");
    expect("shop", profile,
           "__name__=process_cpu service_name=shop profile_name=two\n"
           "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "main 1500\n"
           "main;work:9 3000\n"
           "idle 1000\n");
}

static void
test_several_profiles_have_their_units_as_suffix(void **state)
{
    (void)state;
    g_autofree char *one = g_strdup_printf(SAMPLED, "bytes");
    g_autofree char *two = g_strdup_printf(EVENTED, "nanoseconds");
    g_autofree char *both = g_strconcat(one, ",", two, NULL);
    expect("shop", both,
           "__name__=memory service_name=shop profile_name=one\n"
           "samples:bytes at 7+3\n"
           "main;work:9 2\n"
           "main 3\n"
           "__name__=wall service_name=shop profile_name=two\n"
           "wall:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
           "main 2\n"
           "main;work:9 3\n"
           "idle 1\n");
}

/* The good profiles of a file are read even when others are wrong. */
static void
test_errors_name_profile_and_field(void **state)
{
    (void)state;
    static const struct {
        const char *profile, *error;
    } cases[] = {
        {"{}", "unit wants none, bytes"},
        {"{\"unit\":\"miles\"}", "unit wants none, bytes"},
        {"{\"unit\":\"none\"}", "type wants sampled or evented"},
        {"{\"unit\":\"none\",\"type\":\"sampled\"}", "samples wants a list"},
        {"{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[[0]],\"weights\":[]}",
         "weights wants one number"},
        {"{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[[3]],\"weights\":[1]}",
         "samples wants positions in shared.frames"},
        {"{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[[-1]],\"weights\":[1]}",
         "samples wants positions in shared.frames"},
        {"{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[[0]],\"weights\":[-1]}",
         "weights wants values that are not negative"},
        {"{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[[0]],\"weights\":[1e300]}",
         "weights wants values that are not negative"},
        {"{\"unit\":\"none\",\"type\":\"evented\",\"events\":[{\"type\":\"C\",\"frame\":0,\"at\":1}"
         "]}",
         "events wants the frame closed"},
        {"{\"unit\":\"none\",\"type\":\"evented\",\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":1}"
         "]}",
         "events wants every frame closed"},
        {"{\"unit\":\"none\",\"type\":\"evented\",\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":1}"
         ","
         "{\"type\":\"C\",\"frame\":0,\"at\":0}]}",
         "events wants numbers at which they happen"},
    };
    g_autofree char *good = g_strdup_printf(SAMPLED, "seconds");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *profiles = g_strconcat(cases[i].profile, ",", good, NULL);
        g_autofree char *text = NULL, *error = read_profiles("shop", profiles, &text);
        assert_contains(error, "profiles[0]: ");
        assert_contains(error, cases[i].error);
        assert_contains(text, "profile_name=one");
    }
}

static void
test_files_that_are_none(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    static const struct {
        const char *file, *error;
    } cases[] = {
        {"", "no valid JSON"},
        {"{\"a\":", "no valid JSON"},
        {"[]", "$schema wants"},
        {"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\"}",
         "shared.frames wants a list"},
        {HEAD "1", "no valid JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(ProfileSet) set = profile_set_new();
        g_autoptr(GError) error = NULL;
        const char *file = cases[i].file;
        assert_false(speedscope_read((const uint8_t *)file, strlen(file), &source, set, &error));
        assert_error_says(error, cases[i].error);
    }
    g_autofree char *text = NULL, *error = read_profiles("shop.java", "{\"unit\":\"none\"}", &text);
    assert_contains(error, "unknown profile type: java");
}

static void
test_the_number_of_values_is_limited(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    g_autoptr(GString) file = g_string_new(HEAD);
    for (size_t i = 0; i < 1024 * 1024; i++)
        g_string_append(file, "{},");
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    assert_false(speedscope_read((const uint8_t *)file->str, file->len, &source, set, &error));
    assert_error_says(error, "more than 1048576 JSON values");
}

static void
test_every_truncation_is_an_error(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    g_autofree char *profile = g_strdup_printf(EVENTED, "seconds");
    g_autofree char *file = g_strconcat(HEAD, profile, "]}", NULL);
    for (size_t size = 0; size < strlen(file); size++) {
        g_autoptr(ProfileSet) set = profile_set_new();
        g_autofree uint8_t *copy = g_memdup2(file, size);
        assert_false(speedscope_read(copy, size, &source, set, NULL));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_evented_counts_what_lies_between),
        cmocka_unit_test(test_several_profiles_have_their_units_as_suffix),
        cmocka_unit_test(test_errors_name_profile_and_field),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_the_number_of_values_is_limited),
        cmocka_unit_test(test_every_truncation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
