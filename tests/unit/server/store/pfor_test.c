#include "server/store/pfor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_NODES = 100000 };

typedef struct {
    uint32_t nodes[PFOR_COUNT], n;
    uint64_t values[PFOR_COUNT];
} Samples;

static void
fill(GRand *random, Samples *samples, int node_bits, int value_bits)
{
    uint32_t node = 0;
    for (uint32_t i = 0; i < samples->n; i++) {
        /* Now and then a new row begins, and the nodes start over. */
        if (g_rand_int_range(random, 0, 100) == 0)
            node = 0;
        node = (node + (g_rand_int(random) & ((1u << node_bits) - 1))) % N_NODES;
        samples->nodes[i] = node;
        samples->values[i] = g_rand_int_range(random, 0, 20) == 0
                                 ? (uint64_t)g_rand_int(random) << (value_bits - 1)
                                 : g_rand_int(random) & ((1ull << value_bits) - 1);
    }
}

typedef bool (*Accumulate)(const uint8_t *block, size_t size, uint32_t from, uint32_t to,
                           PforScale scale, int64_t *totals, uint32_t n_nodes);

static void
compare(const Wire *wire, const Samples *samples, uint32_t from, uint32_t to, Accumulate accumulate)
{
    PforScale scale = {-7, 3};
    g_autofree int64_t *totals = g_new0(int64_t, N_NODES);
    /* An exact copy, so that reading behind the end is seen. */
    g_autofree uint8_t *block = g_memdup2(wire->data, wire->size);
    assert_true(accumulate(block, wire->size, from, to, scale, totals, N_NODES));
    for (uint32_t i = from; i < to; i++) {
        uint64_t value = (uint64_t)scale.base + scale.scale * samples->values[i];
        totals[samples->nodes[i]] = (int64_t)((uint64_t)totals[samples->nodes[i]] - value);
    }
    for (uint32_t node = 0; node < N_NODES; node++)
        assert_int_equal(totals[node], 0);
}

static void
gives_back_every_width_and_count(void **state)
{
    (void)state;
    GRand *random = g_rand_new_with_seed(3);
    for (int i = 0; i < 400; i++) {
        Samples samples = {.n = i < 40 ? (uint32_t)i + 1
                                       : (uint32_t)g_rand_int_range(random, 1, PFOR_COUNT + 1)};
        fill(random, &samples, i % 17, 1 + i % 33);
        Wire wire = {0};
        pfor_encode(&wire, samples.nodes, samples.values, samples.n);
        uint32_t from = (uint32_t)g_rand_int_range(random, 0, (int)samples.n);
        uint32_t to = (uint32_t)g_rand_int_range(random, (int)from, (int)samples.n + 1);
        compare(&wire, &samples, 0, samples.n, pfor_accumulate);
        compare(&wire, &samples, 0, samples.n, pfor_accumulate_portable);
        compare(&wire, &samples, from, to, pfor_accumulate);
        compare(&wire, &samples, from, to, pfor_accumulate_portable);
        wire_clear(&wire);
    }
    g_rand_free(random);
}

static void
packs_small_numbers_tightly(void **state)
{
    (void)state;
    Samples samples = {.n = PFOR_COUNT};
    for (uint32_t i = 0; i < PFOR_COUNT; i++)
        samples.nodes[i] = 50 + 3 * i;
    Wire wire = {0};
    pfor_encode(&wire, samples.nodes, samples.values, samples.n);
    /* Deltas of two bits and values of none. */
    assert_int_equal(wire.size, PFOR_HEADER_SIZE + PFOR_COUNT * 2 / 8);
    wire_clear(&wire);
}

static void
refuses_what_is_cut_or_points_outside(void **state)
{
    (void)state;
    GRand *random = g_rand_new_with_seed(4);
    Samples samples = {.n = 200};
    fill(random, &samples, 12, 9);
    Wire wire = {0};
    pfor_encode(&wire, samples.nodes, samples.values, samples.n);
    g_autofree int64_t *totals = g_new0(int64_t, N_NODES);
    PforScale scale = {0, 1};
    for (size_t size = 0; size < wire.size; size++) {
        g_autofree uint8_t *cut = g_memdup2(wire.data, MAX(size, 1u));
        assert_false(pfor_accumulate(cut, size, 0, 200, scale, totals, N_NODES));
    }
    assert_false(pfor_accumulate(wire.data, wire.size, 0, 201, scale, totals, N_NODES));
    assert_false(pfor_accumulate(wire.data, wire.size, 0, 200, scale, totals, 100));
    wire_clear(&wire);
    g_rand_free(random);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_width_and_count),
        cmocka_unit_test(packs_small_numbers_tightly),
        cmocka_unit_test(refuses_what_is_cut_or_points_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
