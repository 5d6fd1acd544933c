#include "agent/discovery/local_containers.h"

#include <string.h>

#include "agent/discovery/container_index.h"
#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/k8s/answer.h"
#include "lib/net/http_client.h"

enum {
    TIMEOUT_MS = 10 * 1000, /* of a daemon that has much to do */
    /* Ids of one question: 5 KiB in its URL. */
    IDS_MAX = 64,
    /* Of an answer: LOCAL_CONTAINERS_MAX of 4 KiB each, twice what Compose makes. */
    ANSWER_BYTES_MAX = 4 * 1024 * 1024,
    SOCKETS_MAX = 2,
};

/* The names that Docker and Podman give their sockets. */
static const char *const auto_paths[] = {"/var/run/docker.sock", "/run/podman/podman.sock"};

typedef struct {
    char *path;
    HttpClient *client;
    bool is_named;  /* by the user, who is told when it cannot be asked */
    bool is_listed; /* what runs was told, or is too much; thread only */
    bool is_known;  /* it has answered before; thread only */
    char *trouble;  /* under the lock; NULL: none */
} Socket;

struct LocalContainers {
    Socket sockets[SOCKETS_MAX];
    size_t n_sockets;
    int64_t pause_us;
    GCancellable *cancel;
    GThread *thread;
    GMutex lock; /* guards what follows, and the troubles */
    GCond wake;  /* an id is due, or the end has come */
    ContainerIndex *index;
    LocalContainersState state; /* without `known` */
    bool is_ending;
};

/* --- what became of a question ---------------------------------------------------------------- */

static void
note_success(LocalContainers *containers, Socket *socket)
{
    g_mutex_lock(&containers->lock);
    bool was_failing = socket->trouble != NULL;
    g_clear_pointer(&socket->trouble, g_free);
    containers->state.answers++;
    g_mutex_unlock(&containers->lock);
    if (was_failing)
        g_message("%s tells of containers again", socket->path);
    else if (!socket->is_known)
        g_message("naming processes after the containers that %s tells of", socket->path);
    socket->is_known = true;
}

static void
note_failure(LocalContainers *containers, Socket *socket, const char *message)
{
    g_mutex_lock(&containers->lock);
    bool is_new = socket->trouble == NULL;
    g_free(socket->trouble);
    socket->trouble = g_strdup(message);
    containers->state.failures++;
    g_mutex_unlock(&containers->lock);
    if (is_new)
        g_warning("containers cannot be asked for (--docker-socket): %s", message);
}

/* --- a question ------------------------------------------------------------------------------- */

/* Of what runs, or with ids of these alone, also when they run no more. */
static char *
url_of(const GPtrArray *ids)
{
    static const char url[] = "http://docker/containers/json";
    if (ids == NULL)
        return g_strdup(url);
    g_auto(JsonWriter) json;
    jsonw_init(&json, (size_t)ids->len * (LOCAL_CONTAINER_ID_DIGITS + 4));
    jsonw_object_begin(&json);
    jsonw_key(&json, "id");
    jsonw_array_begin(&json);
    for (guint i = 0; i < ids->len; i++)
        jsonw_string(&json, ids->pdata[i]);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    g_autofree char *filters = g_uri_escape_bytes((const guint8 *)json.data, json.size, NULL);
    return g_strdup_printf("%s?all=1&filters=%s", url, filters);
}

static GPtrArray *
ask(const LocalContainers *containers, const Socket *socket, const GPtrArray *ids, GError **error)
{
    g_autofree char *url = url_of(ids);
    const HttpClientRequest request = {
        .url = url,
        /* A service that systemd starts for a connection ends when there is none. */
        .headers = (const char *const[]){"Connection: close", NULL},
        .timeout_ms = TIMEOUT_MS,
        .reply_bytes_max = ANSWER_BYTES_MAX,
        .cancel = containers->cancel,
    };
    g_auto(HttpClientReply) reply = {0};
    if (!http_client_send(socket->client, &request, &reply, error))
        return NULL;
    if (reply.status != 200) {
        g_auto(ErrorAnswer) answer = {0};
        error_answer_read(reply.body, &answer);
        error_set(error, CRESSET_ERROR_UNAVAILABLE, "%s answers with %d: %s", socket->path,
                  reply.status, answer.message);
        return NULL;
    }
    GPtrArray *found = local_container_read_list(reply.body, error);
    if (found == NULL)
        g_prefix_error(error, "%s: ", socket->path);
    return found;
}

static void
put_all(LocalContainers *containers, const GPtrArray *found)
{
    g_mutex_lock(&containers->lock);
    for (guint i = 0; i < found->len; i++)
        container_index_put(containers->index, found->pdata[i], g_get_monotonic_time());
    g_mutex_unlock(&containers->lock);
}

/* Asks for these ids, or with NULL for what runs; whether there was an answer. */
static bool
ask_socket(LocalContainers *containers, Socket *socket, const GPtrArray *ids)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) found = ask(containers, socket, ids, &error);
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_CANCELLED))
        return false;
    /* Too much to be listed comes by and by. */
    socket->is_listed |=
        found != NULL || g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    if (found == NULL) {
        note_failure(containers, socket, error->message);
        return false;
    }
    put_all(containers, found);
    note_success(containers, socket);
    return true;
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool
has_question_locked(const LocalContainers *containers)
{
    if (container_index_has_due(containers->index))
        return true;
    for (size_t i = 0; i < containers->n_sockets; i++)
        if (!containers->sockets[i].is_listed)
            return true;
    return false;
}

/* Waits until there is something to ask and it is time; NULL at the end. */
static GPtrArray *
wait_for_question(LocalContainers *containers, int64_t next_us)
{
    GPtrArray *ids = NULL;
    g_mutex_lock(&containers->lock);
    while (!containers->is_ending) {
        if (!has_question_locked(containers))
            g_cond_wait(&containers->wake, &containers->lock);
        else if (g_get_monotonic_time() < next_us)
            (void)g_cond_wait_until(&containers->wake, &containers->lock, next_us);
        else
            break;
    }
    if (!containers->is_ending)
        ids = container_index_due(containers->index, IDS_MAX);
    g_mutex_unlock(&containers->lock);
    return ids;
}

/* Asks every socket for these ids, or for what runs, once, where most of them are among. */
static void
ask_round(LocalContainers *containers, const GPtrArray *ids)
{
    size_t n_there = 0, n_told = 0; /* sockets, and those that have told of the ids */
    for (size_t i = 0; i < containers->n_sockets; i++) {
        Socket *socket = &containers->sockets[i];
        bool was_listed = socket->is_listed;
        if (!socket->is_named && !g_file_test(socket->path, G_FILE_TEST_EXISTS))
            continue;
        n_there++;
        if (ids->len > 0 || !was_listed)
            n_told += ask_socket(containers, socket, was_listed ? ids : NULL) && was_listed;
    }
    g_mutex_lock(&containers->lock);
    if (n_there > 0 && n_told == n_there)
        container_index_settle(containers->index, ids, g_get_monotonic_time());
    else
        container_index_put_off(containers->index, ids);
    g_mutex_unlock(&containers->lock);
}

static void *
run(void *user)
{
    LocalContainers *containers = user;
    int64_t next_us = g_get_monotonic_time();
    for (GPtrArray *ids; (ids = wait_for_question(containers, next_us)) != NULL;) {
        ask_round(containers, ids);
        g_ptr_array_unref(ids);
        next_us = g_get_monotonic_time() + containers->pause_us;
    }
    return NULL;
}

/* --- public ----------------------------------------------------------------------------------- */

static void
add_socket(LocalContainers *containers, const char *path, bool is_named)
{
    const HttpClientConfig config = {.unix_socket = path, .http1_only = true};
    containers->sockets[containers->n_sockets++] =
        (Socket){.path = g_strdup(path), .client = http_client_new(&config), .is_named = is_named};
}

LocalContainers *
local_containers_new(const LocalContainersConfig *config)
{
    LocalContainers *containers = g_new0(LocalContainers, 1);
    int64_t pause_ms = config->pause_ms > 0 ? config->pause_ms : LOCAL_CONTAINERS_PAUSE_MS;
    containers->pause_us = pause_ms * 1000;
    containers->cancel = g_cancellable_new();
    containers->index = container_index_new();
    g_mutex_init(&containers->lock);
    g_cond_init(&containers->wake);
    if (strcmp(config->socket, LOCAL_CONTAINERS_AUTO) != 0)
        add_socket(containers, config->socket, true);
    else
        for (size_t i = 0; i < G_N_ELEMENTS(auto_paths); i++)
            add_socket(containers, auto_paths[i], false);
    containers->thread = g_thread_new("containers", run, containers);
    return containers;
}

void
local_containers_free(LocalContainers *containers)
{
    if (containers == NULL)
        return;
    g_mutex_lock(&containers->lock);
    containers->is_ending = true;
    g_cond_signal(&containers->wake);
    g_mutex_unlock(&containers->lock);
    g_cancellable_cancel(containers->cancel);
    (void)g_thread_join(containers->thread);
    for (size_t i = 0; i < containers->n_sockets; i++) {
        g_free(containers->sockets[i].path);
        g_free(containers->sockets[i].trouble);
        http_client_free(containers->sockets[i].client);
    }
    container_index_free(containers->index);
    g_object_unref(containers->cancel);
    g_mutex_clear(&containers->lock);
    g_cond_clear(&containers->wake);
    g_free(containers);
}

LocalContainer *
local_containers_find(LocalContainers *containers, const char *id)
{
    g_mutex_lock(&containers->lock);
    bool had_due = container_index_has_due(containers->index);
    LocalContainer *found = container_index_find(containers->index, id, g_get_monotonic_time());
    if (!had_due && container_index_has_due(containers->index))
        g_cond_signal(&containers->wake);
    g_mutex_unlock(&containers->lock);
    return found;
}

void
local_containers_get_state(LocalContainers *containers, LocalContainersState *ret_state)
{
    g_mutex_lock(&containers->lock);
    *ret_state = containers->state;
    ret_state->known = container_index_known(containers->index);
    g_mutex_unlock(&containers->lock);
}

void
local_containers_check(LocalContainers *containers, GString *out)
{
    g_mutex_lock(&containers->lock);
    for (size_t i = 0; i < containers->n_sockets; i++) {
        const Socket *socket = &containers->sockets[i];
        if (socket->is_named && socket->trouble != NULL)
            g_string_append_printf(out, "docker: %s\n", socket->trouble);
    }
    g_mutex_unlock(&containers->lock);
}
