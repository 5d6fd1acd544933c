#include "tests/unit/agent/export/fake_process.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

int fake_process_refs, fake_executable_refs;

typedef struct {
    Process process;
    int refs;
} FakeProcess;

typedef struct {
    Executable executable;
    atomic_int refs;
} FakeExecutable;

Process *
fake_process_new(uint32_t pid, const char *comm, const char *executable_path,
                 const char *container_id)
{
    FakeProcess *fake = g_new0(FakeProcess, 1);
    fake->process.pid = fake->process.namespace_pid = pid;
    strncpy(fake->process.comm, comm, sizeof(fake->process.comm) - 1);
    fake->process.executable_path = g_strdup(executable_path);
    fake->process.cgroup.container_id = g_strdup(container_id);
    return process_ref(&fake->process);
}

Process *
process_ref(Process *process)
{
    ((FakeProcess *)process)->refs++;
    fake_process_refs++;
    return process;
}

void
process_unref(Process *process)
{
    fake_process_refs--;
    if (--((FakeProcess *)process)->refs > 0)
        return;
    g_free(process->executable_path);
    cgroup_clear(&process->cgroup);
    g_free(process);
}

Executable *
fake_executable_new(uint64_t id, const char *path)
{
    FakeExecutable *fake = g_new0(FakeExecutable, 1);
    fake->executable.id = id;
    fake->executable.fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* no symbols */
    fake->executable.path = g_strdup(path);
    fake->executable.build_id_size = 4;
    memcpy(fake->executable.build_id, "\xde\xad\xbe\xef", 4);
    return executable_ref(&fake->executable);
}

Executable *
executable_ref(Executable *executable)
{
    ((FakeExecutable *)executable)->refs++;
    g_atomic_int_inc(&fake_executable_refs);
    return executable;
}

void
executable_unref(Executable *executable)
{
    g_atomic_int_add(&fake_executable_refs, -1);
    if (--((FakeExecutable *)executable)->refs > 0)
        return;
    close(executable->fd);
    g_free(executable->path);
    g_free(executable);
}
