#include "lib/base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/harness/check.h"

/* Standard error is a file while a test writes; here is what was written. */
typedef struct {
    int saved, file;
} Capture;

static Capture
capture_begin(void)
{
    char path[] = "/tmp/cresset-log-XXXXXX";
    Capture capture = {.saved = dup(STDERR_FILENO), .file = mkstemp(path)};
    assert_true(capture.saved >= 0 && capture.file >= 0);
    (void)unlink(path);
    (void)dup2(capture.file, STDERR_FILENO);
    return capture;
}

static char *
capture_end(Capture *capture)
{
    (void)dup2(capture->saved, STDERR_FILENO);
    (void)close(capture->saved);
    off_t size = lseek(capture->file, 0, SEEK_END);
    char *text = g_malloc0((gsize)size + 1);
    assert_int_equal(pread(capture->file, text, (size_t)size, 0), size);
    (void)close(capture->file);
    return text;
}

static size_t
count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static void
test_text_line_has_time_level_module_text(void **state)
{
    (void)state;
    log_init(G_LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    Capture capture = capture_begin();
    g_warning("disk is %d %% full\nsecond line", 93);
    g_autofree char *text = capture_end(&capture);
    assert_true(g_regex_match_simple(
        "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z warning log_test "
        "disk is 93 % full\\\\nsecond line\n$",
        text, 0, 0));
}

static void
test_json_line_is_one_object(void **state)
{
    (void)state;
    log_init(G_LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    Capture capture = capture_begin();
    g_log_structured("api", G_LOG_LEVEL_INFO, "TENANT", "team \"a\"", "MESSAGE", "took\t%d ms", 12);
    g_autofree char *text = capture_end(&capture);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(object, "module")), "api");
    assert_string_equal(json_string_value(json_object_get(object, "message")), "took\t12 ms");
    assert_string_equal(json_string_value(json_object_get(object, "tenant")), "team \"a\"");
    assert_int_equal(strlen(json_string_value(json_object_get(object, "time"))), 24);
    json_decref(object);
}

static void
test_messages_below_the_level_are_dropped(void **state)
{
    (void)state;
    log_init(G_LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    Capture capture = capture_begin();
    g_debug("no");
    g_info("no");
    g_message("no");
    g_warning("yes");
    g_autofree char *text = capture_end(&capture);
    assert_int_equal(count(text, "\n"), 1);
    assert_contains(text, "yes");
}

static void
cut_site(size_t times)
{
    for (size_t i = 0; i < times; i++)
        g_info("one site");
}

/* Waits until the clock that the limit uses is in another second. */
static void
wait_for_next_second(void)
{
    int64_t second = g_get_monotonic_time() / G_USEC_PER_SEC;
    while (g_get_monotonic_time() / G_USEC_PER_SEC == second)
        g_usleep(1000);
}

static void
test_a_chatty_site_is_cut_and_says_so(void **state)
{
    (void)state;
    log_init(G_LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    Capture capture = capture_begin();
    cut_site(50000);
    wait_for_next_second();
    cut_site(1);
    g_info("another site speaks freely");
    g_autofree char *text = capture_end(&capture);
    assert_contains(text, "such lines left out)");
    assert_contains(text, "another site speaks freely");
    assert_true(count(text, "one site") < 1000);
}

static void
test_levels_are_parsed(void **state)
{
    (void)state;
    GLogLevelFlags level = 0;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, G_LOG_LEVEL_DEBUG);
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, G_LOG_LEVEL_CRITICAL);
    assert_false(log_level_parse("fatal", &level));
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, G_LOG_LEVEL_CRITICAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_line_has_time_level_module_text),
        cmocka_unit_test(test_json_line_is_one_object),
        cmocka_unit_test(test_messages_below_the_level_are_dropped),
        cmocka_unit_test(test_a_chatty_site_is_cut_and_says_so),
        cmocka_unit_test(test_levels_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
