#include "server/store/sample_run.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_NODES = 70000 };

static void
check_random(GRand *random, uint32_t n, int64_t unit)
{
    g_autofree SampleKey *keys = g_new(SampleKey, 2 * n + 1);
    g_autofree int64_t *values = g_new(int64_t, n + 1);
    g_autofree int64_t *wanted = g_new0(int64_t, N_NODES);
    g_autofree int64_t *totals = g_new0(int64_t, N_NODES);
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = (SampleKey){(uint32_t)g_rand_int_range(random, 0, N_NODES), i};
        values[i] = g_rand_int_range(random, -3, 9) * unit;
        wanted[keys[i].node] += values[i];
    }
    sample_keys_sort(keys, keys + n, n);
    for (uint32_t i = 1; i < n; i++)
        assert_true(keys[i - 1].node < keys[i].node ||
                    (keys[i - 1].node == keys[i].node && keys[i - 1].position < keys[i].position));
    g_autofree uint8_t *run = g_malloc(SAMPLE_RUN_SIZE_MAX(n));
    uint32_t kept;
    size_t size = sample_run_encode(run, keys, n, values, &kept);
    assert_true(size <= SAMPLE_RUN_SIZE_MAX(n));
    assert_true(sample_run_accumulate(run, size, totals, N_NODES));
    assert_memory_equal(totals, wanted, N_NODES * sizeof *totals);
    g_autofree uint32_t *nodes = g_new(uint32_t, kept + 1);
    g_autofree int64_t *decoded = g_new(int64_t, kept + 1);
    assert_true(sample_run_decode(run, size, nodes, decoded, kept, N_NODES));
    assert_false(sample_run_decode(run, size, nodes, decoded, kept + 1, N_NODES));
    for (uint32_t i = 0; i < kept; i++)
        assert_true(decoded[i] == wanted[nodes[i]] && decoded[i] != 0);
    for (size_t cut = 0; cut < size; cut++) {
        g_autofree uint8_t *copy = g_memdup2(run, MAX(cut, 1u));
        assert_false(sample_run_accumulate(copy, cut, totals, N_NODES));
    }
}

static void
gives_back_sorted_sums(void **state)
{
    (void)state;
    GRand *random = g_rand_new_with_seed(5);
    for (uint32_t i = 0; i < 100; i++)
        check_random(random, i < 50 ? i : (uint32_t)g_rand_int_range(random, 0, 500),
                     i % 2 ? 10000000 : 1);
    g_rand_free(random);
}

static void
divides_by_what_values_share(void **state)
{
    (void)state;
    SampleKey keys[] = {{1, 0}, {2, 1}, {3, 2}};
    int64_t values[] = {20000000, 10000000, 10000000};
    uint8_t run[SAMPLE_RUN_SIZE_MAX(3)];
    uint32_t kept;
    /* Count, four bytes of divisor, three deltas, one factor. */
    assert_int_equal(sample_run_encode(run, keys, 3, values, &kept), 1 + 4 + 3 + 1);
    assert_int_equal(kept, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_sorted_sums),
        cmocka_unit_test(divides_by_what_values_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
