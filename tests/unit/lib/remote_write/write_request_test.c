#include "lib/remote_write/write_request.h"

#include <snappy-c.h>

#include "tests/harness/check.h"

static void
expect_message(const WriteRequest *request, const uint8_t *expected, size_t n_expected)
{
    g_autoptr(GBytes) body = write_request_encode(request);
    gsize size;
    const char *data = g_bytes_get_data(body, &size);
    char plain[256];
    size_t n = sizeof plain;
    assert_int_equal(snappy_uncompress(data, size, plain, &n), SNAPPY_OK);
    assert_int_equal(n, n_expected);
    assert_memory_equal(plain, expected, n);
}

static void
test_the_message_is_what_prometheus_expects(void **state)
{
    (void)state;
    static const uint8_t expected[] =
        {
            0x0a, 0x40, /* first series */
            0x0a, 0x17, 0x0a, 8,    '_',  '_',  'n',  'a', 'm', 'e',  '_',  '_',
            0x12, 11,   'p',  'r',  'o',  'f',  'i',  'l', 'e', '_',  'c',  'p',
            'u',  0x0a, 0x13, 0x0a, 12,   's',  'e',  'r', 'v', 'i',  'c',  'e',
            '_',  'n',  'a',  'm',  'e',  0x12, 3,    'a', 'p', 'i',              /* its labels */
            0x12, 0x10, 0x09, 0,    0,    0,    0,    0,   0,   0xf8, 0x3f, 0x10, /* 1.5 */
            0xfb, 0xd0, 0x95, 0xff, 0xbc, 0x31,                                   /* its time */
            0x0a, 0x16,                                         /* second series */
            0x0a, 0x07, 0x0a, 2,    'u',  'p',  0x12, 1,   '1', /* its label */
            0x12, 0x0b, 0x09, 0,    0,    0,    0,    0,   0,   0,    0,    0x10, /* 0 */
            0x01,                                                                 /* its time */
        };
    g_autoptr(WriteRequest) request = write_request_new();
    write_request_label(request, "__name__", "profile_cpu");
    write_request_label(request, "service_name", "api");
    write_request_sample(request, 1.5, 1700000000123);
    write_request_label(request, "up", "1");
    write_request_sample(request, 0, 1);
    expect_message(request, expected, sizeof expected);
}

static void
test_without_series_it_is_empty(void **state)
{
    (void)state;
    g_autoptr(WriteRequest) request = write_request_new();
    expect_message(request, (const uint8_t *)"", 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_message_is_what_prometheus_expects),
        cmocka_unit_test(test_without_series_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
