#include "server/debuginfo/fetch_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/error.h"

static int
spawn(FetchProcess *process, const FetchProcessConfig *config, int output)
{
    g_autofree char *bytes = g_strdup_printf("%" G_GINT64_FORMAT, config->cache_bytes_max);
    char *const argv[] = {(char *)(uintptr_t) "cresset-fetch",
                          (char *)(uintptr_t)DEBUG_FETCH_ARGUMENT,
                          (char *)(uintptr_t)config->build_id, bytes, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int failure = posix_spawn(&process->pid, config->program, &actions, &attributes, argv,
                              config->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

bool
fetch_process_start(FetchProcess *process, const FetchProcessConfig *config, GError **error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(error, errno, "debuginfod: making a pipe");
    int failure = spawn(process, config, ends[1]);
    close(ends[1]);
    process->output = ends[0];
    if (failure == 0)
        return true;
    close(ends[0]);
    return error_set(error, CRESSET_ERROR_UNAVAILABLE, "cannot start %s: %s", config->program,
                     g_strerror(failure));
}

char *
fetch_process_wait(FetchProcess *process)
{
    char *line = NULL;
    size_t capacity = 0;
    siginfo_t info;
    FILE *output = fdopen(process->output, "r");
    g_autofree char *text =
        g_strdup(output != NULL && getline(&line, &capacity, output) >= 0 ? line : "");
    free(line);
    if (output != NULL)
        (void)fclose(output);
    else
        close(process->output);
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    return g_strchomp(g_steal_pointer(&text));
}

bool
fetch_process_reap(FetchProcess *process, DebugFetchResult *ret_result)
{
    int status = 0;
    *ret_result = DEBUG_FETCH_FAILED;
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) >= DEBUG_FETCH_RESULTS)
        return false;
    *ret_result = (DebugFetchResult)WEXITSTATUS(status);
    return true;
}
