#include "tests/harness/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/check.h"

struct Program {
    char *name;
    pid_t pid;
    int pidfd, output_fd;
    int status; /* of waitpid, once reaped */
    bool reaped;
    GThread *reader;
    GMutex lock; /* guards what follows */
    GCond changed;
    GString *output;
    bool closed; /* the program closed its end */
};

static void *
read_output(void *user)
{
    Program *program = user;
    char chunk[4096];
    for (ssize_t n; (n = read(program->output_fd, chunk, sizeof chunk)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        g_mutex_lock(&program->lock);
        g_string_append_len(program->output, chunk, n);
        g_cond_broadcast(&program->changed);
        g_mutex_unlock(&program->lock);
    }
    g_mutex_lock(&program->lock);
    program->closed = true;
    g_cond_broadcast(&program->changed);
    g_mutex_unlock(&program->lock);
    return NULL;
}

static char **
child_environment(const char *const *added)
{
    char **environment = g_get_environ();
    g_auto(GStrv) names = g_listenv();
    for (size_t i = 0; names[i] != NULL; i++)
        if (g_str_has_prefix(names[i], "CRESSET_"))
            environment = g_environ_unsetenv(environment, names[i]);
    for (; added != NULL && *added != NULL; added++) {
        g_auto(GStrv) parts = g_strsplit(*added, "=", 2);
        environment = g_environ_setenv(environment, parts[0], parts[1], TRUE);
    }
    return environment;
}

/* Runs in the child between fork and exec. */
static void
become_child(gpointer user)
{
    const int *write_end = user;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
    (void)dup2(*write_end, STDOUT_FILENO);
    (void)dup2(*write_end, STDERR_FILENO);
}

Program *
program_start(const char *const *argv, const char *const *environment)
{
    int ends[2];
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) child_env = child_environment(environment);
    Program *program = g_new0(Program, 1);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    program->name = g_path_get_basename(argv[0]);
    program->output_fd = ends[0];
    program->output = g_string_new(NULL);
    g_mutex_init(&program->lock);
    g_cond_init(&program->changed);
    bool started = g_spawn_async(NULL, (char **)argv, child_env,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                                     G_SPAWN_SEARCH_PATH,
                                 become_child, &ends[1], &program->pid, &error);
    (void)close(ends[1]);
    if (!started)
        fail_msg("cannot start %s: %s", argv[0], error->message);
    program->pidfd = pidfd_open(program->pid, 0);
    assert_true(program->pidfd >= 0);
    program->reader = g_thread_new("output", read_output, program);
    return program;
}

/* Waits at most that long for the end of the process; true when it has ended. */
static bool
reap(Program *program, int timeout_ms)
{
    struct pollfd ended = {.fd = program->pidfd, .events = POLLIN};
    int64_t end_us = g_get_monotonic_time() + timeout_ms * INT64_C(1000);
    while (!program->reaped) {
        int64_t left_ms = MAX(0, (end_us - g_get_monotonic_time() + 999) / 1000);
        if (poll(&ended, 1, (int)left_ms) == 1)
            program->reaped = waitpid(program->pid, &program->status, WNOHANG) == program->pid;
        if (left_ms == 0)
            break;
    }
    return program->reaped;
}

void
program_free(Program *program)
{
    if (program == NULL)
        return;
    if (!reap(program, 0)) {
        (void)kill(program->pid, SIGKILL);
        (void)reap(program, PROGRAM_WAIT_MS);
    }
    (void)g_thread_join(program->reader);
    (void)close(program->output_fd);
    (void)close(program->pidfd);
    (void)g_string_free(program->output, TRUE);
    g_mutex_clear(&program->lock);
    g_cond_clear(&program->changed);
    g_free(program->name);
    g_free(program);
}

pid_t
program_pid(const Program *program)
{
    return program->pid;
}

bool
program_is_running(Program *program)
{
    return !reap(program, 0);
}

void
program_signal(Program *program, int signal)
{
    assert_false(program->reaped);
    assert_int_equal(kill(program->pid, signal), 0);
}

/* The first group of the match in what was printed so far, or NULL. */
static char *
match_output(const Program *program, GRegex *regex)
{
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, program->output->str, 0, &match))
        return NULL;
    return g_match_info_fetch(match, g_regex_get_capture_count(regex) > 0 ? 1 : 0);
}

char *
program_wait_for(Program *program, const char *regex, int timeout_ms)
{
    g_autoptr(GRegex) compiled = g_regex_new(regex, G_REGEX_MULTILINE, 0, NULL);
    assert_non_null(compiled);
    int64_t end_us = g_get_monotonic_time() + timeout_ms * INT64_C(1000);
    char *found;
    g_mutex_lock(&program->lock);
    while ((found = match_output(program, compiled)) == NULL && !program->closed)
        if (!g_cond_wait_until(&program->changed, &program->lock, end_us))
            break;
    g_mutex_unlock(&program->lock);
    if (found == NULL) {
        g_autofree char *output = program_output(program);
        fail_msg("%s did not print /%s/; it printed:\n%s", program->name, regex, output);
    }
    return found;
}

int
program_wait(Program *program, int timeout_ms)
{
    if (!reap(program, timeout_ms)) {
        g_autofree char *output = program_output(program);
        fail_msg("%s still runs after %d ms; it printed:\n%s", program->name, timeout_ms, output);
    }
    if (WIFSIGNALED(program->status))
        return 128 + WTERMSIG(program->status);
    return WEXITSTATUS(program->status);
}

char *
program_output(Program *program)
{
    g_mutex_lock(&program->lock);
    char *output = g_strndup(program->output->str, program->output->len);
    g_mutex_unlock(&program->lock);
    return output;
}

int
program_run(const char *const *argv, const char *const *environment, char **ret_output)
{
    g_autoptr(Program) program = program_start(argv, environment);
    int status = program_wait(program, PROGRAM_WAIT_MS);
    if (ret_output != NULL) {
        /* Descendants may hold the stream open; what the program itself printed ends here. */
        g_mutex_lock(&program->lock);
        int64_t end_us = g_get_monotonic_time() + G_USEC_PER_SEC;
        while (!program->closed)
            if (!g_cond_wait_until(&program->changed, &program->lock, end_us))
                break;
        g_mutex_unlock(&program->lock);
        *ret_output = program_output(program);
    }
    return status;
}
