#include "agent/process/maps.h"

#include <string.h>
#include <unistd.h>

#include "agent/process/mapping.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"

static void
test_a_line_of_a_library(void **state)
{
    (void)state;
    char line[] = "7f1c2a000000-7f1c2a155000 r-xp 00028000 fe:01 131126                     "
                  "/usr/lib/libc name.so (deleted)";
    MapLine map;
    assert_true(maps_parse_line(line, &map));
    assert_true(map.start == 0x7f1c2a000000 && map.end == 0x7f1c2a155000);
    assert_true(map.file_offset == 0x28000);
    assert_int_equal(map.device, 0xfe << 20 | 1);
    assert_true(map.inode == 131126);
    assert_true(map.is_executable);
    assert_string_equal(map.path, "/usr/lib/libc name.so (deleted)");
}

static void
test_anonymous_and_special_lines(void **state)
{
    (void)state;
    char anonymous[] = "7ffff7d83000-7ffff7d86000 rw-p 00000000 00:00 0 ";
    char vdso[] = "7ffff7fc9000-7ffff7fcb000 r-xp 00000000 00:00 0                          [vdso]";
    MapLine map;
    assert_true(maps_parse_line(anonymous, &map));
    assert_false(map.is_executable);
    assert_string_equal(map.path, "");
    assert_true(maps_parse_line(vdso, &map));
    assert_string_equal(map.path, "[vdso]");
}

static void
test_nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "-",
        "7f-",
        "zz-7f r-xp 0 0:0 0",
        "2000-1000 r-xp 00000000 00:00 0",
        "1000-2000",
        "1000-2000 r-x",
        "1000-2000 r-xp",
        "1000-2000 r-xp 0000",
        "1000-2000 r-xp 00000000 00",
        "1000-2000 r-xp 00000000 00:00",
        "1000-2000 r-xp 00000000 00:00 x",
        "fffffffffffffffff-2 r-xp 00000000 00:00 0",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *line = g_strdup(lines[i]);
        MapLine map;
        assert_false(maps_parse_line(line, &map));
    }
}

static void
count_line(const MapLine *map, void *data)
{
    assert_true(map->is_executable);
    ++*(unsigned *)data;
}

static void
test_own_process_has_executable_mappings(void **state)
{
    (void)state;
    unsigned n = 0;
    g_autoptr(GError) error = NULL;
    assert_true(maps_read("/proc/self/maps", count_line, &n, &error));
    assert_true(n >= 3);
    assert_false(maps_read("/proc/0/maps", count_line, &n, &error));
    assert_int_equal(error->code, CRESSET_ERROR_NOT_FOUND);
}

static void
test_lists_replace_what_overlaps(void **state)
{
    (void)state;
    g_autoptr(GArray) empty = mapping_list_new();
    g_autoptr(GArray) one = mapping_list_insert(empty, &(Mapping){.start = 100, .end = 200});
    g_autoptr(GArray) two = mapping_list_insert(one, &(Mapping){.start = 300, .end = 400});
    g_autoptr(GArray) cut =
        mapping_list_insert(two, &(Mapping){.start = 150, .end = 350, .bias = 7});
    assert_int_equal(empty->len, 0);
    assert_int_equal(two->len, 2);
    assert_int_equal(cut->len, 3);
    assert_true(mapping_list_find(cut, 149)->end == 150);
    assert_true(mapping_list_find(cut, 150)->bias == 7);
    assert_true(mapping_list_find(cut, 349)->bias == 7);
    assert_true(mapping_list_find(cut, 350)->start == 350);
    assert_null(mapping_list_find(cut, 400));
    assert_null(mapping_list_find(cut, 99));
    g_autoptr(GArray) hole =
        mapping_list_insert(one, &(Mapping){.start = 120, .end = 130, .bias = 9});
    assert_int_equal(hole->len, 3);
    assert_true(mapping_list_find(hole, 125)->bias == 9);
    assert_true(mapping_list_find(hole, 130)->start == 130);
}

static void
test_lists_lose_ranges(void **state)
{
    (void)state;
    g_autoptr(GArray) list = mapping_list_new();
    assert_true(mapping_list_append(list, &(Mapping){.start = 100, .end = 200}));
    assert_false(mapping_list_append(list, &(Mapping){.start = 150, .end = 300}));
    assert_true(mapping_list_append(list, &(Mapping){.start = 200, .end = 300}));
    g_autoptr(GArray) holed = mapping_list_remove(list, 150, 250);
    assert_int_equal(holed->len, 2);
    assert_null(mapping_list_find(holed, 150));
    assert_null(mapping_list_find(holed, 249));
    assert_non_null(mapping_list_find(holed, 250));
    g_autoptr(GArray) none = mapping_list_remove(holed, 0, UINT64_MAX);
    assert_int_equal(none->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_of_a_library),
        cmocka_unit_test(test_anonymous_and_special_lines),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_own_process_has_executable_mappings),
        cmocka_unit_test(test_lists_replace_what_overlaps),
        cmocka_unit_test(test_lists_lose_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
