#include "agent/process/process_table.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/process/executable_private.h"
#include "agent/process/mapping.h"
#include "agent/process/maps.h"
#include "agent/process/process_private.h"

struct ProcessTable {
    ExecutableCache *cache;
    const ProcessTableOps *ops;
    void *data;
    GHashTable *by_pid; /* pid -> Process *, a reference each */
    DIR *scan;
};

ProcessTable *
process_table_new(ExecutableCache *cache, const ProcessTableOps *ops, void *data)
{
    ProcessTable *table = g_new0(ProcessTable, 1);
    table->cache = cache;
    table->ops = ops;
    table->data = data;
    table->by_pid = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)process_unref);
    return table;
}

void
process_table_free(ProcessTable *table)
{
    if (table == NULL)
        return;
    if (table->scan != NULL)
        closedir(table->scan);
    g_hash_table_unref(table->by_pid);
    g_free(table);
}

Process *
process_table_find(ProcessTable *table, uint32_t pid)
{
    return g_hash_table_lookup(table->by_pid, GUINT_TO_POINTER(pid));
}

guint
process_table_size(const ProcessTable *table)
{
    return g_hash_table_size(table->by_pid);
}

void
process_table_foreach(ProcessTable *table, void (*func)(Process *, void *), void *data)
{
    GHashTableIter iter;
    gpointer process;
    g_hash_table_iter_init(&iter, table->by_pid);
    while (g_hash_table_iter_next(&iter, NULL, &process))
        func(process, data);
}

static void
drop(ProcessTable *table, Process *process)
{
    process->has_exited = true;
    process_private(process)->is_kept = false;
    table->ops->gone(process, table->data);
    g_hash_table_remove(table->by_pid, GUINT_TO_POINTER(process->pid));
}

/* Puts a new process into the table, which takes over the reference. */
static void
keep(ProcessTable *table, Process *process)
{
    Process *old = process_table_find(table, process->pid);
    if (old != NULL)
        drop(table, old);
    process_private(process)->is_kept = true;
    g_hash_table_insert(table->by_pid, GUINT_TO_POINTER(process->pid), process);
}

/* Finds the executable of a mapping; drop_mapping gives it back. */
static Mapping
make_mapping(ProcessTable *table, const ExecutableQuery *query, uint64_t file_offset)
{
    Mapping mapping = {.start = query->start, .end = query->end};
    if (query->inode != 0)
        mapping.executable = executable_cache_get(table->cache, query, NULL);
    if (mapping.executable != NULL &&
        !executable_bias(mapping.executable, mapping.start, file_offset, &mapping.bias))
        g_clear_pointer(&mapping.executable, executable_unref);
    return mapping;
}

static Mapping
make_vdso(ProcessTable *table, uint64_t start)
{
    Mapping mapping = {.start = start, .end = start};
    g_autoptr(Executable) vdso = executable_cache_get_vdso(table->cache);
    if (vdso == NULL || start == 0 || !executable_bias(vdso, start, 0, &mapping.bias))
        return mapping;
    mapping.end = start + ((vdso->size_bytes + 4095) & ~(uint64_t)4095);
    mapping.executable = g_steal_pointer(&vdso);
    return mapping;
}

/* `list` with one mapping more. Takes over the reference to `list` and what `mapping` holds. */
static GArray *
insert_mapping(GArray *list, Mapping mapping)
{
    GArray *longer = mapping_list_insert(list, &mapping);
    g_array_unref(list);
    g_clear_pointer(&mapping.executable, executable_unref);
    return longer;
}

typedef struct {
    ProcessTable *table;
    uint32_t pid;
    GArray *list;
} MapsReading;

static void
take_map_line(const MapLine *map, void *data)
{
    MapsReading *reading = data;
    Mapping mapping;
    ExecutableQuery query = {reading->pid, map->device, map->inode,
                             map->start,   map->end,    map->path};
    if (strcmp(map->path, "[vsyscall]") == 0)
        return;
    if (strcmp(map->path, "[vdso]") == 0)
        mapping = make_vdso(reading->table, map->start);
    else
        mapping = make_mapping(reading->table, &query, map->file_offset);
    mapping_list_append(reading->list, &mapping);
    g_clear_pointer(&mapping.executable, executable_unref);
}

/* Memory of a JIT compiler may be writable and not executable just now: what was once known of it
 * stays known where nothing else has come. */
static GArray *
keep_anonymous(GArray *list, const GArray *old)
{
    for (guint i = 0; i < old->len; i++) {
        const Mapping *mapping = &g_array_index(old, Mapping, i);
        if (mapping->executable == NULL && mapping_list_find(list, mapping->start) == NULL &&
            mapping_list_find(list, mapping->end - 1) == NULL)
            list = insert_mapping(list, *mapping);
    }
    return list;
}

/* Reads all mappings; false when the process is gone or ends just now, which shows as none at all:
 * its last samples need what was known. The number of the last event is taken first: an event that
 * comes while reading is applied once more, which changes nothing. */
static bool
read_maps(ProcessTable *table, Process *process)
{
    char path[40];
    uint32_t sequence = table->ops->sequence(process->pid, table->data);
    MapsReading reading = {table, process->pid, mapping_list_new()};
    g_snprintf(path, sizeof path, "/proc/%u/maps", process->pid);
    if (!maps_read(path, take_map_line, &reading, NULL) ||
        (reading.list->len == 0 && process->mappings->len > 0)) {
        g_array_unref(reading.list);
        return false;
    }
    process_set_mappings(process, keep_anonymous(reading.list, process->mappings));
    process_private(process)->sequence = sequence;
    process_private(process)->read_at_us = g_get_monotonic_time();
    return true;
}

Process *
process_table_get(ProcessTable *table, uint32_t pid)
{
    Process *process = process_table_find(table, pid);
    if (process != NULL)
        return process_ref(process);
    process = process_new(pid);
    process_read_status(process);
    if (!read_maps(table, process)) {
        process->has_exited = true;
        return process;
    }
    keep(table, process_ref(process));
    table->ops->changed(process, table->data);
    return process;
}

static bool
is_same(const GArray *left, const GArray *right)
{
    if (left->len != right->len)
        return false;
    for (guint i = 0; i < left->len; i++) {
        const Mapping *a = &g_array_index(left, Mapping, i), *b = &g_array_index(right, Mapping, i);
        if (a->start != b->start || a->end != b->end || a->executable != b->executable)
            return false;
    }
    return true;
}

void
process_table_reread(ProcessTable *table, Process *process)
{
    enum { AGAIN_MS_MIN = 100, AGAIN_MS_MAX = 30000 };
    ProcessPrivate *private = process_private(process);
    gint64 since_us = g_get_monotonic_time() - private->read_at_us;
    if (process->has_exited || since_us < (gint64) private->read_again_ms * 1000)
        return;
    g_autoptr(GArray) old = g_array_ref(process->mappings);
    if (!read_maps(table, process))
        return;
    if (is_same(old, process->mappings)) {
        private->read_again_ms = MIN(MAX(private->read_again_ms, AGAIN_MS_MIN) * 2, AGAIN_MS_MAX);
    } else {
        private->read_again_ms = AGAIN_MS_MIN;
    }
    table->ops->changed(process, table->data);
}

static void
set_from_event(Process *process, const struct event_process *event)
{
    process->start_time_ns = event->start_time_ns;
    process->namespace_pid = event->namespace_pid;
    memcpy(process->comm, event->comm, sizeof process->comm);
    process->comm[sizeof process->comm - 1] = '\0';
    process_private(process)->mm = event->mm;
    process_private(process)->sequence = event->header.sequence;
}

static void
apply_fork(ProcessTable *table, const struct event_process *event)
{
    Process *parent = process_table_find(table, event->parent);
    if (parent == NULL) {
        process_unref(process_table_get(table, event->header.pid));
        return;
    }
    Process *process = process_new(event->header.pid);
    set_from_event(process, event);
    process_set_mappings(process, g_array_ref(parent->mappings));
    cgroup_copy(&parent->cgroup, &process->cgroup);
    process->executable_path = g_strdup(parent->executable_path);
    process->is_kernel_thread = parent->is_kernel_thread;
    keep(table, process);
    table->ops->changed(process, table->data);
}

static void
apply_exec(ProcessTable *table, const struct event_process *event)
{
    Process *process = process_table_find(table, event->header.pid);
    if (process == NULL) {
        process = process_new(event->header.pid);
        keep(table, process);
    }
    ProcessPrivate *private = process_private(process);
    /* Of a process whose address space was not known, its last events may have come too late. */
    bool is_announced =
        private->mm != 0 && private->next_mappings != NULL && private->next_mm == event->mm;
    private->is_identified = false;
    process->is_kernel_thread = false;
    set_from_event(process, event);
    if (is_announced) {
        GArray *list = g_steal_pointer(&private->next_mappings);
        if (event->vdso != 0)
            list = insert_mapping(list, make_vdso(table, event->vdso));
        process_set_mappings(process, list);
    } else {
        g_clear_pointer(&private->next_mappings, g_array_unref);
        process_set_mappings(process, mapping_list_new());
        read_maps(table, process);
    }
    table->ops->changed(process, table->data);
}

static GArray *
changed_list(ProcessTable *table, GArray *list, const struct event_map *event)
{
    if (event->header.kind == EVENT_MAP) {
        ExecutableQuery query = {.pid = event->header.pid,
                                 .device = event->device,
                                 .inode = event->inode,
                                 .start = event->start,
                                 .end = event->end};
        return insert_mapping(list, make_mapping(table, &query, event->file_offset));
    }
    GArray *shorter = mapping_list_remove(list, event->start, event->end);
    g_array_unref(list);
    return shorter;
}

static void
apply_map(ProcessTable *table, const struct event_map *event)
{
    Process *process = process_table_find(table, event->header.pid);
    if (process == NULL) {
        process_unref(process_table_get(table, event->header.pid));
        return;
    }
    ProcessPrivate *private = process_private(process);
    if (event->mm != private->mm) {
        if (private->next_mappings == NULL || private->next_mm != event->mm) {
            g_clear_pointer(&private->next_mappings, g_array_unref);
            private->next_mappings = mapping_list_new();
            private->next_mm = event->mm;
        }
        private->next_mappings = changed_list(table, private->next_mappings, event);
        if (private->mm != 0)
            return;
    }
    /* Without a known address space it may be either: of this one, or of an exec to come. */
    if ((int32_t)(event->header.sequence - private->sequence) < 0)
        return; /* older than what /proc told */
    process->mappings = changed_list(table, process->mappings, event);
    private->sequence = event->header.sequence;
    table->ops->changed(process, table->data);
}

void
process_table_apply(ProcessTable *table, const struct event_header *event)
{
    Process *process;
    switch (event->kind) {
    case EVENT_FORK:
        apply_fork(table, (const struct event_process *)event);
        break;
    case EVENT_EXEC:
        apply_exec(table, (const struct event_process *)event);
        break;
    case EVENT_EXIT:
        process = process_table_find(table, event->pid);
        if (process != NULL)
            drop(table, process);
        break;
    case EVENT_MAP:
    case EVENT_UNMAP:
        apply_map(table, (const struct event_map *)event);
        break;
    default:
        break;
    }
}

bool
process_table_scan(ProcessTable *table, guint n_processes)
{
    if (table->scan == NULL)
        table->scan = opendir("/proc");
    struct dirent *entry = NULL;
    while (table->scan != NULL && n_processes > 0 && (entry = readdir(table->scan)) != NULL) {
        uint32_t pid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (pid == 0)
            continue;
        process_unref(process_table_get(table, pid));
        n_processes--;
    }
    if (entry != NULL)
        return true;
    if (table->scan != NULL)
        closedir(table->scan);
    table->scan = NULL;
    return false;
}

void
process_table_resync(ProcessTable *table)
{
    GHashTableIter iter;
    gpointer pointer;
    g_hash_table_iter_init(&iter, table->by_pid);
    while (g_hash_table_iter_next(&iter, NULL, &pointer)) {
        Process *process = pointer;
        uint32_t sequence = table->ops->sequence(process->pid, table->data);
        if (sequence != process_private(process)->sequence && read_maps(table, process))
            table->ops->changed(process, table->data);
    }
}

void
process_table_sweep(ProcessTable *table)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key, process;
    g_hash_table_iter_init(&iter, table->by_pid);
    while (g_hash_table_iter_next(&iter, &key, &process)) {
        if (kill((pid_t)GPOINTER_TO_UINT(key), 0) != 0 && errno == ESRCH)
            g_ptr_array_add(gone, process);
    }
    for (guint i = 0; i < gone->len; i++)
        drop(table, gone->pdata[i]);
}
