/* cresset-agent: the program around the agent. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/agent.h"
#include "lib/base/log.h"
#include "lib/symbolize/worker.h"

static void
start_log(const AgentOptions *options)
{
    GLogLevelFlags level = G_LOG_LEVEL_INFO;
    log_level_parse(options->log_level, &level);
    log_init(level, strcmp(options->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

/* Few threads allocate much: one arena keeps the memory small, and large blocks of a window go back
 * to the system when it is exported. Every executable of the node may be open at a time. */
static void
set_limits(void)
{
    struct rlimit files;
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(WORKER_FD);
    AgentOptions options = {0};
    g_autoptr(GError) error = NULL;
    int status = AGENT_EXIT_OK;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    set_limits();
    OptionResult result = option_parse(&agent_option_table, argc, argv, &options, &error);
    if (result == OPTION_RUN && !agent_options_check(&options, &error))
        result = OPTION_ERROR;
    if (result == OPTION_RUN) {
        start_log(&options);
        status = agent_run(&options);
    } else if (result == OPTION_ERROR) {
        (void)fprintf(stderr, "cresset-agent: %s\n", error->message);
        status = AGENT_EXIT_BAD_OPTION;
    }
    option_clear(&agent_option_table, &options);
    return status;
}
