/* Answers of Docker or Podman, or of whatever else listens at their sockets: any bytes. What was
 * read can be named, known and relabeled. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/discovery/container_index.h"
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
name_process(const LocalContainer *container)
{
    const Cgroup cgroup = {.container_id = container->id};
    const Target target = {.pid = 1, .comm = "\xff", .cgroup = &cgroup, .local = container};
    g_autoptr(LabelSet) set = label_set_new();
    target_add_labels(&target, set);
    if (*label_set_get(set, "service_name") == '\0')
        __builtin_trap();
    target_add_meta_labels(&target, set);
    if (strcmp(label_set_get(set, "__meta_docker_container_id"), container->id) != 0)
        __builtin_trap();
    check_labels(set);
}

static void
know(ContainerIndex *index, LocalContainer *container)
{
    container_index_put(index, container, 1);
    g_autoptr(LocalContainer) found = container_index_find(index, container->id, 2);
    if (found != container || container_index_has_due(index))
        __builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) body = g_bytes_new_static(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) containers = local_container_read_list(body, &error);
    if ((containers == NULL) != (error != NULL))
        __builtin_trap();
    g_autoptr(ContainerIndex) index = container_index_new();
    for (guint i = 0; containers != NULL && i < containers->len; i++) {
        name_process(containers->pdata[i]);
        know(index, containers->pdata[i]);
    }
    return 0;
}
