#include "server/debuginfo/fetch.h"

#include <elfutils/debuginfod.h>
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/debuginfo/debug_files.h"
#include "server/debuginfo/fetch_cache.h"

/* Why to break off, as an errno; 0: go on. */
static volatile sig_atomic_t reason;

static void
on_signal(int number)
{
    reason = number == SIGXFSZ ? EFBIG : number == SIGALRM ? ETIME : EINTR;
}

/* A number from the environment, 0 when it is not there. */
static uint64_t
setting(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* A download that is broken off removes what it has written, one that is killed does not: so
 * signals only leave a mark. The library's own limits are not enough: it believes the size that a
 * server announces, and counts time anew with each attempt. */
static void
set_limits(void)
{
    static const int signals[] = {SIGTERM, SIGXFSZ, SIGALRM};
    const struct sigaction action = {.sa_handler = on_signal};
    const struct rlimit none = {0, 0};
    rlim_t bytes = setting(DEBUGINFOD_MAXSIZE_ENV_VAR);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        sigaction(signals[i], &action, NULL);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole group */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_NAME, "cresset-fetch");
    (void)setrlimit(RLIMIT_CORE, &none);
    if (bytes > 0)
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes});
    (void)alarm((unsigned)setting(DEBUGINFOD_MAXTIME_ENV_VAR));
}

/* Called about once a second. */
static int
on_progress(debuginfod_client *client, long done, long total)
{
    (void)client, (void)done, (void)total;
    return reason != 0;
}

static DebugFetchResult
result_of(int error)
{
    switch (error) {
    case ENOENT:
        return DEBUG_FETCH_NOT_FOUND;
    case ETIME:
    case ETIMEDOUT:
        return DEBUG_FETCH_TIMEOUT;
    case E2BIG:
    case EFBIG:
        return DEBUG_FETCH_TOO_LARGE;
    default:
        return DEBUG_FETCH_FAILED;
    }
}

static bool
check_file(int fd, const char *build_id, GError **error)
{
    g_autoptr(ElfFile) elf = elf_file_open(fd, error);
    return elf != NULL && debug_build_id_check(elf, build_id, error);
}

/* Prints the line that goes with the result. */
static DebugFetchResult
fetch(debuginfod_client *client, const char *build_id)
{
    char *path = NULL;
    debuginfod_set_progressfn(client, on_progress);
    int fd = debuginfod_find_debuginfo(client, (const unsigned char *)build_id, 0, &path);
    if (fd < 0) {
        int error = reason != 0 ? reason : -fd;
        printf("%s\n", g_strerror(error));
        return result_of(error);
    }
    g_autoptr(GError) error = NULL;
    bool is_right = check_file(fd, build_id, &error);
    if (!is_right)
        (void)unlink(path);
    printf("%s\n", is_right ? path : error->message);
    close(fd);
    free(path);
    return is_right ? DEBUG_FETCH_FOUND : DEBUG_FETCH_WRONG_FILE;
}

static DebugFetchResult
run(int n_arguments, char **arguments)
{
    const char *cache = getenv(DEBUGINFOD_CACHE_PATH_ENV_VAR);
    if (n_arguments != 2 || !debug_build_id_is_valid(arguments[0]) || cache == NULL)
        return DEBUG_FETCH_FAILED;
    set_limits();
    fetch_cache_trim(cache, g_ascii_strtoull(arguments[1], NULL, 10));
    g_autofree char *build_id = g_ascii_strdown(arguments[0], -1);
    debuginfod_client *client = debuginfod_begin();
    if (client == NULL)
        return DEBUG_FETCH_FAILED;
    DebugFetchResult result = fetch(client, build_id);
    debuginfod_end(client);
    return result;
}

/* Without what is done at exit: the library leaves a little memory behind, which LeakSanitizer
 * would make a failure of. */
void
debug_fetch_main(int n_arguments, char **arguments)
{
    DebugFetchResult result = run(n_arguments, arguments);
    (void)fflush(stdout);
    _exit((int)result);
}
