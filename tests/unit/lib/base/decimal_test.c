#include "lib/base/decimal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* Compares with the C library, and checks that nothing beyond the room is touched. */
static void
check(uint64_t value)
{
    char expected[DECIMAL_ROOM], text[DECIMAL_ROOM + 1];
    int length = snprintf(expected, sizeof(expected), "%" PRIu64, value);
    text[DECIMAL_ROOM] = '#';
    char *end = decimal_store(text, value);
    assert_int_equal(end - text, length);
    assert_memory_equal(text, expected, (size_t)length);
    assert_int_equal(text[DECIMAL_ROOM], '#');
    assert_int_equal(decimal_digits(value), length);
}

static void
test_small_values(void **state)
{
    (void)state;
    for (uint64_t value = 0; value <= 100000; value++)
        check(value);
}

static void
test_around_powers(void **state)
{
    (void)state;
    uint64_t power = 1;
    for (int i = 0; i < DECIMAL_DIGITS_MAX; i++, power *= 10) {
        check(power - 1);
        check(power);
        check(power + 1);
        check(power * 9 + power / 7);
    }
    for (int bit = 0; bit < 64; bit++) {
        check((UINT64_C(1) << bit) - 1);
        check(UINT64_C(1) << bit);
    }
    check(UINT64_MAX);
}

/* Of every length, with every kind of digits. */
static void
test_many_values(void **state)
{
    (void)state;
    uint64_t word = 88172645463325252u;
    for (int i = 0; i < 500000; i++) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        check(word >> (i % 64));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_values),
        cmocka_unit_test(test_around_powers),
        cmocka_unit_test(test_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
