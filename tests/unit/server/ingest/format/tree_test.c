#include "server/ingest/format/tree.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/read_back.h"

static void
put_node(WireBuffer *out, const char *name, uint64_t value, uint64_t n_children)
{
    wire_put_varint(out, strlen(name));
    wire_put_raw(out, name, strlen(name));
    wire_put_varint(out, value);
    wire_put_varint(out, n_children);
}

typedef bool (*Read)(const uint8_t *data, size_t size, const ProfileSource *source, ProfileSet *set,
                     GError **error);

/* What becomes of the first `size` bytes, or of the error: then the result begins with "error ". */
static char *
read_data(Read read, const WireBuffer *data, size_t size, const ProfileSource *source)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *copy = g_memdup2(data->data, size);
    if (read(copy, size, source, set, &error)) {
        assert_null(error);
        return read_back(set);
    }
    assert_int_equal(set->profiles->len, 0);
    assert_non_null(error);
    return g_strconcat("error ", error->message, NULL);
}

/* main (1) calls work (2), which calls leaf (3), and idle (0), which calls nothing. */
static WireBuffer
small_tree(void)
{
    WireBuffer out = {0};
    put_node(&out, "", 0, 1);
    put_node(&out, "main", 1, 2);
    put_node(&out, "work", 2, 1);
    put_node(&out, "leaf", 300, 0);
    put_node(&out, "idle", 0, 0);
    return out;
}

static void
test_tree(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop.alloc_space");
    WireBuffer tree = small_tree();
    g_autofree char *got = read_data(tree_read, &tree, tree.size, &source);
    assert_string_equal(got, "__name__=memory service_name=shop\n"
                             "alloc_space:bytes at 7+3\n"
                             "main 1\n"
                             "main;work 2\n"
                             "main;work;leaf 300\n");
    g_free(tree.data);
}

/* The names of a trie are pieces of folded stacks. */
static void
test_trie(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer trie = {0};
    put_node(&trie, "", 0, 2);
    put_node(&trie, "main;wo", 0, 2);
    put_node(&trie, "rk", 2, 1);
    put_node(&trie, ";leaf", 3, 0);
    put_node(&trie, "rld", 4, 0);
    put_node(&trie, "other", 5, 0);
    g_autofree char *got = read_data(trie_read, &trie, trie.size, &source);
    assert_string_equal(got, "__name__=process_cpu service_name=shop\n"
                             "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
                             "main;work 20000000\n"
                             "main;work;leaf 30000000\n"
                             "main;world 40000000\n"
                             "other 50000000\n");
    g_free(trie.data);
}

static void
test_nothing_is_no_profile(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer tree = {0};
    g_autofree char *none = read_data(tree_read, &tree, 0, &source);
    assert_string_equal(none, "");
    put_node(&tree, "", 0, 0);
    g_autofree char *root = read_data(trie_read, &tree, tree.size, &source);
    assert_string_equal(root, "");
    g_free(tree.data);
}

static void
test_every_truncation_is_an_error(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer tree = small_tree();
    for (size_t size = 1; size < tree.size; size++) {
        g_autofree char *got = read_data(tree_read, &tree, size, &source);
        g_autofree char *trie = read_data(trie_read, &tree, size, &source);
        assert_contains(got, "error byte ");
        assert_contains(trie, "error byte ");
    }
    put_node(&tree, "more", 1, 0);
    g_autofree char *more = read_data(tree_read, &tree, tree.size, &source);
    assert_contains(more, "there is more behind the root");
    g_free(tree.data);
}

/* A deep path with many values: small, but its stacks together are not. */
static void
test_work_is_limited(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    TenantLimits limits = TEST_LIMITS;
    source.limits = &limits;
    limits.samples_max = 10;
    WireBuffer tree = {0};
    for (size_t i = 0; i < 100; i++)
        put_node(&tree, "f", 0, i < 99 ? 1 : 5000);
    for (size_t i = 0; i < 5000; i++)
        put_node(&tree, "leaf", 1, 0);
    g_autofree char *got = read_data(tree_read, &tree, tree.size, &source);
    assert_contains(got, "too many and too deep for one profile");
    limits.profile_bytes_max = 2000;
    g_autofree char *trie = read_data(trie_read, &tree, tree.size, &source);
    assert_contains(trie, "too many and too deep for one profile");
    g_free(tree.data);
}

static void
test_sizes_are_limited(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    TenantLimits limits = TEST_LIMITS;
    source.limits = &limits;
    limits.profile_bytes_max = 20000;
    WireBuffer deep = {0}, wide = {0};
    for (size_t i = 0; i < 70000; i++)
        put_node(&deep, "", 0, i < 69999);
    g_autofree char *nested = read_data(tree_read, &deep, deep.size, &source);
    assert_contains(nested, "nested more than 65536 deep");
    put_node(&wide, "", 0, 1000);
    for (size_t i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf("function%zu", i);
        put_node(&wide, name, 0, 0);
    }
    g_autofree char *names = read_data(tree_read, &wide, wide.size, &source);
    assert_contains(names, "max_profile_size_bytes");
    g_free(deep.data);
    g_free(wide.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_trie),
        cmocka_unit_test(test_nothing_is_no_profile),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_work_is_limited),
        cmocka_unit_test(test_sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
