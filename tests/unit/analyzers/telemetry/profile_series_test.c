#include "analyzers/telemetry/profile_series.h"

#include <string.h>

#include "tests/harness/check.h"

static bool
read_text(const char *text, Arena *arena, ProfileSeriesList *list, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    return profile_series_read(body, arena, list, error);
}

static void
test_labels_of_series(void **state)
{
    (void)state;
    ProfileSeriesList list;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(read_text("{\"labelsSet\":[{\"labels\":[{\"name\":\"pod\",\"value\":\"web-1\"},"
                          "{\"name\":\"namespace\",\"value\":\"shop\"}]},{}]}",
                          arena, &list, NULL));
    assert_int_equal(list.n, 2);
    assert_string_equal(profile_series_label(&list.series[0], "pod"), "web-1");
    assert_string_equal(profile_series_label(&list.series[0], "namespace"), "shop");
    assert_string_equal(profile_series_label(&list.series[1], "pod"), "");
    assert_true(read_text("{}", arena, &list, NULL));
    assert_int_equal(list.n, 0);
}

static void
test_what_are_no_series_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "{\"labelsSet\":[", "<html>"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        ProfileSeriesList list;
        g_autoptr(GError) error = NULL;
        g_autoptr(Arena) arena = arena_new(1 << 20);
        assert_false(read_text(texts[i], arena, &list, &error));
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_of_series),
        cmocka_unit_test(test_what_are_no_series_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
