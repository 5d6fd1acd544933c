#include "agent/status.h"

#include <gio/gio.h>
#include <string.h>

#include "lib/base/error.h"

enum { REQUEST_MAX = 8192, CONNECTIONS_MAX = 16, TIMEOUT_S = 5 };

struct StatusServer {
    GSocketService *service;
    char *address;
    const StatusRoute *routes;
    size_t n_routes;
    void *data; /* of the routes */
    unsigned n_connections;
    GCancellable *cancel; /* ends what is under way when the server is freed */
};

typedef struct {
    StatusServer *server;
    GCancellable *cancel;
    GSocketConnection *connection;
    char request[REQUEST_MAX + 1];
    size_t size;
    GString *reply;
} Connection;

static void
connection_free(Connection *connection)
{
    if (!g_cancellable_is_cancelled(connection->cancel))
        connection->server->n_connections--;
    (void)g_io_stream_close(G_IO_STREAM(connection->connection), NULL, NULL);
    g_object_unref(connection->connection);
    g_object_unref(connection->cancel);
    if (connection->reply != NULL)
        g_string_free(connection->reply, TRUE);
    g_free(connection);
}

static void
on_written(GObject *stream, GAsyncResult *result, gpointer data)
{
    (void)g_output_stream_write_all_finish(G_OUTPUT_STREAM(stream), result, NULL, NULL);
    connection_free(data);
}

/* The route that a request line names, and what follows its "?" in *ret_query; NULL: none. */
static const StatusRoute *
find_route(const StatusServer *server, const char *request, char **ret_query)
{
    static const char method[] = "GET ";
    if (!g_str_has_prefix(request, method))
        return NULL;
    const char *path = request + strlen(method);
    size_t length = strcspn(path, "? \r\n");
    for (size_t i = 0; i < server->n_routes; i++) {
        const StatusRoute *route = &server->routes[i];
        if (strlen(route->path) != length || strncmp(path, route->path, length) != 0)
            continue;
        const char *query = path + length + (path[length] == '?');
        *ret_query = g_strndup(query, strcspn(query, " \r\n"));
        return route;
    }
    return NULL;
}

static void
write_missing(const StatusServer *server, GString *body)
{
    g_string_append(body, "served here:");
    for (size_t i = 0; i < server->n_routes; i++)
        g_string_append_printf(body, " %s", server->routes[i].path);
    g_string_append_c(body, '\n');
}

static void
answer(Connection *connection)
{
    const StatusServer *server = connection->server;
    g_autoptr(GString) body = g_string_new(NULL);
    g_autofree char *query = NULL;
    const StatusRoute *route = find_route(server, connection->request, &query);
    const char *status = "200 OK", *type = "text/plain; charset=utf-8";
    if (route != NULL) {
        type = route->type;
        route->write(body, query, server->data);
        if (route->is_check && body->len > 0)
            status = "503 Service Unavailable";
        else if (route->is_check)
            g_string_append(body, "ready\n");
    } else {
        status = "404 Not Found";
        write_missing(server, body);
    }
    connection->reply = g_string_new(NULL);
    /* Pages show what pods and targets say: nothing in them may run or be fetched. */
    g_string_append_printf(connection->reply,
                           "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                           "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                           "Content-Security-Policy: default-src 'none'; style-src "
                           "'unsafe-inline'; frame-ancestors 'none'\r\nConnection: close\r\n\r\n",
                           status, type, (size_t)body->len);
    g_string_append_len(connection->reply, body->str, (gssize)body->len);
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection->connection));
    g_output_stream_write_all_async(out, connection->reply->str, connection->reply->len,
                                    G_PRIORITY_DEFAULT, connection->cancel, on_written, connection);
}

static void read_more(Connection *connection);

static void
on_read(GObject *stream, GAsyncResult *result, gpointer data)
{
    Connection *connection = data;
    gssize got = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, NULL);
    if (got <= 0) {
        connection_free(connection);
        return;
    }
    connection->size += (size_t)got;
    connection->request[connection->size] = '\0';
    if (strstr(connection->request, "\r\n\r\n") != NULL)
        answer(connection);
    else if (connection->size == REQUEST_MAX)
        connection_free(connection);
    else
        read_more(connection);
}

static void
read_more(Connection *connection)
{
    GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(connection->connection));
    g_input_stream_read_async(in, connection->request + connection->size,
                              REQUEST_MAX - connection->size, G_PRIORITY_DEFAULT,
                              connection->cancel, on_read, connection);
}

static gboolean
on_incoming(GSocketService *service, GSocketConnection *incoming, GObject *source, gpointer data)
{
    (void)service;
    (void)source;
    StatusServer *server = data;
    if (server->n_connections >= CONNECTIONS_MAX)
        return TRUE;
    server->n_connections++;
    g_socket_set_timeout(g_socket_connection_get_socket(incoming), TIMEOUT_S);
    Connection *connection = g_new0(Connection, 1);
    connection->server = server;
    connection->connection = g_object_ref(incoming);
    connection->cancel = g_object_ref(server->cancel);
    read_more(connection);
    return TRUE;
}

static GSocketAddress *
parse_address(const char *listen, GError **error)
{
    g_autoptr(GSocketConnectable) parsed = g_network_address_parse(listen, 0, error);
    if (parsed == NULL || strrchr(listen, ':') == NULL) {
        g_clear_error(error);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "option --listen: '%s' is not ADDR:PORT",
                  listen);
        return NULL;
    }
    GNetworkAddress *address = G_NETWORK_ADDRESS(parsed);
    const char *host = g_network_address_get_hostname(address);
    GSocketAddress *result =
        g_inet_socket_address_new_from_string(host, g_network_address_get_port(address));
    if (result == NULL)
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "option --listen: '%s' is not an IP address", host);
    return result;
}

StatusServer *
status_server_new(const char *listen, const StatusRoute *routes, size_t n_routes, void *data,
                  GError **error)
{
    g_autoptr(GSocketAddress) wanted = parse_address(listen, error);
    g_autoptr(GSocketAddress) bound = NULL;
    g_autoptr(GError) failure = NULL;
    if (wanted == NULL)
        return NULL;
    g_autoptr(GSocketService) service = g_socket_service_new();
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), wanted, G_SOCKET_TYPE_STREAM,
                                       G_SOCKET_PROTOCOL_TCP, NULL, &bound, &failure)) {
        error_set(error, CRESSET_ERROR_UNAVAILABLE, "cannot listen on %s: %s", listen,
                  failure->message);
        return NULL;
    }
    StatusServer *server = g_new0(StatusServer, 1);
    server->routes = routes;
    server->n_routes = n_routes;
    server->data = data;
    server->cancel = g_cancellable_new();
    server->address = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(bound));
    g_signal_connect(service, "incoming", G_CALLBACK(on_incoming), server);
    g_socket_service_start(service);
    server->service = g_steal_pointer(&service);
    return server;
}

void
status_server_free(StatusServer *server)
{
    if (server == NULL)
        return;
    g_socket_service_stop(server->service);
    g_socket_listener_close(G_SOCKET_LISTENER(server->service));
    g_cancellable_cancel(server->cancel);
    /* What was under way ends in the loop, without the server. */
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_object_unref(server->cancel);
    g_object_unref(server->service);
    g_free(server->address);
    g_free(server);
}

const char *
status_server_address(const StatusServer *server)
{
    return server->address;
}
