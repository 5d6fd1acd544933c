#include "agent/sample/table_store.h"

#include "agent/process/executable_cache.h"
#include "tests/harness/check.h"

static guint n_ready, n_others;

static void
on_ready(Executable *executable, uint64_t word, void *data)
{
    (void)executable;
    (void)data;
    assert_int_equal(word >> 48, MAPPING_TABLE);
    n_ready++;
}

static gboolean
on_other(gpointer data)
{
    (void)data;
    n_others++;
    return G_SOURCE_CONTINUE;
}

typedef struct {
    ExecutableCache *executables;
    SlabStore *slabs;
    TableStore *tables;
    Executable *vdso;
    GSource *other; /* of somebody else on the loop, always due */
} Fixture;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    n_ready = n_others = 0;
    fixture->executables = executable_cache_new();
    fixture->slabs = slab_store_new(-1, 16 * SLAB_BYTES);
    fixture->tables = table_store_new(fixture->slabs, -1, on_ready, NULL, NULL);
    fixture->vdso = executable_cache_get_vdso(fixture->executables);
    fixture->other = g_idle_source_new();
    g_source_set_priority(fixture->other, G_PRIORITY_DEFAULT);
    g_source_set_callback(fixture->other, on_other, NULL, NULL);
    g_source_attach(fixture->other, NULL);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    g_source_destroy(fixture->other);
    g_source_unref(fixture->other);
    executable_unref(fixture->vdso);
    table_store_free(fixture->tables);
    slab_store_free(fixture->slabs);
    executable_cache_free(fixture->executables);
    g_free(fixture);
    return 0;
}

static void
test_a_table_is_handed_out_on_the_loop(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(table_store_word(fixture->tables, fixture->vdso) >> 48, MAPPING_PENDING);
    while (!table_store_is_idle(fixture->tables))
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(n_ready, 1);
    assert_int_equal(table_store_word(fixture->tables, fixture->vdso) >> 48, MAPPING_TABLE);
}

/* Whoever frees it is about to go too, so nobody on the loop may be called meanwhile. */
static void
test_the_end_runs_nothing_else(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(table_store_word(fixture->tables, fixture->vdso) >> 48, MAPPING_PENDING);
    g_clear_pointer(&fixture->tables, table_store_free);
    assert_int_equal(n_others, 0);
    assert_int_equal(n_ready, 0);
    assert_true(g_main_context_iteration(NULL, FALSE)); /* nor is anything left on the loop */
    assert_int_equal(n_ready, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_table_is_handed_out_on_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_runs_nothing_else, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
