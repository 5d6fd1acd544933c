#include "server/store/block.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"
#include "tests/unit/server/store/fixture.h"

typedef struct {
    char *dir;
    Store *store;
    Model model;
    GRand *random;
} Bed;

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void
open_bed(Bed *bed)
{
    StoreConfig config = {bed->dir, 64 << 20, 3600 * G_GINT64_CONSTANT(1000000000)};
    bed->store = store_open(&config, NULL);
    assert_non_null(bed->store);
}

/* A store whose only data is one block of two datasets. */
static int
set_up(void **state)
{
    Bed *bed = g_new0(Bed, 1);
    bed->dir = g_dir_make_tmp("cresset-block-XXXXXX", NULL);
    bed->random = g_rand_new_with_seed(9);
    model_init(&bed->model);
    open_bed(bed);
    for (unsigned i = 0; i < 12; i++) {
        FixtureShape shape = {.n_functions = 8,
                              .n_samples = 40,
                              .max_depth = 7,
                              .prefix = "f",
                              .has_addresses = true};
        FixtureProfile *profile = fixture_profile_new(bed->random, &shape);
        ModelAppend append = {"one", i % 2 ? "a" : "b", "pod", i, 2};
        assert_true(model_append(&bed->model, bed->store, bed->random, profile, &append));
        fixture_profile_free(profile);
    }
    store_close(bed->store);
    open_bed(bed);
    assert_true(store_wait_sealed(bed->store));
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    Bed *bed = *state;
    store_close(bed->store);
    model_clear(&bed->model);
    g_rand_free(bed->random);
    remove_tree(bed->dir);
    g_free(bed->dir);
    g_free(bed);
    return 0;
}

static char *
block_path(const Bed *bed)
{
    g_autofree char *folder = g_build_filename(bed->dir, "blocks", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = g_dir_read_name(dir);
    assert_non_null(name);
    return g_build_filename(folder, name, NULL);
}

static bool
is_good(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Block) block = block_open(disk_system(), path, &error);
    bool is_ok = block != NULL && block_verify(block, &error);
    if (!is_ok)
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS));
    return is_ok;
}

static void
describes_itself(void **state)
{
    Bed *bed = *state;
    g_autofree char *path = block_path(bed);
    g_autoptr(Block) block = block_open(disk_system(), path, NULL);
    const BlockInfo *info = block_info(block);
    assert_string_equal(info->tenant, "one");
    assert_int_equal(info->datasets->len, 2);
    assert_int_equal(info->n_rows, 24);
    assert_int_equal(info->first_ns, 0);
    assert_int_equal(info->last_ns, 11);
    const BlockDatasetInfo *dataset = info->datasets->pdata[0];
    assert_string_equal(dataset->service, "a");
    assert_int_equal(g_strv_length(dataset->types), 2);
    assert_true(is_good(path));
}

static bool
check_order(const StoreDataset *dataset, void *data, GError **error)
{
    const SymbolView *symbols = dataset->symbols;
    (void)data;
    (void)error;
    for (uint32_t i = 1; i < symbols->n_nodes; i++) {
        assert_true(symbols->node_parent[i] < i);
        assert_true(symbols->function_of_node[i - 1] <= symbols->function_of_node[i]);
    }
    for (uint32_t i = 1; i < symbols->n_function_nodes; i++) {
        /* Pre-order: the parent is the node before or one of its parents; names rise. */
        uint32_t above = i - 1, child = i;
        while (above != symbols->function_parent[i]) {
            child = above;
            above = symbols->function_parent[above];
        }
        if (child != i)
            assert_true(symbols->function_name[child] < symbols->function_name[i]);
    }
    return true;
}

static void
numbers_nodes_as_documented(void **state)
{
    Bed *bed = *state;
    g_autoptr(GError) error = NULL;
    assert_true(store_visit(bed->store, "one", NULL, 0, 100, STORE_WITH_SAMPLES, check_order, NULL,
                            NULL, &error));
}

static void
finds_flipped_bits(void **state)
{
    Bed *bed = *state;
    g_autofree char *path = block_path(bed);
    g_autofree char *copy = g_build_filename(bed->dir, "copy.block", NULL);
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize i = 0; i < size; i++) {
        char flip = (char)(1 << g_rand_int_range(bed->random, 0, 8));
        bytes[i] ^= flip;
        FILE *file = fopen(copy, "wb");
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        fclose(file);
        bytes[i] ^= flip;
        if (is_good(copy))
            fail_msg("flip in byte %zu of %zu not seen", (size_t)i, (size_t)size);
    }
}

static void
refuses_cut_files(void **state)
{
    Bed *bed = *state;
    g_autofree char *path = block_path(bed);
    g_autofree char *copy = g_build_filename(bed->dir, "copy.block", NULL);
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize cut = 0; cut < size; cut += 1 + cut / 64) {
        assert_true(g_file_set_contents(copy, bytes, (gssize)cut, NULL));
        assert_false(is_good(copy));
    }
}

static bool
count_rows(const StoreDataset *dataset, void *data, GError **error)
{
    (void)error;
    *(uint32_t *)data += dataset->n_rows;
    return true;
}

static void
puts_bad_blocks_into_quarantine(void **state)
{
    Bed *bed = *state;
    g_autofree char *path = block_path(bed);
    FILE *file = fopen(path, "r+b");
    fseek(file, 70, SEEK_SET);
    fputs("damage", file);
    fclose(file);
    uint32_t n_rows = 0;
    bool is_partial = false;
    assert_true(store_visit(bed->store, "one", NULL, 0, 100, STORE_WITH_SAMPLES, count_rows,
                            &n_rows, &is_partial, NULL));
    assert_true(is_partial);
    assert_int_equal(n_rows, 0);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_int_equal(metrics_get(bed->store->metrics, STORE_METRIC_QUARANTINED, 0), 1);
    store_close(bed->store);
    open_bed(bed);
    is_partial = false;
    assert_true(store_visit(bed->store, "one", NULL, 0, 100, STORE_WITH_ROWS, count_rows, &n_rows,
                            &is_partial, NULL));
    assert_true(is_partial);
    is_partial = true;
    assert_true(store_visit(bed->store, "one", NULL, 50, 100, STORE_WITH_ROWS, count_rows, &n_rows,
                            &is_partial, NULL));
    assert_false(is_partial);
}

/* A table with one more section of a type from the future. */
static void
skips_sections_it_does_not_know(void **state)
{
    Bed *bed = *state;
    g_autofree char *path = block_path(bed);
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    BlockTail tail;
    memcpy(&tail, bytes + size - sizeof tail, sizeof tail);
    g_autoptr(GByteArray) grown = g_byte_array_new();
    g_byte_array_append(grown, (uint8_t *)bytes, (unsigned)(size - sizeof tail));
    BlockEntry entry;
    memcpy(&entry, bytes + tail.table_offset, sizeof entry);
    entry.type = 900;
    entry.codec = 77;
    g_byte_array_append(grown, (uint8_t *)&entry, sizeof entry);
    tail.table_size += sizeof entry;
    tail.table_hash = XXH3_64bits(grown->data + tail.table_offset, tail.table_size);
    g_byte_array_append(grown, (uint8_t *)&tail, sizeof tail);
    g_autofree char *copy = g_build_filename(bed->dir, "copy.block", NULL);
    assert_true(g_file_set_contents(copy, (char *)grown->data, grown->len, NULL));
    assert_true(is_good(copy));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(describes_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_nodes_as_documented, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_flipped_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_cut_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(puts_bad_blocks_into_quarantine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(skips_sections_it_does_not_know, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
