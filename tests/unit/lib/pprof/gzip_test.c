#include "lib/pprof/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "lib/base/error.h"

enum { TEXT_SIZE = 100000, ZEROS_SIZE = 8 * 1024 * 1024 };

static GByteArray *
make_text(void)
{
    GByteArray *text = g_byte_array_new();
    for (uint32_t i = 0; text->len < TEXT_SIZE; i++) {
        g_autofree char *line = g_strdup_printf("line %u\n", i * 2654435761u);
        g_byte_array_append(text, (const uint8_t *)line, strlen(line));
    }
    return text;
}

static void
assert_same(const GByteArray *a, const GByteArray *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

static void
test_round_trip(void **state)
{
    (void)state;
    g_autoptr(GByteArray) text = make_text();
    for (int level = 1; level <= 12; level += 5) {
        g_autoptr(GByteArray) packed = gzip_compress(text->data, text->len, level);
        assert_true(packed->len < text->len);
        assert_int_equal(gzip_detect(packed->data, packed->len), GZIP_GZIP);
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) back = gzip_decompress(packed->data, packed->len, text->len, &error);
        assert_null(error);
        assert_same(back, text);
    }
}

static void
test_frames_of_zstd_are_one_stream(void **state)
{
    (void)state;
    g_autoptr(GByteArray) text = make_text();
    g_autoptr(GByteArray) packed = zstd_compress(text->data, text->len, 1);
    g_autoptr(GByteArray) empty = zstd_compress(NULL, 0, 1);
    assert_true(packed->len < text->len);
    assert_int_equal(gzip_detect(packed->data, packed->len), GZIP_ZSTD);
    g_byte_array_append(empty, packed->data, packed->len);
    g_autoptr(GByteArray) back = gzip_decompress(empty->data, empty->len, text->len, NULL);
    assert_non_null(back);
    assert_same(back, text);
}

static void
test_plain_is_left_alone(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(gzip_decompress((const uint8_t *)"\x0a\x04", 2, 100, &error));
    assert_null(error);
    assert_null(gzip_decompress(NULL, 0, 100, &error));
    assert_null(error);
}

static void
test_members_are_joined(void **state)
{
    (void)state;
    g_autoptr(GByteArray) text = make_text();
    g_autoptr(GByteArray) packed = gzip_compress(text->data, 10, 1);
    g_autoptr(GByteArray) empty = gzip_compress(text->data, 0, 1);
    g_autoptr(GByteArray) rest = gzip_compress(text->data + 10, text->len - 10, 1);
    g_byte_array_append(packed, rest->data, rest->len);
    g_byte_array_append(packed, empty->data, empty->len);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) back = gzip_decompress(packed->data, packed->len, text->len, &error);
    assert_null(error);
    assert_same(back, text);

    g_byte_array_append(packed, (const uint8_t *)"junk", 4);
    assert_null(gzip_decompress(packed->data, packed->len, text->len, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_non_null(strstr(error->message, "other bytes"));
}

static void
assert_refused(const uint8_t *data, size_t size, size_t size_max, CressetError code)
{
    g_autoptr(GError) error = NULL;
    assert_null(gzip_decompress(data, size, size_max, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, code));
}

static void
test_bombs_stop_at_the_cap(void **state)
{
    (void)state;
    g_autofree uint8_t *zeros = g_malloc0(ZEROS_SIZE);
    g_autoptr(GByteArray) gzip = gzip_compress(zeros, ZEROS_SIZE, 12);
    assert_refused(gzip->data, gzip->len, 1000000, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_refused(gzip->data, gzip->len, ZEROS_SIZE - 1, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_refused(gzip->data, gzip->len, 0, CRESSET_ERROR_RESOURCE_EXHAUSTED);

    /* A trailer that understates the size changes nothing but the first guess, and is damage. */
    memset(gzip->data + gzip->len - 4, 0, 4);
    assert_refused(gzip->data, gzip->len, ZEROS_SIZE, CRESSET_ERROR_INVALID_ARGUMENT);

    size_t bound = ZSTD_compressBound(ZEROS_SIZE);
    g_autofree uint8_t *zstd = g_malloc(bound);
    size_t size = ZSTD_compress(zstd, bound, zeros, ZEROS_SIZE, 3);
    assert_refused(zstd, size, 1000000, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_refused(zstd, size, 0, CRESSET_ERROR_RESOURCE_EXHAUSTED);
}

static void
test_every_cut_is_refused(void **state)
{
    (void)state;
    g_autoptr(GByteArray) packed = gzip_compress((const uint8_t *)"hello, hello, hello", 19, 6);
    for (size_t size = 2; size < packed->len; size++) {
        g_autofree uint8_t *cut = g_memdup2(packed->data, size);
        assert_refused(cut, size, 100, CRESSET_ERROR_INVALID_ARGUMENT);
    }
    uint8_t zstd[100];
    size_t zstd_size = ZSTD_compress(zstd, sizeof zstd, "hello, hello, hello", 19, 1);
    for (size_t size = 4; size < zstd_size; size++) {
        g_autofree uint8_t *cut = g_memdup2(zstd, size);
        assert_refused(cut, size, 100, CRESSET_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_zstd(void **state)
{
    (void)state;
    g_autoptr(GByteArray) text = make_text();
    size_t bound = ZSTD_compressBound(text->len);
    g_autofree uint8_t *packed = g_malloc(2 * bound);
    size_t half = text->len / 2;
    size_t size = ZSTD_compress(packed, bound, text->data, half, 3);
    size += ZSTD_compress(packed + size, bound, text->data + half, text->len - half, 3);
    assert_int_equal(gzip_detect(packed, size), GZIP_ZSTD);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) back = gzip_decompress(packed, size, text->len, &error);
    assert_null(error);
    assert_same(back, text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_frames_of_zstd_are_one_stream),
        cmocka_unit_test(test_plain_is_left_alone),
        cmocka_unit_test(test_members_are_joined),
        cmocka_unit_test(test_bombs_stop_at_the_cap),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_zstd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
