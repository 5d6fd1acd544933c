#include "server/http/http2_memory.h"

#include <stdint.h>
#include <string.h>

#include "tests/harness/check.h"

enum { FRAME_BUFFER = 16384 + 10, TABLE = 4096 };

static void
test_the_buffer_goes_and_comes_back(void **state)
{
    (void)state;
    Http2Memory memory = {0};
    nghttp2_mem mem = http2_memory_functions(&memory);
    char *buffer = mem.realloc(NULL, FRAME_BUFFER, mem.mem_user_data);
    assert_ptr_equal(memory.frames.data, buffer);
    assert_int_equal((uintptr_t)buffer % 4096, 0);
    memset(buffer, 'x', FRAME_BUFFER);
    http2_memory_rest(&memory);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(buffer[FRAME_BUFFER - 1], 0);
    memset(buffer, 'y', FRAME_BUFFER); /* still its own */

    char *second = mem.malloc(FRAME_BUFFER, mem.mem_user_data);
    memset(second, 'z', FRAME_BUFFER);
    http2_memory_rest(&memory);
    assert_int_equal(second[FRAME_BUFFER - 1], 'z');
    mem.free(buffer, mem.mem_user_data);
    assert_null(memory.frames.data);
    http2_memory_rest(&memory);
    assert_int_equal(second[0], 'z');
    mem.free(second, mem.mem_user_data);
}

static void
test_a_table_with_something_in_it_stays(void **state)
{
    (void)state;
    Http2Memory memory = {0};
    nghttp2_mem mem = http2_memory_functions(&memory);
    char *table = mem.calloc(TABLE / 16, 16, mem.mem_user_data);
    assert_ptr_equal(memory.table.data, table);
    for (int i = 0; i < TABLE; i++)
        assert_int_equal(table[i], 0);
    table[TABLE - 1] = 7;
    http2_memory_rest(&memory);
    assert_int_equal(table[TABLE - 1], 7);
    table[TABLE - 1] = 0;
    http2_memory_rest(&memory);
    for (int i = 0; i < TABLE; i++)
        assert_int_equal(table[i], 0);
    table = mem.realloc(table, (size_t)2 * TABLE, mem.mem_user_data);
    assert_null(memory.table.data);
    mem.free(table, mem.mem_user_data);
}

static void
test_others_are_left_alone(void **state)
{
    (void)state;
    Http2Memory memory = {0};
    nghttp2_mem mem = http2_memory_functions(&memory);
    char *small = mem.malloc(100, mem.mem_user_data),
         *zeros = mem.calloc(10, 10, mem.mem_user_data);
    assert_null(memory.frames.data);
    assert_null(memory.table.data);
    assert_null(mem.calloc(SIZE_MAX / 2, 3, mem.mem_user_data));
    mem.free(small, mem.mem_user_data);
    mem.free(zeros, mem.mem_user_data);
    mem.free(NULL, mem.mem_user_data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_buffer_goes_and_comes_back),
        cmocka_unit_test(test_a_table_with_something_in_it_stays),
        cmocka_unit_test(test_others_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
