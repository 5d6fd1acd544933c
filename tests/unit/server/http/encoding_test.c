#include "server/http/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "lib/base/error.h"

#define TEXT_BYTES 100000

static GBytes *
sample_text(void)
{
    char *text = g_malloc(TEXT_BYTES);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + i % 7);
    return g_bytes_new_take(text, TEXT_BYTES);
}

static GBytes *
zstd_of(GBytes *plain)
{
    size_t size, bound = ZSTD_compressBound(TEXT_BYTES);
    const void *data = g_bytes_get_data(plain, &size);
    void *packed = g_malloc(bound);
    return g_bytes_new_take(packed, ZSTD_compress(packed, bound, data, size, 3));
}

static void
expect_decoded(Encoding encoding, GBytes *packed, size_t cap, int code)
{
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *data = NULL;
    size_t packed_size, size = 0;
    const uint8_t *bytes = g_bytes_get_data(packed, &packed_size);
    bool ok = encoding_decode(encoding, bytes, packed_size, cap, "the-knob", &data, &size, &error);
    assert_int_equal(ok, code == 0);
    if (ok) {
        g_autoptr(GBytes) plain = sample_text();
        assert_int_equal(size, TEXT_BYTES);
        assert_memory_equal(data, g_bytes_get_data(plain, NULL), size);
    } else {
        assert_int_equal(error->code, code);
    }
    if (code == CRESSET_ERROR_OUT_OF_RANGE)
        assert_non_null(strstr(error->message, "the-knob"));
}

static void
test_answers_are_encoded_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        Encoding encoding;
    } cases[] = {
        {NULL, ENCODING_IDENTITY},
        {"br, deflate", ENCODING_IDENTITY},
        {"gzip", ENCODING_GZIP},
        {"zstd", ENCODING_ZSTD},
        {"gzip, deflate, br, zstd", ENCODING_ZSTD},
        {"*", ENCODING_ZSTD},
        {"zstd;q=0.1, gzip;q=0.9", ENCODING_GZIP},
        {"gzip, zstd;q=0", ENCODING_GZIP},
        {"gzip;q=0, zstd;q=0", ENCODING_IDENTITY},
    };
    g_autoptr(GBytes) plain = sample_text();
    g_autoptr(GBytes) small = g_bytes_new_static("ab", 2);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Encoding encoding = encoding_choose(cases[i].accept);
        assert_int_equal(encoding, cases[i].encoding);
        assert_null(encoding_encode(encoding, small));
        g_autoptr(GBytes) packed = encoding_encode(encoding, plain);
        assert_int_equal(packed == NULL, encoding == ENCODING_IDENTITY);
        if (packed != NULL)
            expect_decoded(encoding, packed, TEXT_BYTES, 0);
    }
}

static void
test_round_trip_and_cap(void **state)
{
    (void)state;
    g_autoptr(GBytes) plain = sample_text();
    g_autoptr(GBytes) gzip = encoding_encode(ENCODING_GZIP, plain);
    g_autoptr(GBytes) zstd = zstd_of(plain);
    assert_true(g_bytes_get_size(gzip) < TEXT_BYTES / 10);
    expect_decoded(ENCODING_IDENTITY, plain, TEXT_BYTES, 0);
    expect_decoded(ENCODING_GZIP, gzip, TEXT_BYTES, 0);
    expect_decoded(ENCODING_ZSTD, zstd, TEXT_BYTES, 0);
    expect_decoded(ENCODING_GZIP, gzip, TEXT_BYTES - 1, CRESSET_ERROR_OUT_OF_RANGE);
    expect_decoded(ENCODING_ZSTD, zstd, TEXT_BYTES - 1, CRESSET_ERROR_OUT_OF_RANGE);
    expect_decoded(ENCODING_GZIP, gzip, 10, CRESSET_ERROR_OUT_OF_RANGE);
    expect_decoded(ENCODING_ZSTD, zstd, 10, CRESSET_ERROR_OUT_OF_RANGE);
}

static void
test_truncated_and_garbage(void **state)
{
    (void)state;
    g_autoptr(GBytes) plain = sample_text();
    g_autoptr(GBytes) gzip = encoding_encode(ENCODING_GZIP, plain);
    g_autoptr(GBytes) zstd = zstd_of(plain);
    for (size_t cut = 0; cut < 40; cut += 3) {
        g_autoptr(GBytes) a = g_bytes_new_from_bytes(gzip, 0, g_bytes_get_size(gzip) - 1 - cut);
        size_t kept = MIN(cut, g_bytes_get_size(zstd) - 1);
        g_autoptr(GBytes) b = g_bytes_new_from_bytes(zstd, 0, kept);
        expect_decoded(ENCODING_GZIP, a, 2 * TEXT_BYTES, CRESSET_ERROR_INVALID_ARGUMENT);
        expect_decoded(ENCODING_ZSTD, b, 2 * TEXT_BYTES, CRESSET_ERROR_INVALID_ARGUMENT);
    }
    expect_decoded(ENCODING_GZIP, plain, 2 * TEXT_BYTES, CRESSET_ERROR_INVALID_ARGUMENT);
    expect_decoded(ENCODING_ZSTD, plain, 2 * TEXT_BYTES, CRESSET_ERROR_INVALID_ARGUMENT);
}

static void
test_members_are_joined(void **state)
{
    (void)state;
    g_autoptr(GBytes) plain = sample_text();
    g_autoptr(GBytes) left = g_bytes_new_from_bytes(plain, 0, 7 * 5000);
    g_autoptr(GBytes) right = g_bytes_new_from_bytes(plain, 7 * 5000, TEXT_BYTES - 7 * 5000);
    g_autoptr(GBytes) a = encoding_encode(ENCODING_GZIP, left);
    g_autoptr(GBytes) b = encoding_encode(ENCODING_GZIP, right);
    GByteArray *both = g_byte_array_new();
    g_byte_array_append(both, g_bytes_get_data(a, NULL), (guint)g_bytes_get_size(a));
    g_byte_array_append(both, g_bytes_get_data(b, NULL), (guint)g_bytes_get_size(b));
    g_autoptr(GBytes) joined = g_byte_array_free_to_bytes(both);
    expect_decoded(ENCODING_GZIP, joined, TEXT_BYTES, 0);
}

static void
test_names(void **state)
{
    (void)state;
    Encoding encoding = ENCODING_ZSTD;
    assert_true(encoding_parse(NULL, &encoding, NULL));
    assert_int_equal(encoding, ENCODING_IDENTITY);
    assert_true(encoding_parse("GZIP", &encoding, NULL));
    assert_int_equal(encoding, ENCODING_GZIP);
    g_autoptr(GError) error = NULL;
    assert_false(encoding_parse("br", &encoding, &error));
    assert_int_equal(error->code, CRESSET_ERROR_UNIMPLEMENTED);
    assert_non_null(strstr(error->message, "gzip, zstd"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_encoded_as_asked),
        cmocka_unit_test(test_round_trip_and_cap),
        cmocka_unit_test(test_truncated_and_garbage),
        cmocka_unit_test(test_members_are_joined),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
