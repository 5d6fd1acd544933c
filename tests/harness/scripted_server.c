#include "tests/harness/scripted_server.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ScriptedServer {
    const ScriptStep *steps;
    size_t n_steps;
    int listener;
    uint16_t port;
    GThread *acceptor;
    GMutex lock;         /* guards what follows */
    GPtrArray *requests; /* of char * */
    GArray *sockets;     /* of int; every connection that is open */
    GPtrArray *threads;  /* of GThread *, one per connection ever made */
};

typedef struct {
    ScriptedServer *server;
    int fd;
} Connection;

static bool
send_all(int fd, const char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = send(fd, data + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* The length of the whole request when `data` holds all of it, else 0. */
static size_t
request_length(const GString *data)
{
    const char *end = strstr(data->str, "\r\n\r\n");
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - data->str) + 4, body = 0;
    g_autofree char *lower = g_ascii_strdown(data->str, (gssize)head);
    const char *length = strstr(lower, "\r\ncontent-length:");
    if (length != NULL)
        body = (size_t)g_ascii_strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
    return data->len >= head + body ? head + body : 0;
}

/* Reads one request from the connection; NULL when the client hung up. */
static char *
read_request(int fd, GString *buffer)
{
    size_t length;
    while ((length = request_length(buffer)) == 0) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0)
            return NULL;
        g_string_append_len(buffer, chunk, n);
    }
    char *request = g_strndup(buffer->str, length);
    g_string_erase(buffer, 0, (gssize)length);
    return request;
}

static void
wait_for_hang_up(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
}

/* Plays one step; true when the connection goes on. */
static bool
play(int fd, const ScriptStep *step)
{
    if (step->reply != NULL && !send_all(fd, step->reply, strlen(step->reply)))
        return false;
    g_autofree char *padding = g_strnfill(step->padding, 'x');
    if (!send_all(fd, padding, step->padding))
        return false;
    gsize size = 0;
    const char *body = step->body != NULL ? g_bytes_get_data(step->body, &size) : NULL;
    if (!send_all(fd, body, size))
        return false;
    if (step->end == SCRIPT_STALL)
        wait_for_hang_up(fd);
    if (step->end == SCRIPT_RESET) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    return step->end == SCRIPT_KEEP;
}

static const ScriptStep *
record(ScriptedServer *server, char *request)
{
    g_mutex_lock(&server->lock);
    size_t i = server->requests->len;
    g_ptr_array_add(server->requests, request);
    g_mutex_unlock(&server->lock);
    return &server->steps[MIN(i, server->n_steps - 1)];
}

static void
forget_socket(ScriptedServer *server, int fd)
{
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->sockets->len; i++) {
        if (g_array_index(server->sockets, int, i) == fd) {
            g_array_remove_index_fast(server->sockets, i);
            break;
        }
    }
    (void)close(fd); /* under the lock, so that nobody shuts down a reused number */
    g_mutex_unlock(&server->lock);
}

static void *
serve_connection(void *user)
{
    g_autofree Connection *connection = user;
    g_autoptr(GString) buffer = g_string_new(NULL);
    for (char *request; (request = read_request(connection->fd, buffer)) != NULL;)
        if (!play(connection->fd, record(connection->server, request)))
            break;
    forget_socket(connection->server, connection->fd);
    return NULL;
}

static void *
accept_connections(void *user)
{
    ScriptedServer *server = user;
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
        Connection *connection = g_new(Connection, 1);
        *connection = (Connection){server, fd};
        g_mutex_lock(&server->lock);
        g_array_append_val(server->sockets, fd);
        g_ptr_array_add(server->threads, g_thread_new("connection", serve_connection, connection));
        g_mutex_unlock(&server->lock);
    }
    return NULL;
}

static ScriptedServer *
server_new(int listener, const ScriptStep *steps, size_t n_steps)
{
    ScriptedServer *server = g_new0(ScriptedServer, 1);
    server->listener = listener;
    server->steps = steps;
    server->n_steps = n_steps;
    server->requests = g_ptr_array_new_with_free_func(g_free);
    server->sockets = g_array_new(FALSE, FALSE, sizeof(int));
    server->threads = g_ptr_array_new();
    g_mutex_init(&server->lock);
    server->acceptor = g_thread_new("acceptor", accept_connections, server);
    return server;
}

ScriptedServer *
scripted_server_new(const ScriptStep *steps, size_t n_steps)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        g_error("cannot listen on 127.0.0.1");
    ScriptedServer *server = server_new(listener, steps, n_steps);
    server->port = ntohs(address.sin_port);
    return server;
}

ScriptedServer *
scripted_server_new_unix(const char *path, const ScriptStep *steps, size_t n_steps)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0)
        g_error("cannot listen on %s", path);
    return server_new(listener, steps, n_steps);
}

void
scripted_server_free(ScriptedServer *server)
{
    if (server == NULL)
        return;
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)g_thread_join(server->acceptor);
    (void)close(server->listener);
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->sockets->len; i++)
        (void)shutdown(g_array_index(server->sockets, int, i), SHUT_RDWR);
    g_mutex_unlock(&server->lock);
    for (guint i = 0; i < server->threads->len; i++)
        (void)g_thread_join(server->threads->pdata[i]);
    g_ptr_array_unref(server->requests);
    g_array_unref(server->sockets);
    g_ptr_array_unref(server->threads);
    g_mutex_clear(&server->lock);
    g_free(server);
}

char *
scripted_server_url(const ScriptedServer *server, const char *path)
{
    return g_strdup_printf("http://127.0.0.1:%u%s", server->port, path);
}

size_t
scripted_server_requests(ScriptedServer *server)
{
    g_mutex_lock(&server->lock);
    size_t n = server->requests->len;
    g_mutex_unlock(&server->lock);
    return n;
}

size_t
scripted_server_connections(ScriptedServer *server)
{
    g_mutex_lock(&server->lock);
    size_t n = server->threads->len;
    g_mutex_unlock(&server->lock);
    return n;
}

char *
scripted_server_request(ScriptedServer *server, size_t i)
{
    g_mutex_lock(&server->lock);
    char *request = i < server->requests->len ? g_strdup(server->requests->pdata[i]) : NULL;
    g_mutex_unlock(&server->lock);
    return request;
}
