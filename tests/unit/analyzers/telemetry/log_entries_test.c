#include "analyzers/telemetry/log_entries.h"

#include <string.h>

#include "tests/harness/check.h"

static bool
read_text(const char *text, Arena *arena, LogEntries *entries, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    return log_entries_read(body, arena, entries, error);
}

/* Streams are sorted each for itself, the newest first when asked backward. */
static void
test_streams_are_merged_by_time(void **state)
{
    (void)state;
    LogEntries entries;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(
        read_text("{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":["
                  "{\"stream\":{\"pod\":\"a\"},\"values\":[[\"1767268800000000003\",\"third\\n\"],"
                  "[\"1767268800000000001\",\"first\"]]},"
                  "{\"stream\":{},\"values\":[[\"1767268800000000002\",\"second\","
                  "{\"structuredMetadata\":{\"pod\":\"b\"}}]]}],\"stats\":{}}}",
                  arena, &entries, NULL));
    assert_int_equal(entries.n, 3);
    assert_true(entries.entries[2].time_ns == 1767268800000000003);
    g_autofree char *text = log_entries_text(&entries);
    assert_string_equal(text, "first\nsecond\nthird\n");
}

static void
test_no_lines(void **state)
{
    (void)state;
    LogEntries entries;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(
        read_text("{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[]}}",
                  arena, &entries, NULL));
    assert_int_equal(entries.n, 0);
    g_autofree char *text = log_entries_text(&entries);
    assert_string_equal(text, "");
}

#define STREAM(values)                                                                             \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[{\"stream\":{},"     \
    "\"values\":" values "}]}}"

static void
test_what_are_no_lines_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "parse error at line 1, col 2: syntax error",
        "{}",
        "{\"status\":\"error\",\"error\":\"no\"}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":{}}}",
        STREAM("[[\"1\"]]"),
        STREAM("[[\"x\",\"line\"]]"),
        STREAM("[[\"99999999999999999999\",\"line\"]]"),
        STREAM("[[\"1\",{}]]"),
        STREAM("[[1,\"line\"]]"),
        STREAM("[\"line\"]"),
        STREAM("[[\"1\",\"li")};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        LogEntries entries;
        g_autoptr(GError) error = NULL;
        g_autoptr(Arena) arena = arena_new(1 << 20);
        assert_false(read_text(texts[i], arena, &entries, &error));
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_are_merged_by_time),
        cmocka_unit_test(test_no_lines),
        cmocka_unit_test(test_what_are_no_lines_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
