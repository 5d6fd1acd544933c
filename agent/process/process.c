#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/process/cgroup.h"
#include "agent/process/mapping.h"
#include "agent/process/process_private.h"

Process *
process_new(uint32_t pid)
{
    ProcessPrivate *process = g_new0(ProcessPrivate, 1);
    process->references = 1;
    process->public.pid = process->public.namespace_pid = pid;
    process->public.mappings = mapping_list_new();
    return &process->public;
}

Process *
process_ref(Process *process)
{
    process_private(process)->references++;
    return process;
}

void
process_unref(Process *process)
{
    if (process == NULL || --process_private(process)->references > 0)
        return;
    g_free(process->executable_path);
    cgroup_clear(&process->cgroup);
    g_array_unref(process->mappings);
    g_clear_pointer(&process_private(process)->next_mappings, g_array_unref);
    g_free(process);
}

void
process_set_mappings(Process *process, GArray *mappings)
{
    g_array_unref(process->mappings);
    process->mappings = mappings;
}

/* Reads /proc/PID/`name` into `buffer` as a string; false when it cannot be read. */
static bool
read_proc(const Process *process, const char *name, char *buffer, size_t size)
{
    char path[64];
    g_snprintf(path, sizeof path, "/proc/%u/%s", process->pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, buffer, size - 1);
    close(fd);
    if (got < 0)
        return false;
    buffer[got] = '\0';
    return true;
}

static void
read_executable_path(Process *process)
{
    char path[64], link[4096];
    g_snprintf(path, sizeof path, "/proc/%u/exe", process->pid);
    ssize_t length = readlink(path, link, sizeof link);
    if (length <= 0) {
        if (errno == ENOENT && access("/proc/self/exe", F_OK) == 0 && process->mappings->len == 0)
            process->is_kernel_thread = !process->has_exited;
        return;
    }
    g_free(process->executable_path);
    process->executable_path = g_strndup(link, (gsize)length);
    if (g_str_has_suffix(process->executable_path, " (deleted)"))
        process->executable_path[(gsize)length - strlen(" (deleted)")] = '\0';
}

/* The last number of the line `NSpid:` is the id in the innermost namespace. */
static void
read_namespace_pid(Process *process)
{
    char status[4096];
    if (!read_proc(process, "status", status, sizeof status))
        return;
    const char *line = strstr(status, "\nNSpid:");
    if (line == NULL)
        return;
    const char *end = strchrnul(line + 1, '\n');
    while (end > line && g_ascii_isdigit(end[-1]))
        end--;
    process->namespace_pid = (uint32_t)strtoul(end, NULL, 10);
}

/* Of the pod that the agent is in, as the downward API has it in POD_UID: a cgroup namespace of its
 * own hides it. NULL where there is none. */
static char *
own_pod_uid(void)
{
    enum { INITIAL_CGROUP_NAMESPACE = 0xEFFFFFFB }; /* the kernel's PROC_CGROUP_INIT_INO */
    struct stat status;
    if (stat("/proc/self/ns/cgroup", &status) != 0 || status.st_ino == INITIAL_CGROUP_NAMESPACE)
        return NULL;
    return g_strdup(g_getenv("POD_UID"));
}

static void
read_cgroup(Process *process)
{
    char text[8192];
    if (!read_proc(process, "cgroup", text, sizeof text))
        return;
    cgroup_clear(&process->cgroup);
    cgroup_read(text, &process->cgroup);
    if (cgroup_is_root(text))
        process->cgroup.pod_uid = own_pod_uid();
}

void
process_identify(Process *process)
{
    if (process_private(process)->is_identified)
        return;
    process_private(process)->is_identified = true;
    if (process->has_exited)
        return;
    read_cgroup(process);
    read_executable_path(process);
    if (process->namespace_pid == process->pid)
        read_namespace_pid(process);
}

void
process_read_status(Process *process)
{
    enum { START_TIME_FIELD = 22 }; /* of /proc/PID/stat, counted from 1 */
    char text[1024];
    if (!read_proc(process, "stat", text, sizeof text))
        return;
    const char *name = strchr(text, '('), *at = strrchr(text, ')');
    if (name == NULL || at == NULL || at <= name)
        return;
    gsize length = MIN((gsize)(at - name - 1), sizeof process->comm - 1);
    memcpy(process->comm, name + 1, length);
    process->comm[length] = '\0';
    at++;
    for (int field = 3; field < START_TIME_FIELD && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        process->start_time_ns =
            strtoull(at + 1, NULL, 10) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}
