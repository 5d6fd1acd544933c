#include "server/ingest/format/otlp_sample.h"

#include "tests/harness/check.h"

#define TIME 0x2a, 8, 0, 0, 0, 0, 0, 0, 0, 1

typedef struct {
    uint8_t bytes[24];
    uint32_t n_attributes;
    OtlpNumbering numbering;
} Case;

/* What a sample with stack 1 and these fields says of its release. */
static const Case CASES[] = {
    {{0x08, 1, 0x18, 1}, 2, OTLP_NUMBERING_1_10},                   /* a link in field 3 */
    {{0x08, 1, 0x1a, 1, 1}, 2, OTLP_NUMBERING_1_9},                 /* attributes in field 3 */
    {{0x08, 1, 0x20, 1}, 2, OTLP_NUMBERING_1_9},                    /* a link in field 4 */
    {{0x08, 1, 0x22, 1, 1}, 2, OTLP_NUMBERING_1_10},                /* values in field 4 */
    {{0x08, 1, 0x12, 1, 1, 0x22, 1, 1}, 2, OTLP_NUMBERING_1_10},    /* and attributes */
    {{0x08, 1, 0x12, 1, 1, 0x1a, 1, 1}, 2, OTLP_NUMBERING_1_9},     /* values and attributes */
    {{0x08, 1, 0x12, 1, 2}, 3, OTLP_NUMBERING_LIKELY_1_9},          /* values, as it needs some */
    {{0x08, 1, TIME}, 2, OTLP_NUMBERING_UNKNOWN},                   /* the same in both */
    {{0x08, 1, 0x12, 1, 2, TIME}, 3, OTLP_NUMBERING_UNKNOWN},       /* an attribute or a value */
    {{0x08, 1, 0x12, 1, 2, TIME}, 2, OTLP_NUMBERING_LIKELY_1_9},    /* no such attribute */
    {{0x08, 1, 0x12, 2, 0, 2, TIME}, 2, OTLP_NUMBERING_LIKELY_1_9}, /* nor this second one */
};

static size_t
size_of(const Case *sample)
{
    size_t size = sizeof sample->bytes;
    while (size > 0 && sample->bytes[size - 1] == 0)
        size--;
    return size;
}

static void
test_numbering(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        const Case *sample = &CASES[i];
        const WireSpan span = {sample->bytes, sample->bytes + size_of(sample)};
        OtlpNumbering got = otlp_sample_numbering(span, sample->n_attributes);
        if (got != sample->numbering)
            fail_msg("case %zu: %d instead of %d", i, (int)got, (int)sample->numbering);
    }
    const WireSpan cut = {CASES[1].bytes, CASES[1].bytes + 4};
    assert_int_equal(otlp_sample_numbering(cut, 2), OTLP_NUMBERING_UNKNOWN);
}

/* The same bytes by both numberings. */
static void
test_reading(void **state)
{
    (void)state;
    static const uint8_t BYTES[] = {0x08, 1, 0x12, 2, 5, 6, TIME};
    const WireSpan span = {BYTES, BYTES + sizeof BYTES};
    g_autoptr(GArray) attributes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    OtlpSample sample = {.attributes = attributes};
    assert_true(otlp_sample_read(span, OTLP_NUMBERING_LIKELY_1_9, &sample, NULL));
    assert_int_equal(sample.stack_index, 1);
    assert_int_equal(sample.value, 11);
    assert_int_equal(attributes->len, 0);
    assert_true(otlp_sample_read(span, OTLP_NUMBERING_1_10, &sample, NULL));
    assert_int_equal(sample.value, 1); /* one time */
    assert_int_equal(attributes->len, 2);
    assert_int_equal(g_array_index(attributes, uint64_t, 1), 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbering),
        cmocka_unit_test(test_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
