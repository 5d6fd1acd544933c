/* Which labels a series has, and in what order. */
#include "agent/export/series.h"

#include <string.h>

#include "cresset/limits.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "tests/harness/check.h"

/* The names of the labels of the one series in a plain request, each with a blank behind it. */
static char *
names_of(GBytes *request)
{
    gsize size;
    const uint8_t *at = g_bytes_get_data(request, &size), *end = at + size;
    uint64_t outer_tag = 0, outer_length = 0;
    GString *names = g_string_new(NULL);
    assert_true(wire_read_varint(&at, end, &outer_tag) &&
                wire_read_varint(&at, end, &outer_length));
    assert_int_equal(outer_tag, WIRE_TAG(1, WIRE_BYTES));
    assert_int_equal(outer_length, end - at);
    for (uint64_t tag = 0, length = 0, name_length = 0; at < end; at += length) {
        assert_true(wire_read_varint(&at, end, &tag) && wire_read_varint(&at, end, &length));
        if (tag >> 3 != 1) /* the sample */
            continue;
        const uint8_t *name = at;
        assert_true(wire_read_varint(&name, end, &tag) &&
                    wire_read_varint(&name, end, &name_length));
        g_string_append_len(names, (const char *)name, (gssize)name_length);
        g_string_append_c(names, ' ');
    }
    return g_string_free(names, FALSE);
}

static char *
encoded_names(const LabelSet *labels, size_t *ret_dropped)
{
    g_autoptr(GBytes) series =
        series_encode(labels, (const uint8_t *)"p", 1, SERIES_GZIP, ret_dropped);
    return names_of(series);
}

static void
test_own_labels_come_first(void **state)
{
    (void)state;
    const char *const pairs[] = {"zone=b", "cluster=green", "service_name=shop", NULL};
    g_autoptr(LabelSet) labels = series_fixed_labels("n1", pairs, NULL);
    assert_non_null(labels);
    label_set_set(labels, "pod", "web-1");
    label_set_set(labels, "__tenant_id__", "a"); /* stays here */
    size_t n_dropped;
    g_autofree char *names = encoded_names(labels, &n_dropped);
    assert_string_equal(names, "__name__ service_name node pod source cluster zone ");
    assert_int_equal(n_dropped, 0);
}

static void
test_what_is_too_much_is_left_out(void **state)
{
    (void)state;
    g_autoptr(LabelSet) labels = series_fixed_labels("n1", NULL, NULL);
    for (int i = 99; i >= 0; i--) {
        g_autofree char *name = g_strdup_printf("l%02d", i);
        label_set_set(labels, name, "x");
    }
    size_t n_dropped;
    g_autofree char *names = encoded_names(labels, &n_dropped);
    g_auto(GStrv) each = g_strsplit(names, " ", -1);
    assert_int_equal(g_strv_length(each), CRESSET_LABEL_NAMES_MAX + 1); /* "" behind the last */
    assert_int_equal(n_dropped, 103 - CRESSET_LABEL_NAMES_MAX);
    assert_true(g_str_has_prefix(names, "__name__ node source l00 l01 "));
    assert_true(g_str_has_suffix(names, "l25 l26 "));
}

/* The same message in every coding, but for the id and for gzip around the profile. */
static void
test_codings(void **state)
{
    (void)state;
    g_autoptr(LabelSet) labels = series_fixed_labels("n1", NULL, NULL);
    static const char profile[] = "a profile a profile a profile a profile a profile a profile";
    const uint8_t *pprof = (const uint8_t *)profile;
    GBytes *all[3] = {NULL};
    size_t n_dropped;
    for (int coding = SERIES_GZIP; coding <= SERIES_PLAIN; coding++)
        all[coding] =
            series_encode(labels, pprof, strlen(profile), (SeriesCoding)coding, &n_dropped);
    gsize size, plain_size;
    const uint8_t *zstd = g_bytes_get_data(all[SERIES_ZSTD], &size);
    const uint8_t *plain = g_bytes_get_data(all[SERIES_PLAIN], &plain_size);
    g_autoptr(GByteArray) unpacked = gzip_decompress(zstd, size, 10000, NULL);
    assert_non_null(unpacked);
    assert_int_equal(unpacked->len, plain_size);
    assert_non_null(memmem(unpacked->data, unpacked->len, profile, strlen(profile)));
    assert_non_null(memmem(plain, plain_size, profile, strlen(profile)));
    assert_null(memmem(g_bytes_get_data(all[SERIES_GZIP], NULL), g_bytes_get_size(all[SERIES_GZIP]),
                       profile, strlen(profile)));
    assert_string_equal(series_content_encoding(SERIES_ZSTD), "zstd");
    assert_null(series_content_encoding(SERIES_GZIP));
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        g_bytes_unref(all[i]);
}

static void
test_options_that_are_wrong(void **state)
{
    (void)state;
    const char *many[32] = {NULL};
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 31; i++) {
        g_ptr_array_add(made, g_strdup_printf("l%d=x", i));
        many[i] = made->pdata[i];
    }
    g_autoptr(GError) error = NULL;
    assert_null(series_fixed_labels("n1", many, &error));
    assert_error_says(error, "one too many");
    const char *const twice[] = {"a=b", "a=c", NULL};
    g_clear_error(&error);
    assert_null(series_fixed_labels("n1", twice, &error));
    assert_error_says(error, "given twice");
    const char *const own[] = {"node=x", NULL};
    g_clear_error(&error);
    assert_null(series_fixed_labels("n1", own, &error));
    assert_error_says(error, "set by the agent itself");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_labels_come_first),
        cmocka_unit_test(test_what_is_too_much_is_left_out),
        cmocka_unit_test(test_codings),
        cmocka_unit_test(test_options_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
