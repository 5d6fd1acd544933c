/* Power cuts and disk faults at every kind of moment, on a simulated disk.
 *
 * CRASH_SEEDS sets how many histories are played, CRASH_FIRST the first seed. */
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"
#include "tests/unit/server/store/disk_sim.h"
#include "tests/unit/server/store/fixture.h"

enum { SEEDS_DEFAULT = 300, LIVES_PER_SEED = 4, FAULT_CALLS = 60 };

static const int64_t second_ns = 1000000000;

typedef struct {
    Disk *disk;
    char *meta_dir, *meta_path;
    Model model;
    GRand *random;
} World;

static void
world_init(World *world, uint32_t seed)
{
    bool has_memory_fs = g_file_test("/dev/shm", G_FILE_TEST_IS_DIR);
    world->disk = disk_sim_new();
    world->meta_dir =
        g_strdup_printf("%s/cresset-crash-XXXXXX", has_memory_fs ? "/dev/shm" : g_get_tmp_dir());
    g_assert_nonnull(g_mkdtemp(world->meta_dir));
    world->meta_path = g_build_filename(world->meta_dir, "meta.sqlite", NULL);
    world->random = g_rand_new_with_seed(seed);
    model_init(&world->model);
}

static void
remove_meta(World *world)
{
    const char *suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(world->meta_path, suffixes[i], NULL);
        g_remove(path);
    }
}

static void
world_clear(World *world)
{
    remove_meta(world);
    g_rmdir(world->meta_dir);
    g_free(world->meta_dir);
    g_free(world->meta_path);
    model_clear(&world->model);
    g_rand_free(world->random);
    disk_sim_free(world->disk);
}

static Store *
open_store(World *world, GError **error)
{
    StoreConfig config = {"/data", 6000, g_rand_int_range(world->random, 0, 3) * second_ns / 1000};
    return store_open_on(&config, world->disk, world->meta_path, error);
}

static void
append_some(World *world, Store *store)
{
    unsigned n = (unsigned)g_rand_int_range(world->random, 1, 14);
    for (unsigned i = 0; i < n; i++) {
        FixtureShape shape = {.n_functions = 12,
                              .n_samples = (uint32_t)g_rand_int_range(world->random, 0, 30),
                              .max_depth = 6,
                              .prefix = "f"};
        FixtureProfile *profile = fixture_profile_new(world->random, &shape);
        ModelAppend append = {i % 3 == 0 ? "one" : "two", i % 2 ? "a" : "b", "pod",
                              g_rand_int_range(world->random, 0, 100) * second_ns, 2};
        model_append(&world->model, store, world->random, profile, &append);
        fixture_profile_free(profile);
        if (g_rand_int_range(world->random, 0, 3) == 0)
            model_wait(&world->model);
        if (g_rand_int_range(world->random, 0, 8) == 0)
            store_wait_sealed(store);
    }
}

static void
check(World *world, Store *store, uint32_t seed, unsigned life)
{
    g_autofree char *wrong = model_check(&world->model, store);
    if (wrong != NULL)
        fail_msg("seed %u, life %u: %s", seed, life, wrong);
}

/* A row that was not acknowledged but is there after a restart has been recovered: from now on it
 * has to stay. */
static void
adopt_recovered(World *world)
{
    GHashTableIter iter;
    void *row;
    g_hash_table_iter_init(&iter, world->model.rows);
    while (g_hash_table_iter_next(&iter, NULL, &row))
        ((ModelRow *)row)->is_acked = ((ModelRow *)row)->n_seen == 1;
}

static void
play_history(uint32_t seed)
{
    World world;
    world_init(&world, seed);
    for (unsigned life = 0; life < LIVES_PER_SEED; life++) {
        uint64_t call = (uint64_t)(g_rand_double(world.random) * g_rand_double(world.random) * 120);
        disk_sim_plan(world.disk, call + 1, SIM_DEAD);
        Store *store = open_store(&world, NULL);
        if (store != NULL) {
            append_some(&world, store);
            /* A dead disk never acknowledges; the answers still come. */
            model_wait(&world.model);
            store_close(store);
        }
        disk_sim_lose_power(world.disk, world.random);
        disk_sim_plan(world.disk, 0, SIM_NO_FAULT);
        if (g_rand_int_range(world.random, 0, 10) == 0)
            remove_meta(&world);
        g_autoptr(GError) error = NULL;
        store = open_store(&world, &error);
        if (store == NULL)
            fail_msg("seed %u, life %u: does not open: %s", seed, life, error->message);
        check(&world, store, seed, life);
        adopt_recovered(&world);
        store_wait_sealed(store);
        check(&world, store, seed, life);
        store_close(store);
    }
    world_clear(&world);
}

static uint32_t
number_from(const char *name, uint32_t otherwise)
{
    const char *text = g_getenv(name);
    return text != NULL ? (uint32_t)atoi(text) : otherwise;
}

static void
loses_nothing_to_power_cuts(void **state)
{
    (void)state;
    uint32_t first = number_from("CRASH_FIRST", 1), n = number_from("CRASH_SEEDS", SEEDS_DEFAULT);
    for (uint32_t seed = first; seed < first + n; seed++)
        play_history(seed);
}

/* Each of the first calls meets the fault in turn; afterwards the store is opened without. */
static void
survive_fault(SimFault fault)
{
    for (uint64_t call = 1; call <= FAULT_CALLS; call++) {
        World world;
        world_init(&world, (uint32_t)call);
        disk_sim_plan(world.disk, call, fault);
        Store *store = open_store(&world, NULL);
        if (store != NULL) {
            append_some(&world, store);
            model_wait(&world.model);
            disk_sim_plan(world.disk, 0, SIM_NO_FAULT); /* the check itself has to read */
            check(&world, store, (uint32_t)call, 0);
            store_close(store);
        }
        disk_sim_plan(world.disk, 0, SIM_NO_FAULT);
        g_autoptr(GError) error = NULL;
        store = open_store(&world, &error);
        if (store == NULL)
            fail_msg("call %u: does not open: %s", (unsigned)call, error->message);
        check(&world, store, (uint32_t)call, 1);
        store_close(store);
        world_clear(&world);
    }
}

static void
survives_errors(void **state)
{
    (void)state;
    survive_fault(SIM_ERROR);
}

static void
survives_a_full_disk(void **state)
{
    (void)state;
    survive_fault(SIM_NO_SPACE);
}

static void
survives_short_and_interrupted_calls(void **state)
{
    (void)state;
    survive_fault(SIM_SHORT_WRITE);
    survive_fault(SIM_INTERRUPT);
}

static void
on_done(void *data, const GError *error)
{
    *(GError **)data = error != NULL ? g_error_copy(error) : NULL;
}

static void
append_empty(Store *store, GError **ret_answer, GError **error)
{
    Profile profile = {0};
    g_autoptr(Labels) labels = labels_new((Label[]){{"service_name", "a"}}, 1);
    StoreRow row = {.labels = labels, .profile = &profile, .time_ns = 1};
    store_append(store, "one", &row, 1, on_done, ret_answer, error);
}

static void
wait_for_state(Store *store, StoreState state)
{
    g_mutex_lock(&store->append_lock);
    while (store->state != state) {
        g_mutex_unlock(&store->append_lock);
        g_thread_yield();
        g_mutex_lock(&store->append_lock);
    }
    g_mutex_unlock(&store->append_lock);
}

/* What did not fit is written when there is space again, and appends go on. */
static void
goes_on_when_there_is_space_again(void **state)
{
    (void)state;
    World world;
    world_init(&world, 2);
    StoreConfig config = {"/data", 1 << 20, 3600 * second_ns};
    Store *store = store_open_on(&config, world.disk, world.meta_path, NULL);
    assert_non_null(store);
    append_some(&world, store);
    model_wait(&world.model);
    disk_sim_plan(world.disk, 1, SIM_NO_SPACE);
    append_some(&world, store);
    model_wait(&world.model);
    wait_for_state(store, STORE_WRITABLE);
    append_some(&world, store);
    model_wait(&world.model);
    store_close(store);
    disk_sim_lose_power(world.disk, world.random);
    store = store_open_on(&config, world.disk, world.meta_path, NULL);
    assert_non_null(store);
    assert_null(store_notice(store));
    check(&world, store, 2, 0);
    store_close(store);
    world_clear(&world);
}

static void
stops_acknowledging_after_a_failed_sync(void **state)
{
    (void)state;
    World world;
    world_init(&world, 1);
    StoreConfig config = {"/data", 1 << 20, 3600 * second_ns};
    Store *store = store_open_on(&config, world.disk, world.meta_path, NULL);
    assert_non_null(store);
    disk_sim_plan(world.disk, 2, SIM_ERROR); /* the write, then its sync */
    g_autoptr(GError) answer = NULL;
    g_autoptr(GError) refusal = NULL;
    append_empty(store, &answer, NULL);
    wait_for_state(store, STORE_FAULTY);
    GError *none = NULL;
    append_empty(store, &none, &refusal);
    assert_true(g_error_matches(refusal, CRESSET_ERROR, CRESSET_ERROR_UNAVAILABLE));
    store_close(store);
    assert_true(g_error_matches(answer, CRESSET_ERROR, CRESSET_ERROR_UNAVAILABLE));
    world_clear(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loses_nothing_to_power_cuts),
        cmocka_unit_test(survives_errors),
        cmocka_unit_test(survives_a_full_disk),
        cmocka_unit_test(survives_short_and_interrupted_calls),
        cmocka_unit_test(goes_on_when_there_is_space_again),
        cmocka_unit_test(stops_acknowledging_after_a_failed_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
