/* cresset-server: the program around the server. */
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/log.h"
#include "lib/symbolize/worker.h"
#include "server/debuginfo/fetch.h"
#include "server/health.h"
#include "server/server.h"

#define EXIT_BAD_OPTION 2

static gboolean
quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static void
start_log(const ServerOptions *options)
{
    GLogLevelFlags level = G_LOG_LEVEL_INFO;
    log_level_parse(options->log_level, &level);
    log_init(level, strcmp(options->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

/* Every connection and every block is an open file: uses what the system allows, which is often far
 * more than the soft limit. */
static void
raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Serves until a signal asks to stop. */
static int
serve(const ServerOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, quit, loop);
    g_unix_signal_add(SIGINT, quit, loop);
    Server *server = server_start(options, &error);
    if (server == NULL) {
        (void)fprintf(stderr, "cresset-server: %s\n", error->message);
        return EXIT_FAILURE;
    }
    g_message("listening on %s://%s", options->tls_cert[0] != '\0' ? "https" : "http",
              server_address(server));
    g_main_loop_run(loop);
    g_message("stopping");
    server_stop(server);
    return EXIT_SUCCESS;
}

static int
tell_health(const ServerOptions *options)
{
    g_autoptr(GError) error = NULL;
    if (server_health_check(options, &error))
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "cresset-server: %s\n", error->message);
    return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(WORKER_FD);
    if (argc > 1 && strcmp(argv[1], DEBUG_FETCH_ARGUMENT) == 0)
        debug_fetch_main(argc - 2, argv + 2);
    ServerOptions options = {0};
    g_autoptr(GError) error = NULL;
    int status = EXIT_SUCCESS;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    raise_file_limit();
    bool asks_health = argc > 1 && strcmp(argv[1], "health") == 0;
    if (asks_health) {
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    OptionResult result = option_parse(&server_option_table, argc, argv, &options, &error);
    if (result == OPTION_RUN && !server_options_check(&options, &error))
        result = OPTION_ERROR;
    if (result == OPTION_RUN) {
        start_log(&options);
        status = asks_health ? tell_health(&options) : serve(&options);
    } else if (result == OPTION_ERROR) {
        (void)fprintf(stderr, "cresset-server: %s\n", error->message);
        status = EXIT_BAD_OPTION;
    }
    option_clear(&server_option_table, &options);
    return status;
}
