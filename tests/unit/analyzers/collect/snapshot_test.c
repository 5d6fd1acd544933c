#include "analyzers/collect/snapshot.h"

#include <string.h>

#include "tests/harness/check.h"

static void
add(Snapshot *snapshot, Kind kind, const char *yaml)
{
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    value_reader_begin(reader, VALUE_YAML);
    assert_true(value_reader_feed(reader, yaml, strlen(yaml), NULL));
    snapshot_add(snapshot, kind, value_reader_end(reader, NULL));
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kind_without_a_definition_is_absent),
        cmocka_unit_test(test_without_definitions_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
