/* The pods of recorded clusters: all are read, found and named, and take little memory. */
#include <gio/gio.h>
#include <malloc.h>
#include <string.h>

#include "agent/discovery/pod_index.h"
#include "tests/harness/check.h"

enum { POD_BYTES_MAX = 3 * 1024 }; /* of memory, on average, with what finds it */

static GBytes *
unpack(const char *path)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GInputStream) packed = G_INPUT_STREAM(g_file_read(file, NULL, NULL));
    g_autoptr(GConverter) converter =
        G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
    assert_non_null(packed);
    g_autoptr(GInputStream) stream = g_converter_input_stream_new(packed, converter);
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    assert_true(
        g_output_stream_splice(out, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, NULL) > 0);
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(out));
}

static void
check_workload(const Value *object, const Pod *pod)
{
    const Value *owner = value_first(object, "metadata.ownerReferences");
    if (owner == NULL)
        return;
    const char *name = value_text(owner, "name"), *dash = strrchr(name, '-');
    bool has_suffix = value_is(owner, "kind", "ReplicaSet") || value_is(owner, "kind", "Job");
    g_autofree char *wanted =
        has_suffix && dash != NULL && pod->workload != NULL && strcmp(pod->workload, name) != 0
            ? g_strndup(name, (gsize)(dash - name))
            : g_strdup(name);
    assert_string_equal(pod->workload, wanted);
    if (value_is(owner, "kind", "ReplicaSet"))
        assert_string_not_equal(pod->workload, name);
}

static void
check_found(const Value *object, PodIndex *index, size_t *n_containers)
{
    const Value *status = value_first(object, "status.containerStatuses");
    for (; status != NULL; status = status->next) {
        const char *id = strstr(value_text(status, "containerID"), "://");
        const PodContainer *container = NULL;
        if (id == NULL)
            continue;
        g_autoptr(Pod) pod = pod_index_find(index, id + strlen("://"), NULL, 1, &container);
        assert_non_null(pod);
        assert_string_equal(pod->uid, value_text(object, "metadata.uid"));
        assert_string_equal(container->name, value_text(status, "name"));
        ++*n_containers;
    }
}

static void
check_cluster(const char *name)
{
    g_autofree char *path =
        g_build_filename(CRESSET_RECORDINGS_DIR, name, "lists", "core_v1_pods.json.gz", NULL);
    g_autoptr(GBytes) text = unpack(path);
    g_autoptr(Arena) arena = arena_new((size_t)512 * 1024 * 1024);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    assert_true(
        value_reader_feed(reader, g_bytes_get_data(text, NULL), g_bytes_get_size(text), NULL));
    const Value *list = value_reader_end(reader, NULL);
    g_autoptr(PodIndex) index = pod_index_new();
    size_t n_pods = 0, n_containers = 0, before = mallinfo2().uordblks;
    for (const Value *item = value_first(list, "items"); item != NULL; item = item->next) {
        g_autoptr(Pod) pod = pod_new(item);
        assert_non_null(pod);
        check_workload(item, pod);
        pod_index_put(index, pod, 1);
        n_pods++;
    }
    size_t bytes = mallinfo2().uordblks - before;
    for (const Value *item = value_first(list, "items"); item != NULL; item = item->next)
        check_found(item, index, &n_containers);
    assert_true(n_pods > 0 && n_containers > 0);
    assert_int_equal(pod_index_size(index), n_pods);
    print_message("%s: %zu pods, %zu containers that run, %zu bytes of memory a pod\n", name,
                  n_pods, n_containers, bytes / n_pods);
    assert_true(bytes / n_pods <= POD_BYTES_MAX);
}

static void
test_recorded_clusters(void **state)
{
    (void)state;
    static const char *const names[] = {"healthy", "mixed-platform", "large"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        check_cluster(names[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_clusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
