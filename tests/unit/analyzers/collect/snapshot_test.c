#include "analyzers/collect/snapshot.h"

#include <string.h>

#include "tests/harness/check.h"

static const Value *
parse(Snapshot *snapshot, const char *yaml)
{
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    value_reader_begin(reader, VALUE_YAML);
    assert_true(value_reader_feed(reader, yaml, strlen(yaml), NULL));
    const Value *value = value_reader_end(reader, NULL);
    assert_non_null(value);
    return value;
}

static void
add(Snapshot *snapshot, Kind kind, const char *yaml)
{
    assert_true(snapshot_add(snapshot, kind, parse(snapshot, yaml)));
}

static void
test_a_kind_without_a_definition_is_absent(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    snapshot_set_list(snapshot, KIND_CRD, LIST_READ, NULL);
    snapshot_set_list(snapshot, KIND_SEALED_SECRET, LIST_FAILED, "403");
    add(snapshot, KIND_CRD, "metadata: {name: scaledobjects.keda.sh}");
    snapshot_finish(snapshot);
    assert_true(snapshot_knows(snapshot, KIND_VPA));
    assert_true(snapshot_knows(snapshot, KIND_HTTP_ROUTE));
    assert_int_equal(snapshot_presence(snapshot, KIND_VPA, "shop", "web"), PRESENCE_MISSING);
    assert_false(snapshot_knows(snapshot, KIND_SCALED_OBJECT)); /* it is defined */
    assert_false(snapshot_knows(snapshot, KIND_SEALED_SECRET)); /* it was tried */
    assert_false(snapshot_knows(snapshot, KIND_DEPLOYMENT));    /* Kubernetes' own */
    assert_false(snapshot_knows(snapshot, KIND_ENDPOINT_SLICE));
}

static void
test_without_definitions_nobody_knows(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    snapshot_finish(snapshot);
    assert_false(snapshot_knows(snapshot, KIND_VPA));
    assert_int_equal(snapshot_presence(snapshot, KIND_VPA, "shop", "web"), PRESENCE_UNKNOWN);
}

static void
fill(Arena *arena)
{
    for (size_t size = (size_t)16 * 1024 * 1024; size >= 16; size /= 2) {
        while (arena_alloc(arena, size) != NULL)
            continue;
    }
}

static void
test_what_does_not_fit_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    const Value *first = parse(snapshot, "metadata: {namespace: shop, name: first}");
    const Value *second = parse(snapshot, "metadata: {namespace: shop, name: second}");
    const Value *event = parse(snapshot, "metadata: {namespace: shop, name: e}\n"
                                         "involvedObject: {uid: \"1\"}");
    const Value *hostile = parse(snapshot, "metadata: {name: \"a\\eb\"}");
    assert_true(snapshot_add(snapshot, KIND_CONFIG_MAP, first));
    assert_true(snapshot_add(snapshot, KIND_EVENT, event));
    fill(snapshot_arena(snapshot));
    assert_false(snapshot_add(snapshot, KIND_CONFIG_MAP, second));
    assert_false(snapshot_add(snapshot, KIND_NODE, hostile));
    assert_true(snapshot_add(snapshot, KIND_CONFIG_MAP, first)); /* it is there */
    snapshot_set_list(snapshot, KIND_CONFIG_MAP, LIST_READ, NULL);
    snapshot_set_list(snapshot, KIND_EVENT, LIST_READ, NULL);
    snapshot_finish(snapshot);
    assert_int_equal(snapshot_presence(snapshot, KIND_CONFIG_MAP, "shop", "second"),
                     PRESENCE_UNKNOWN);
    assert_int_equal(snapshot_list_state(snapshot, KIND_CONFIG_MAP), LIST_FAILED);
    assert_contains(snapshot_list_problem(snapshot, KIND_CONFIG_MAP),
                    "configmaps could not be read to the end");
    assert_contains(snapshot_list_problem(snapshot, KIND_CONFIG_MAP), "1073741824 bytes");
    assert_int_equal(snapshot_list_state(snapshot, KIND_EVENT), LIST_FAILED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kind_without_a_definition_is_absent),
        cmocka_unit_test(test_without_definitions_nobody_knows),
        cmocka_unit_test(test_what_does_not_fit_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
