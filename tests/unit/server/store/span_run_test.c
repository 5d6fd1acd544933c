#include "server/store/span_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static GArray *
decode(const Wire *run, uint32_t n_nodes)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    if (span_run_get(run->data, run->size, n_nodes, samples))
        return samples;
    g_array_unref(samples);
    return NULL;
}

static void
equal_samples_are_added_up(void **state)
{
    (void)state;
    StoreSpanSample samples[] = {
        {{0, 0, 7}, 5, 100}, {{1, 2, 3}, 4, -1}, {{0, 0, 7}, 2, 1}, {{0, 0, 7}, 5, 11}};
    Wire run = {0};
    span_run_put(&run, samples, G_N_ELEMENTS(samples));
    g_autoptr(GArray) got = decode(&run, 6);
    assert_non_null(got);
    assert_int_equal(got->len, 3);
    static const StoreSpanSample expected[] = {
        {{0, 0, 7}, 2, 1}, {{0, 0, 7}, 5, 111}, {{1, 2, 3}, 4, -1}};
    for (guint i = 0; i < got->len; i++) {
        const StoreSpanSample *sample = &g_array_index(got, StoreSpanSample, i);
        assert_memory_equal(&sample->span, &expected[i].span, sizeof(StoreSpan));
        assert_int_equal(sample->node, expected[i].node);
        assert_int_equal(sample->value, expected[i].value);
    }
    assert_null(decode(&run, 5));
    wire_clear(&run);
}

static void
no_samples_are_no_bytes(void **state)
{
    (void)state;
    Wire run = {0};
    span_run_put(&run, NULL, 0);
    assert_int_equal(run.size, 0);
    g_autoptr(GArray) got = decode(&run, 1);
    assert_int_equal(got->len, 0);
}

/* Every cut and every changed byte is either refused or stays within the nodes. */
static void
broken_runs_do_no_harm(void **state)
{
    (void)state;
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    StoreSpanSample samples[40];
    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++)
        samples[i] = (StoreSpanSample){{(uint64_t)g_rand_int_range(random, 0, 2), 0, 1 + i % 5},
                                       (uint32_t)g_rand_int_range(random, 0, 300),
                                       g_rand_int_range(random, -5, 100000)};
    Wire run = {0};
    span_run_put(&run, samples, G_N_ELEMENTS(samples));
    for (size_t size = 1; size < run.size; size++) {
        Wire cut = {g_memdup2(run.data, size), size, size};
        assert_null(decode(&cut, 300));
        wire_clear(&cut);
    }
    for (unsigned i = 0; i < 20000; i++) {
        size_t at = (size_t)g_rand_int_range(random, 0, (int)run.size);
        uint8_t before = run.data[at];
        run.data[at] ^= (uint8_t)(1 << g_rand_int_range(random, 0, 8));
        g_autoptr(GArray) got = decode(&run, 300);
        for (guint k = 0; got != NULL && k < got->len; k++)
            assert_true(g_array_index(got, StoreSpanSample, k).node < 300);
        run.data[at] = before;
    }
    wire_clear(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_samples_are_added_up),
        cmocka_unit_test(no_samples_are_no_bytes),
        cmocka_unit_test(broken_runs_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
