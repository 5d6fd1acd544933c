/* Pods as the API server tells of them: any JSON. What is read of one can be named, found,
 * relabeled and forgotten. */
#include <stddef.h>
#include <stdint.h>

#include "agent/discovery/pod_index.h"
#include "agent/discovery/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_labels(const LabelSet *set)
{
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        if (*name == '\0' || *value == '\0' || !g_utf8_validate(value, -1, NULL))
            __builtin_trap();
    }
}

static void
name_process(Pod *pod, const PodContainer *container)
{
    const Cgroup cgroup = {.container_id = (char *)"c1"};
    const Target target = {
        .pid = 1, .comm = "\xff", .cgroup = &cgroup, .pod = pod, .container = container};
    g_autoptr(LabelSet) set = label_set_new();
    target_add_labels(&target, set);
    if (*label_set_get(set, "service_name") == '\0' || *label_set_get(set, "pod") == '\0')
        __builtin_trap();
    target_add_meta_labels(&target, set);
    check_labels(set);
    target_drop_meta_labels(set);
    if (*label_set_get(set, "__meta_kubernetes_pod_name") != '\0')
        __builtin_trap();
    (void)target_is_wanted(&target, TARGET_SCHEME_ANNOTATION);
}

static void
find_and_forget(Pod *pod)
{
    g_autoptr(PodIndex) index = pod_index_new();
    const PodContainer *container;
    pod_index_put(index, pod, 1);
    pod_index_put(index, pod, 2);
    g_autoptr(Pod) found = pod_index_find(index, NULL, pod->uid, 3, &container);
    if (found != pod || pod_index_size(index) != 1)
        __builtin_trap();
    for (guint i = 0; i < pod->containers->len; i++) {
        const char *id = pod_container_id(&g_array_index(pod->containers, PodContainer, i));
        g_autoptr(Pod) of_container = pod_index_find(index, id, NULL, 3, &container);
        if (of_container != NULL)
            name_process(of_container, container);
    }
    pod_index_remove(index, pod->uid, 4);
    g_autoptr(Pod) gone = pod_index_find(index, NULL, pod->uid, 5 + POD_GRACE_US, &container);
    if (gone != NULL)
        __builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(Arena) arena = arena_new(16 * 1024 * 1024);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    const Value *object =
        value_reader_feed(reader, data, size, NULL) ? value_reader_end(reader, NULL) : NULL;
    g_autoptr(Pod) pod = object != NULL ? pod_new(object) : NULL;
    if (pod == NULL)
        return 0;
    name_process(pod, NULL);
    find_and_forget(pod);
    return 0;
}
