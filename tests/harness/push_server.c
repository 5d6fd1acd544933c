#include "tests/harness/push_server.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 16 }; /* that are served at the same time */

struct PushServer {
    GSocket *listener;
    GThread *acceptor;
    GThreadPool *pool;
    uint16_t port;
    GMutex mutex; /* of all below */
    GCond changed;
    int status;
    char *text, *head;
    size_t n_answered;
    GPtrArray *bodies;      /* GBytes */
    GPtrArray *connections; /* GSocket: accepted and not yet served to their end */
};

/* Reads up to the empty line behind the head. */
static char *
read_head(GDataInputStream *in)
{
    g_autoptr(GString) head = g_string_new(NULL);
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(in, NULL, NULL, NULL);
        if (line == NULL)
            return NULL;
        if (line[0] == '\0')
            return g_string_free(g_steal_pointer(&head), FALSE);
        g_string_append_printf(head, "%s\n", line);
    }
}

static size_t
content_length(const char *head)
{
    g_autofree char *lower = g_ascii_strdown(head, -1);
    const char *at = strstr(lower, "content-length:");
    return at != NULL ? g_ascii_strtoull(at + 15, NULL, 10) : 0;
}

static gboolean
answer_one(PushServer *server, GDataInputStream *in, GOutputStream *out)
{
    g_autofree char *head = read_head(in);
    if (head == NULL)
        return FALSE;
    size_t size = content_length(head);
    g_autofree char *body = g_malloc(size + 1);
    gsize got;
    if (!g_input_stream_read_all(G_INPUT_STREAM(in), body, size, &got, NULL, NULL) || got != size)
        return FALSE;
    g_mutex_lock(&server->mutex);
    int status = server->status;
    g_autofree char *reply = g_strdup_printf("HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n\r\n%s",
                                             status, strlen(server->text), server->text);
    g_free(server->head);
    server->head = g_steal_pointer(&head);
    if (status == 200) /* before the reply: who has the reply may look for the body */
        g_ptr_array_add(server->bodies, g_bytes_new_take(g_steal_pointer(&body), size));
    g_mutex_unlock(&server->mutex);
    if (!g_output_stream_write_all(out, reply, strlen(reply), NULL, NULL, NULL))
        return FALSE;
    g_mutex_lock(&server->mutex);
    server->n_answered++;
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->mutex);
    return TRUE;
}

/* A thread's of the pool. */
static void
serve(gpointer data, gpointer user)
{
    PushServer *server = user;
    g_autoptr(GSocketConnection) connection = g_socket_connection_factory_create_connection(data);
    g_autoptr(GDataInputStream) in =
        g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    while (answer_one(server, in, g_io_stream_get_output_stream(G_IO_STREAM(connection))))
        continue;
    g_mutex_lock(&server->mutex);
    g_ptr_array_remove(server->connections, data);
    g_mutex_unlock(&server->mutex);
}

static gpointer
accept_connections(gpointer data)
{
    PushServer *server = data;
    for (GSocket *socket; (socket = g_socket_accept(server->listener, NULL, NULL)) != NULL;) {
        g_mutex_lock(&server->mutex);
        g_ptr_array_add(server->connections, socket);
        g_mutex_unlock(&server->mutex);
        g_thread_pool_push(server->pool, socket, NULL);
    }
    return NULL;
}

static void
listen_on(PushServer *server, uint16_t port)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(loopback, port);
    server->listener =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
    if (server->listener == NULL || !g_socket_bind(server->listener, address, TRUE, &error) ||
        !g_socket_listen(server->listener, &error))
        g_error("%s", error->message);
    g_autoptr(GSocketAddress) bound = g_socket_get_local_address(server->listener, NULL);
    server->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
}

PushServer *
push_server_new(uint16_t port)
{
    PushServer *server = g_new0(PushServer, 1);
    g_mutex_init(&server->mutex);
    g_cond_init(&server->changed);
    server->status = 200;
    server->text = g_strdup("");
    server->bodies = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    server->connections = g_ptr_array_new_with_free_func(g_object_unref);
    server->pool = g_thread_pool_new(serve, server, CONNECTIONS_MAX, FALSE, NULL);
    listen_on(server, port);
    server->acceptor = g_thread_new("push-server", accept_connections, server);
    return server;
}

void
push_server_free(PushServer *server)
{
    if (server == NULL)
        return;
    (void)shutdown(g_socket_get_fd(server->listener), SHUT_RDWR);
    g_thread_join(server->acceptor);
    g_mutex_lock(&server->mutex);
    for (guint i = 0; i < server->connections->len; i++)
        (void)shutdown(g_socket_get_fd(server->connections->pdata[i]), SHUT_RDWR);
    g_mutex_unlock(&server->mutex);
    g_thread_pool_free(server->pool, FALSE, TRUE);
    g_object_unref(server->listener);
    g_ptr_array_unref(server->connections);
    g_ptr_array_unref(server->bodies);
    g_free(server->text);
    g_free(server->head);
    g_mutex_clear(&server->mutex);
    g_cond_clear(&server->changed);
    g_free(server);
}

uint16_t
push_server_port(const PushServer *server)
{
    return server->port;
}

void
push_server_answer(PushServer *server, int status, const char *text)
{
    g_mutex_lock(&server->mutex);
    server->status = status;
    g_free(server->text);
    server->text = g_strdup(text);
    g_mutex_unlock(&server->mutex);
}

size_t
push_server_wait(PushServer *server, size_t n, int64_t timeout_ms)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    g_mutex_lock(&server->mutex);
    while (server->n_answered < n &&
           g_cond_wait_until(&server->changed, &server->mutex, deadline_us))
        continue;
    size_t answered = server->n_answered;
    g_mutex_unlock(&server->mutex);
    return answered;
}

GBytes *
push_server_body(PushServer *server, size_t i)
{
    g_mutex_lock(&server->mutex);
    GBytes *body = i < server->bodies->len ? g_bytes_ref(server->bodies->pdata[i]) : NULL;
    g_mutex_unlock(&server->mutex);
    return body;
}

char *
push_server_head(PushServer *server)
{
    g_mutex_lock(&server->mutex);
    char *head = g_strdup(server->head);
    g_mutex_unlock(&server->mutex);
    return head;
}

uint16_t
push_server_free_port(void)
{
    g_autoptr(PushServer) server = push_server_new(0);
    return server->port;
}
