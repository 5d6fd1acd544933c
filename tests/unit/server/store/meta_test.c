#include "server/store/meta.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/unit/server/store/meta_bed.h"

static MetaBlock
make_block(const char *tenant, const char *segment, int64_t first_ns, int64_t last_ns)
{
    MetaBlock block = {ulid_new(), block_info_new(tenant, segment)};
    const char *services[] = {"a", "b"};
    for (uint32_t i = 0; i < 2; i++) {
        BlockDatasetInfo *dataset = g_new0(BlockDatasetInfo, 1);
        dataset->service = g_strdup(services[i]);
        dataset->number = i;
        dataset->first_ns = first_ns;
        dataset->last_ns = last_ns;
        dataset->types = g_strsplit("cpu heap", " ", 0);
        g_ptr_array_add(block.info->datasets, dataset);
    }
    block.info->first_ns = first_ns;
    block.info->last_ns = last_ns;
    block.info->size = 100;
    return block;
}

static MetaBlock
add_block(MetaBed *bed, const char *tenant, const char *segment, int64_t first_ns, int64_t last_ns)
{
    MetaBlock block = make_block(tenant, segment, first_ns, last_ns);
    assert_true(meta_add(bed->meta, &block, 1, NULL));
    block_info_free(block.info);
    return block;
}

static unsigned
count(MetaBed *bed, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns)
{
    g_autoptr(GArray) found = meta_find(bed->meta, tenant, service, start_ns, end_ns, NULL);
    assert_non_null(found);
    return found->len;
}

static void
finds_by_tenant_service_and_closed_range(void **state)
{
    MetaBed *bed = *state;
    add_block(bed, "one", "S1", 10, 20);
    add_block(bed, "one", "S2", 21, 30);
    add_block(bed, "two", "S2", 21, 30);
    assert_int_equal(count(bed, "one", NULL, 0, 100), 4);
    assert_int_equal(count(bed, "one", "b", 0, 100), 2);
    assert_int_equal(count(bed, "one", "b", 20, 20), 1);
    assert_int_equal(count(bed, "one", "b", 20, 21), 2);
    assert_int_equal(count(bed, "one", "b", 31, 40), 0);
    assert_int_equal(count(bed, "one", "c", 0, 100), 0);
    assert_int_equal(count(bed, "three", NULL, 0, 100), 0);
}

static void
marks_bad_blocks_and_forgets_segments(void **state)
{
    MetaBed *bed = *state;
    MetaBlock block = add_block(bed, "one", "S1", 10, 20);
    add_block(bed, "one", "S2", 10, 20);
    int64_t n_blocks, n_bytes;
    assert_true(meta_quarantine(bed->meta, block.id.text, NULL));
    assert_true(meta_totals(bed->meta, &n_blocks, &n_bytes, NULL));
    assert_int_equal(n_blocks, 1);
    assert_int_equal(n_bytes, 100);
    g_autoptr(GArray) found = meta_find(bed->meta, "one", "a", 0, 100, NULL);
    for (unsigned i = 0; i < found->len; i++) {
        const MetaDataset *dataset = &g_array_index(found, MetaDataset, i);
        assert_int_equal(dataset->is_bad, strcmp(dataset->segment.text, "S1") == 0);
    }
    assert_true(meta_forget_segment(bed->meta, "S1", NULL));
    assert_int_equal(count(bed, "one", "a", 0, 100), 1);
    g_autoptr(GArray) entries = meta_list(bed->meta, NULL);
    assert_int_equal(entries->len, 1);
}

static void
adds_all_or_nothing(void **state)
{
    MetaBed *bed = *state;
    MetaBlock blocks[2] = {make_block("one", "S1", 1, 2), make_block("two", "S1", 1, 2)};
    blocks[1].id = blocks[0].id; /* the second cannot be added */
    g_autoptr(GError) error = NULL;
    assert_false(meta_add(bed->meta, blocks, 2, &error));
    assert_non_null(error);
    assert_int_equal(count(bed, "one", NULL, 0, 100), 0);
    blocks[1].id = ulid_new();
    assert_true(meta_add(bed->meta, blocks, 2, NULL));
    assert_int_equal(count(bed, "one", NULL, 0, 100), 2);
    block_info_free(blocks[0].info);
    block_info_free(blocks[1].info);
}

static void
keeps_its_content_when_opened_again(void **state)
{
    MetaBed *bed = *state;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (unsigned i = 0; i < 50; i++)
        add_block(bed, "one", "S1", 10 + i, 20 + i);
    meta_close(bed->meta);
    bool is_new;
    bed->meta = meta_open(bed->path, &is_new, NULL);
    assert_false(is_new);
    assert_int_equal(count(bed, "one", "a", 0, 100), 50);
    assert_true(meta_time_range(bed->meta, "one", &first, &last, NULL));
    assert_int_equal(first, 10);
    assert_int_equal(last, 69);
    g_autoptr(GHashTable) tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    assert_true(meta_tenants(bed->meta, tenants, NULL));
    assert_int_equal(g_hash_table_size(tenants), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_by_tenant_service_and_closed_range, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(marks_bad_blocks_and_forgets_segments, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(adds_all_or_nothing, meta_bed_set_up, meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(keeps_its_content_when_opened_again, meta_bed_set_up,
                                        meta_bed_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
