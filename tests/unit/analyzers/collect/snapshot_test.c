#include "analyzers/collect/snapshot.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "analyzers/collect/log_folder.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

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

static void
test_events_name_their_container(void **state)
{
    (void)state;
    static const struct {
        const char *about, *container;
    } rows[] = {
        {"involvedObject: {uid: p, fieldPath: 'spec.containers{app}'}", "app"},
        {"involvedObject: {uid: p, fieldPath: 'spec.initContainers{wait}'}", "wait"},
        {"regarding: {uid: p, fieldPath: 'spec.containers{app}'}", "app"},
        {"involvedObject: {uid: p, fieldPath: \"spec.containers{a\\eb}\"}", "a?b"},
        {"involvedObject: {uid: p, fieldPath: 'spec.containers{'}", ""},
        {"involvedObject: {uid: p, fieldPath: 'spec.volumes{data}'}", ""},
        {"involvedObject: {uid: p}", ""},
    };
    const Object pod = {.kind = KIND_POD, .ns = "shop", .name = "web", .uid = "p"};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Snapshot) snapshot = snapshot_new();
        g_autofree char *yaml = g_strdup_printf("metadata: {namespace: shop, name: e}\n"
                                                "reason: Unhealthy\n%s",
                                                rows[i].about);
        add(snapshot, KIND_EVENT, yaml);
        snapshot_finish(snapshot);
        const Event *event = snapshot_event(snapshot, &pod, "Unhealthy", 0);
        assert_non_null(event);
        assert_string_equal(event->container, rows[i].container);
    }
}

/* One that is larger than memory: only its end is read. */
static void
test_the_end_of_a_log_is_read(void **state)
{
    (void)state;
    static const off_t hole = (off_t)1 << 40;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "shop_web_app.log");
    g_autoptr(GString) text = g_string_new("the first line\n");
    assert_true(g_file_set_contents(path, text->str, -1, NULL));
    g_autoptr(Snapshot) snapshot = snapshot_new();
    log_folder_open(snapshot, temp_dir_path(dir));
    const Object pod = {.kind = KIND_POD, .ns = "shop", .name = "web"};
    g_autofree char *whole = snapshot_log(snapshot, &pod, "app", false);
    assert_string_equal(whole, text->str);
    assert_null(snapshot_log(snapshot, &pod, "app", true));
    assert_int_equal(truncate(path, hole), 0);
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GFileOutputStream) out = g_file_append_to(file, G_FILE_CREATE_NONE, NULL, NULL);
    assert_true(g_output_stream_write_all(G_OUTPUT_STREAM(out), "the end\n", 8, NULL, NULL, NULL));
    assert_true(g_output_stream_close(G_OUTPUT_STREAM(out), NULL, NULL));
    g_autofree char *end = snapshot_log(snapshot, &pod, "app", false);
    assert_non_null(end);
    assert_true(g_str_has_suffix(end, "the end\n"));
    assert_true(g_utf8_validate(end, -1, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kind_without_a_definition_is_absent),
        cmocka_unit_test(test_without_definitions_nobody_knows),
        cmocka_unit_test(test_what_does_not_fit_is_not_missing),
        cmocka_unit_test(test_events_name_their_container),
        cmocka_unit_test(test_the_end_of_a_log_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
