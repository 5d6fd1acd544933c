#include "tests/harness/push_server.h"

#include <gio/gio.h>
#include <string.h>

struct PushServer {
    GSocketService *service;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    GCancellable *cancel; /* ends the reads of every connection */
    uint16_t port;
    GMutex mutex;
    GCond changed;
    int status;
    char *text, *head;
    size_t n_answered, n_connections; /* connections: accepted and not yet served to their end */
    GPtrArray *bodies;                /* GBytes */
};

/* Reads up to the empty line behind the head. */
static char *
read_head(GDataInputStream *in, GCancellable *cancel)
{
    g_autoptr(GString) head = g_string_new(NULL);
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(in, NULL, cancel, NULL);
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
    g_autofree char *head = read_head(in, server->cancel);
    if (head == NULL)
        return FALSE;
    size_t size = content_length(head);
    g_autofree char *body = g_malloc(size + 1);
    gsize got;
    if (!g_input_stream_read_all(G_INPUT_STREAM(in), body, size, &got, server->cancel, NULL) ||
        got != size)
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

/* Runs before the connection is handed to a thread. */
static gboolean
on_incoming(GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
    PushServer *server = data;
    (void)service;
    (void)connection;
    (void)source;
    g_mutex_lock(&server->mutex);
    server->n_connections++;
    g_mutex_unlock(&server->mutex);
    return FALSE;
}

static gboolean
on_run(GThreadedSocketService *service, GSocketConnection *connection, GObject *source,
       gpointer data)
{
    (void)service;
    (void)source;
    g_autoptr(GDataInputStream) in =
        g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    while (answer_one(data, in, g_io_stream_get_output_stream(G_IO_STREAM(connection))))
        continue;
    PushServer *server = data;
    g_mutex_lock(&server->mutex);
    server->n_connections--;
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->mutex);
    return TRUE;
}

static gpointer
server_run(gpointer data)
{
    PushServer *server = data;
    g_main_context_push_thread_default(server->context);
    g_main_loop_run(server->loop);
    g_main_context_pop_thread_default(server->context);
    return NULL;
}

PushServer *
push_server_new(uint16_t port)
{
    PushServer *server = g_new0(PushServer, 1);
    g_mutex_init(&server->mutex);
    g_cond_init(&server->changed);
    server->cancel = g_cancellable_new();
    server->status = 200;
    server->text = g_strdup("");
    server->bodies = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    server->context = g_main_context_new();
    server->loop = g_main_loop_new(server->context, FALSE);
    g_main_context_push_thread_default(server->context);
    server->service = g_threaded_socket_service_new(16);
    g_signal_connect(server->service, "incoming", G_CALLBACK(on_incoming), server);
    g_signal_connect(server->service, "run", G_CALLBACK(on_run), server);
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(loopback, port);
    g_autoptr(GSocketAddress) bound = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(server->service), address,
                                       G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &bound,
                                       &error))
        g_error("%s", error->message);
    server->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    g_socket_service_start(server->service);
    g_main_context_pop_thread_default(server->context);
    server->thread = g_thread_new("push-server", server_run, server);
    return server;
}

/* Where the listener was made: what it has under way ends only there. */
static gboolean
on_quit(gpointer data)
{
    PushServer *server = data;
    g_socket_service_stop(server->service);
    g_socket_listener_close(G_SOCKET_LISTENER(server->service));
    g_main_loop_quit(server->loop);
    return G_SOURCE_REMOVE;
}

void
push_server_free(PushServer *server)
{
    if (server == NULL)
        return;
    /* From inside: the loop may not be running yet. */
    g_autoptr(GSource) quit = g_idle_source_new();
    g_source_set_callback(quit, on_quit, server, NULL);
    g_source_attach(quit, server->context);
    g_thread_join(server->thread);
    while (g_main_context_iteration(server->context, FALSE))
        continue;
    g_cancellable_cancel(server->cancel);
    g_mutex_lock(&server->mutex);
    while (server->n_connections > 0)
        g_cond_wait(&server->changed, &server->mutex);
    g_mutex_unlock(&server->mutex);
    g_object_unref(server->service);
    g_object_unref(server->cancel);
    g_main_loop_unref(server->loop);
    g_main_context_unref(server->context);
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
