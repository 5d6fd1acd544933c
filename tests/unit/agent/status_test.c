/* The agent's own /metrics over a real socket. */
#include "agent/status.h"

#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *address, *request;
    char *reply;
    GMainLoop *loop;
} Client;

static gboolean
on_done(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

/* Sends the request and reads until the server closes. */
static gpointer
client_run(gpointer data)
{
    Client *client = data;
    g_autoptr(GSocketClient) socket = g_socket_client_new();
    g_autoptr(GSocketConnection) connection =
        g_socket_client_connect_to_host(socket, client->address, 0, NULL, NULL);
    g_autoptr(GString) reply = g_string_new(NULL);
    if (connection != NULL) {
        GIOStream *stream = G_IO_STREAM(connection);
        char block[1024];
        gssize got;
        g_output_stream_write_all(g_io_stream_get_output_stream(stream), client->request,
                                  strlen(client->request), NULL, NULL, NULL);
        while ((got = g_input_stream_read(g_io_stream_get_input_stream(stream), block,
                                          sizeof(block), NULL, NULL)) > 0)
            g_string_append_len(reply, block, got);
    }
    client->reply = g_string_free(g_steal_pointer(&reply), FALSE);
    g_idle_add(on_done, client->loop);
    return NULL;
}

static char *
ask(StatusServer *server, const char *request)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Client client = {status_server_address(server), request, NULL, loop};
    GThread *thread = g_thread_new("client", client_run, &client);
    g_main_loop_run(loop);
    g_thread_join(thread);
    return client.reply;
}

static void
on_metrics(GString *out, const char *query, void *data)
{
    g_string_append(out, query);
    g_string_append_printf(out, "cresset_test %d\n", ++*(int *)data);
}

/* What is wrong is in `problems`; empty: nothing. */
static const char *problems = "";

static void
on_problems(GString *out, const char *query, void *data)
{
    (void)query;
    (void)data;
    g_string_append(out, problems);
}

static const StatusRoute routes[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics, false},
    {"/ready", "text/plain; charset=utf-8", on_problems, true},
};

static StatusServer *
serve(const char *listen, int *count, GError **error)
{
    return status_server_new(listen, routes, G_N_ELEMENTS(routes), count, error);
}

static void
test_paths(void **state)
{
    (void)state;
    int count = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(StatusServer) server = serve("127.0.0.1:0", &count, &error);
    assert_null(error);
    g_autofree char *metrics = ask(server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(metrics, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(metrics, "\r\n\r\ncresset_test 1\n"));
    g_autofree char *ready = ask(server, "GET /ready HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(ready, "\r\n\r\nready\n"));
    problems = "kubernetes: the token is expired\n";
    g_autofree char *unready = ask(server, "GET /ready HTTP/1.1\r\n\r\n");
    problems = "";
    assert_non_null(strstr(unready, "HTTP/1.1 503 "));
    assert_non_null(strstr(unready, "\r\n\r\nkubernetes: the token is expired\n"));
    g_autofree char *missing = ask(server, "GET / HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(missing, "HTTP/1.1 404 "));
    assert_non_null(strstr(missing, "/metrics /ready"));
    g_autofree char *longer = ask(server, "GET /metricsx HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(longer, "HTTP/1.1 404 "));
    g_autofree char *query = ask(server, "GET /metrics?a=b&c HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(query, "\r\n\r\na=b&ccresset_test 2\n"));
    g_autofree char *posted = ask(server, "POST /metrics HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(posted, "HTTP/1.1 404 "));
}

static void
test_a_request_that_never_ends_is_cut(void **state)
{
    (void)state;
    int count = 0;
    g_autoptr(StatusServer) server = serve("127.0.0.1:0", &count, NULL);
    g_autoptr(GString) endless = g_string_new("GET /metrics HTTP/1.1\r\nX: ");
    for (int i = 0; i < 20000; i++)
        g_string_append_c(endless, 'x');
    g_autofree char *reply = ask(server, endless->str);
    assert_string_equal(reply, "");
    g_autofree char *ready = ask(server, "GET /ready HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(ready, "200 OK"));
}

static void
test_addresses_that_cannot_be_listened_on(void **state)
{
    (void)state;
    int count = 0;
    g_autoptr(StatusServer) first = serve("127.0.0.1:0", &count, NULL);
    const struct {
        const char *listen, *expected;
    } cases[] = {
        {"4041", "not ADDR:PORT"},
        {"localhost:0", "not an IP address"},
        {status_server_address(first), "in use"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(serve(cases[i].listen, &count, &error));
        assert_non_null(strstr(error->message, cases[i].expected));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_a_request_that_never_ends_is_cut),
        cmocka_unit_test(test_addresses_that_cannot_be_listened_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
