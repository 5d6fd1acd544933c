#include "lib/pprof/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pprof/wire.h"

/* A profile of one sample, byte by byte as profile.proto lays it out. */
static void
test_bytes(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "ns");
    PprofFunction function = {.name = pprof_builder_text(builder, "f")};
    PprofLine line = {pprof_builder_function(builder, &function), 300};
    PprofLocation location = {.address = 5, .lines = &line, .n_lines = 1};
    uint32_t id = pprof_builder_location(builder, &location);
    int64_t value = -1;
    PprofSample sample = {.locations = &id, .n_locations = 1, .values = &value};
    pprof_builder_sample(builder, &sample);
    pprof_builder_time(builder, 1, 2);
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);

    static const uint8_t expected[] = {
        0x0a, 4,    8,    1,    0x10, 2,                            /* sample type */
        0x12, 15,   0x0a, 1,    1,    0x12, 10,   0xff, 0xff, 0xff, /* sample: location 1, value -1
                                                                     */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,                      /* */
        0x22, 11,   8,    1,    0x18, 5,    0x22, 5,    8,    1,    0x10, 0xac, 2, /* location:
                                                                                      address 5,
                                                                                      line 300 */
        0x2a, 4,    8,    1,    0x10, 3, /* function: name 3 */
        0x32, 0,    0x32, 3,    'c',  'p',  'u',  0x32, 2,    'n',  's',  0x32, 1, 'f',
        0x48, 1,    0x50, 2, /* time, duration */
    };
    assert_int_equal(bytes->len, sizeof expected);
    assert_memory_equal(bytes->data, expected, sizeof expected);
}

/* Entries of a table may all be empty: then nothing is behind their ids. */
static void
test_empty_entries(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    const PprofLocation nothing = {0};
    assert_int_equal(pprof_builder_location(builder, &nothing), 1);
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    static const uint8_t expected[] = {0x22, 2, 8, 1, 0x32, 0};
    assert_int_equal(bytes->len, sizeof expected);
    assert_memory_equal(bytes->data, expected, sizeof expected);
}

static void
test_equal_contents_share_an_id(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    assert_int_equal(pprof_builder_text(builder, NULL), 0);
    assert_int_equal(pprof_builder_text(builder, ""), 0);
    assert_int_equal(pprof_builder_text(builder, "a"), 1);
    assert_int_equal(pprof_builder_string(builder, "abc", 1), 1);
    assert_int_equal(pprof_builder_text(builder, "b"), 2);

    PprofMapping mapping = {.start = 4096, .filename = 1};
    assert_int_equal(pprof_builder_mapping(builder, &mapping), 1);
    assert_int_equal(pprof_builder_mapping(builder, &mapping), 1);
    mapping.has_functions = true;
    assert_int_equal(pprof_builder_mapping(builder, &mapping), 2);

    PprofFunction function = {.name = 1};
    uint32_t first = pprof_builder_function(builder, &function);
    function.start_line = 7;
    assert_int_not_equal(pprof_builder_function(builder, &function), first);

    PprofLine lines[] = {{1, 10}, {2, 20}};
    PprofLocation location = {.mapping = 1, .address = 8, .lines = lines, .n_lines = 2};
    uint32_t inlined = pprof_builder_location(builder, &location);
    assert_int_equal(pprof_builder_location(builder, &location), inlined);
    location.n_lines = 1;
    assert_int_not_equal(pprof_builder_location(builder, &location), inlined);
}

/* Many entries: the tables grow and every id stays what it was. */
static void
test_ids_survive_growth(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            g_autofree char *text = g_strdup_printf("function %u", i);
            assert_int_equal(pprof_builder_text(builder, text), i + 1);
        }
    }
}

static void
test_equal_samples_add_up(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "samples", "count");
    pprof_builder_sample_type(builder, "cpu", "ns");
    uint32_t stack[] = {1, 2};
    int64_t values[] = {1, 10};
    PprofLabel label = {.key = pprof_builder_text(builder, "k"), .num = 4};
    PprofSample sample = {.locations = stack, .n_locations = 2, .values = values};
    pprof_builder_sample(builder, &sample);
    pprof_builder_sample(builder, &sample);
    assert_int_equal(pprof_builder_n_samples(builder), 1);
    sample.labels = &label;
    sample.n_labels = 1;
    pprof_builder_sample(builder, &sample);
    assert_int_equal(pprof_builder_n_samples(builder), 2);

    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    static const uint8_t merged[] = {0x12, 8, 0x0a, 2, 1, 2, 0x12, 2, 2, 20};
    static const uint8_t labelled[] = {0x12, 14, 0x0a, 2, 1, 2, 0x1a, 4, 8, 5, 0x18, 4, 0x12, 2, 1};
    assert_non_null(memmem(bytes->data, bytes->len, merged, sizeof merged));
    assert_non_null(memmem(bytes->data, bytes->len, labelled, sizeof labelled));
}

/* After finishing, the builder makes the same bytes again. */
static void
test_builder_starts_afresh(void **state)
{
    (void)state;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    g_autoptr(GByteArray) first = NULL;
    for (int round = 0; round < 2; round++) {
        pprof_builder_sample_type(builder, "a", "b");
        pprof_builder_period(builder, "a", "b", 3);
        pprof_builder_comment(builder, "why");
        pprof_builder_default_sample_type(builder, "a");
        g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
        if (round == 0) {
            first = g_steal_pointer(&bytes);
            continue;
        }
        assert_int_equal(bytes->len, first->len);
        assert_memory_equal(bytes->data, first->data, first->len);
    }
}

static void
test_varints(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta, back = 0;
            uint8_t bytes[WIRE_VARINT_MAX];
            const uint8_t *end = wire_store_varint(bytes, value), *at = bytes;
            assert_int_equal(end - bytes, wire_varint_size(value));
            assert_true(wire_read_varint(&at, end, &back));
            assert_true(back == value && at == end);
            at = bytes;
            assert_false(wire_read_varint(&at, end - 1, &back));
            assert_ptr_equal(at, bytes);
        }
    }
    static const uint8_t endless[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                        0x80, 0x80, 0x80, 0x80, 0x01};
    const uint8_t *at = endless;
    uint64_t value;
    assert_false(wire_read_varint(&at, endless + sizeof endless, &value));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_empty_entries),
        cmocka_unit_test(test_equal_contents_share_an_id),
        cmocka_unit_test(test_ids_survive_growth),
        cmocka_unit_test(test_equal_samples_add_up),
        cmocka_unit_test(test_builder_starts_afresh),
        cmocka_unit_test(test_varints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
