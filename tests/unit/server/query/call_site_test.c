#include "server/query/call_site.h"

#include "tests/harness/check.h"

/* One stack of one frame, whose name is `size` bytes. */
static uint8_t
mark_of(const char *bytes, uint32_t size, const char *name)
{
    const uint32_t offsets[] = {0, 0, size}, zeros[] = {0, 0};
    const SymbolLocation location = {.first_line = 1};
    const SymbolView symbols = {.string_bytes = bytes,
                                .string_offset = offsets,
                                .n_strings = 2,
                                .locations = &location,
                                .n_locations = 1,
                                .node_parent = zeros,
                                .node_location = zeros,
                                .n_nodes = 2};
    const char *const call_site[] = {name, NULL};
    g_autofree uint8_t *marks = call_site_mark(&symbols, NULL, call_site);
    return marks[1];
}

/* Names in profiles may hold NULs: they are compared whole, and nothing behind the end of the
 * other is looked at. */
static void
test_names_are_compared_whole(void **state)
{
    (void)state;
    static const char name[16] = "ab";
    assert_int_equal(mark_of("ab", 2, name), 1);
    assert_int_equal(mark_of("a", 1, name), 0);
    assert_int_equal(mark_of("abc", 3, name), 0);
    assert_int_equal(mark_of("ab\0cdef", 7, name), 0);
    assert_int_equal(mark_of("ab\0", 3, name), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
