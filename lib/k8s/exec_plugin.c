#include "lib/k8s/exec_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/text.h"
#include "lib/k8s/answer.h"
#include "lib/k8s/json_scan.h"

enum {
    WHY_BYTES_MAX = 4096, /* kept of standard error */
    WHY_SHOWN_MAX = 256,
};

/* One stream of the plug-in; the reading end does not block. */
typedef struct {
    int ours, theirs; /* -1: closed */
    GString *text;
    size_t bytes_max; /* what lies beyond is dropped */
    bool overflowed;
} Stream;

typedef struct {
    const ExecPlugin *plugin;
    pid_t pid; /* and its process group; 0: not running */
    int pidfd;
    Stream output, why;
} Run;

void
exec_credential_clear(ExecCredential *credential)
{
    g_free(credential->token);
    g_clear_pointer(&credential->certificate_pem, g_bytes_unref);
    g_clear_pointer(&credential->key_pem, g_bytes_unref);
    *credential = (ExecCredential){0};
}

/* --- what it is told -------------------------------------------------------------------------- */

static void
write_cluster(JsonWriter *json, const K8sConfig *config)
{
    jsonw_key(json, "cluster");
    jsonw_object_begin(json);
    jsonw_key(json, "server");
    jsonw_string(json, config->server);
    if (config->tls_server_name != NULL) {
        jsonw_key(json, "tls-server-name");
        jsonw_string(json, config->tls_server_name);
    }
    if (config->tls_unchecked) {
        jsonw_key(json, "insecure-skip-tls-verify");
        jsonw_bool(json, true);
    }
    if (config->ca_pem != NULL) {
        gsize size;
        const uint8_t *pem = g_bytes_get_data(config->ca_pem, &size);
        jsonw_key(json, "certificate-authority-data");
        jsonw_base64(json, pem, size);
    }
    if (config->proxy_url != NULL) {
        jsonw_key(json, "proxy-url");
        jsonw_string(json, config->proxy_url);
    }
    jsonw_object_end(json);
}

/* The value of KUBERNETES_EXEC_INFO. */
static char *
exec_info(const K8sConfig *config)
{
    g_auto(JsonWriter) json;
    jsonw_init(&json, 512);
    jsonw_object_begin(&json);
    jsonw_key(&json, "apiVersion");
    jsonw_string(&json, config->exec->api_version);
    jsonw_key(&json, "kind");
    jsonw_string(&json, "ExecCredential");
    jsonw_key(&json, "spec");
    jsonw_object_begin(&json);
    jsonw_key(&json, "interactive");
    jsonw_bool(&json, false);
    if (config->exec->provide_cluster_info)
        write_cluster(&json, config);
    jsonw_object_end(&json);
    jsonw_object_end(&json);
    return g_strndup(json.data, json.size);
}

static GStrv
environment_of(const K8sConfig *config)
{
    g_autofree char *info = exec_info(config);
    GStrv environment = g_get_environ();
    for (char **line = config->exec->environment; line != NULL && *line != NULL; line++) {
        const char *value = strchr(*line, '=');
        g_autofree char *name = g_strndup(*line, (gsize)(value - *line));
        environment = g_environ_setenv(environment, name, value + 1, TRUE);
    }
    return g_environ_setenv(environment, "KUBERNETES_EXEC_INFO", info, TRUE);
}

/* --- how it runs ------------------------------------------------------------------------------ */

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool
stream_open(Stream *stream, size_t bytes_max)
{
    int ends[2];
    *stream = (Stream){-1, -1, g_string_new(NULL), bytes_max, false};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    stream->ours = ends[0];
    stream->theirs = ends[1];
    return fcntl(stream->ours, F_SETFL, O_NONBLOCK) == 0;
}

static void
stream_close(Stream *stream)
{
    close_fd(&stream->ours);
    close_fd(&stream->theirs);
    g_string_free(stream->text, TRUE);
}

/* Reads once, so that one who writes without pause does not hold up the clock. Whether there was
 * something. */
static bool
stream_read(Stream *stream)
{
    char chunk[16 * 1024];
    if (stream->ours < 0)
        return false;
    ssize_t n = read(stream->ours, chunk, sizeof chunk);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&stream->ours);
    if (n <= 0)
        return false;
    size_t room = stream->bytes_max - stream->text->len;
    g_string_append_len(stream->text, chunk, (gssize)MIN((size_t)n, room));
    stream->overflowed = stream->overflowed || (size_t)n > room;
    return true;
}

/* Reads what is there, as far as it is kept. */
static void
stream_drain(Stream *stream)
{
    while (!stream->overflowed && stream_read(stream))
        continue;
}

static bool
fail_start(const ExecPlugin *plugin, int why, GError **error)
{
    const char *hint = plugin->install_hint != NULL ? plugin->install_hint : "";
    g_autofree char *line = printable_line(hint, strlen(hint), WHY_SHOWN_MAX);
    return error_set_errno(error, why, "cannot run '%s', which the kubeconfig names%s%s",
                           plugin->command, *line != '\0' ? "; " : "", line);
}

/* Starts the plug-in in a process group of its own, with no other files than its streams. */
static bool
start(Run *run, char *const *environment, GError **error)
{
    const ExecPlugin *plugin = run->plugin;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, plugin->command);
    for (char **arg = plugin->args; arg != NULL && *arg != NULL; arg++)
        g_ptr_array_add(argv, *arg);
    g_ptr_array_add(argv, NULL);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, run->output.theirs, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, run->why.theirs, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int failure = posix_spawnp(&run->pid, plugin->command, &actions, &attributes,
                               (char *const *)argv->pdata, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close_fd(&run->output.theirs);
    close_fd(&run->why.theirs);
    if (failure != 0) {
        run->pid = 0;
        return fail_start(plugin, failure, error);
    }
    run->pidfd = pidfd_open(run->pid, 0);
    return run->pidfd >= 0 || error_set_errno(error, errno, "waiting for '%s'", plugin->command);
}

/* Reads its streams until it has ended. */
static bool
await(Run *run, int64_t timeout_ms, GCancellable *cancel, int cancel_fd, GError **error)
{
    int64_t end_us = g_get_monotonic_time() + timeout_ms * 1000;
    for (bool ended = false; !ended;) {
        int64_t left_ms = (end_us - g_get_monotonic_time() + 999) / 1000;
        if (g_cancellable_is_cancelled(cancel))
            return error_set(error, CRESSET_ERROR_CANCELLED, "'%s' was cancelled",
                             run->plugin->command);
        if (left_ms <= 0)
            return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED,
                             "'%s' gave no credentials within %" G_GINT64_FORMAT " ms",
                             run->plugin->command, timeout_ms);
        struct pollfd events[] = {
            {.fd = run->pidfd, .events = POLLIN},
            {.fd = run->output.ours, .events = POLLIN},
            {.fd = run->why.ours, .events = POLLIN},
            {.fd = cancel_fd, .events = POLLIN},
        };
        (void)poll(events, G_N_ELEMENTS(events), (int)MIN(left_ms, G_MAXINT));
        /* Looked at before reading, so that what it wrote before its end is read. */
        ended = (events[0].revents & POLLIN) != 0;
        (void)stream_read(&run->output);
        (void)stream_read(&run->why);
        if (ended) {
            stream_drain(&run->output);
            stream_drain(&run->why);
        }
        if (run->output.overflowed)
            return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                             "'%s' printed more than %d bytes", run->plugin->command,
                             EXEC_PLUGIN_OUTPUT_BYTES_MAX);
    }
    return true;
}

/* Ends what is left of it; its wait status in *ret_status. */
static void
reap(Run *run, int *ret_status)
{
    if (run->pid == 0)
        return;
    (void)kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    run->pid = 0;
}

static bool
check_status(const Run *run, int status, GError **error)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    g_autofree char *why = printable_line(run->why.text->str, run->why.text->len, WHY_SHOWN_MAX);
    bool exited = WIFEXITED(status);
    return error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "'%s' ended with %s %d: %s",
                     run->plugin->command, exited ? "status" : "signal",
                     exited ? WEXITSTATUS(status) : WTERMSIG(status), why);
}

/* --- what it prints --------------------------------------------------------------------------- */

static GBytes *
take_bytes(char **text)
{
    if (*text == NULL || **text == '\0')
        return NULL;
    size_t size = strlen(*text);
    return g_bytes_new_take(g_steal_pointer(text), size);
}

static bool
read_expiry(const char *text, int64_t *ret_expires_us)
{
    g_autoptr(GDateTime) expires = g_date_time_new_from_iso8601(text, NULL);
    if (expires != NULL)
        *ret_expires_us = g_date_time_to_unix(expires) * G_USEC_PER_SEC;
    return expires != NULL;
}

bool
exec_credential_read(const char *text, size_t size, const char *api_version,
                     ExecCredential *ret_credential, GError **error)
{
    g_autofree char *kind = NULL, *version = NULL, *token = NULL, *expires = NULL;
    g_autofree char *certificate = NULL, *key = NULL;
    const JsonScanField fields[] = {
        {"kind", &kind},
        {"apiVersion", &version},
        {"status.token", &token},
        {"status.expirationTimestamp", &expires},
        {"status.clientCertificateData", &certificate},
        {"status.clientKeyData", &key},
    };
    g_autoptr(GError) cause = NULL;
    if (!json_scan_fields(text, size, fields, G_N_ELEMENTS(fields), NULL, &cause))
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "the output is %s", cause->message);
    if (g_strcmp0(kind, "ExecCredential") != 0 || g_strcmp0(version, api_version) != 0)
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                         "the output is no ExecCredential of the apiVersion %s", api_version);
    g_auto(ExecCredential) credential = {0};
    if (expires != NULL && !read_expiry(expires, &credential.expires_us))
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                         "status.expirationTimestamp is not a time");
    if (token != NULL && *token != '\0' && !k8s_token_check(token))
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                         "status.token has spaces or characters beyond ASCII");
    credential.token = token != NULL && *token != '\0' ? g_steal_pointer(&token) : NULL;
    credential.certificate_pem = take_bytes(&certificate);
    credential.key_pem = take_bytes(&key);
    if ((credential.certificate_pem == NULL) != (credential.key_pem == NULL))
        return error_set(
            error, CRESSET_ERROR_UNAUTHENTICATED,
            "only one of status.clientCertificateData and status.clientKeyData is there");
    if (credential.token == NULL && credential.certificate_pem == NULL)
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                         "neither status.token nor status.clientCertificateData is there");
    *ret_credential = credential;
    credential = (ExecCredential){0};
    return true;
}

bool
exec_plugin_run(const K8sConfig *config, int64_t timeout_ms, GCancellable *cancel,
                ExecCredential *ret_credential, GError **error)
{
    g_auto(GStrv) environment = environment_of(config);
    Run run = {.plugin = config->exec, .pidfd = -1};
    bool is_open = stream_open(&run.output, EXEC_PLUGIN_OUTPUT_BYTES_MAX);
    is_open = stream_open(&run.why, WHY_BYTES_MAX) && is_open;
    int cancel_fd = g_cancellable_get_fd(cancel), status = 0;
    bool done =
        is_open ? start(&run, environment, error) : error_set_errno(error, errno, "making a pipe");
    done = done && await(&run, timeout_ms, cancel, cancel_fd, error);
    reap(&run, &status);
    if (cancel_fd >= 0)
        g_cancellable_release_fd(cancel);
    done = done && check_status(&run, status, error);
    if (done) {
        done = exec_credential_read(run.output.text->str, run.output.text->len,
                                    config->exec->api_version, ret_credential, error);
        if (!done)
            g_prefix_error(error, "'%s': ", config->exec->command);
    }
    close_fd(&run.pidfd);
    stream_close(&run.output);
    stream_close(&run.why);
    return done;
}
