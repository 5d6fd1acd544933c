/* Any bytes on a connection, HTTP/1 and HTTP/2: the server closes it after its client and goes on
 * answering. */
#include "server/http/server.h"
#include "tests/fuzz/loopback.h"
#include "tests/harness/temp_dir.h"

enum { BODY_CAP = 20000, ALIVE_EVERY = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static TempDir *dir;
static HttpServer *server;

static void
handle_echo(HttpRequest *request, void *app)
{
    (void)app;
    GBytes *body = g_bytes_new(request->body, request->body_size);
    http_reply(request, http_response_new(200, "application/octet-stream", body));
}

static void
handle_file(HttpRequest *request, void *app)
{
    (void)app;
    http_reply(request, http_response_new(200, NULL, NULL));
}

static const HttpRoute routes[] = {
    {"POST", "/echo", HTTP_WRITE, HTTP_BODY_PUSH, false, handle_echo, NULL, NULL},
    {"POST", "/raw", HTTP_READ, HTTP_BODY_QUERY, true, handle_echo, NULL, NULL},
    {"POST", "/file/*", HTTP_WRITE, HTTP_BODY_FILE, true, handle_file, NULL, NULL},
    {"GET", "/*", HTTP_PUBLIC, HTTP_BODY_NONE, false, handle_echo, NULL, NULL},
};

static void
stop(void)
{
    http_server_drain(server, 0);
    http_server_free(server);
    temp_dir_free(dir);
}

static void
start(void)
{
    dir = temp_dir_new();
    const HttpConfig config = {
        .listen = "127.0.0.1:0",
        .connections_max = 64,
        .header_memory_bytes = 7 * 1024,
        .idle_timeout_ns = 10 * (int64_t)1000000000,
        .workers = 1,
        .body_caps = {[HTTP_BODY_QUERY] = {BODY_CAP, "the-query-knob"},
                      [HTTP_BODY_PUSH] = {BODY_CAP, "the-body-knob"},
                      [HTTP_BODY_FILE] = {BODY_CAP, "the-file-knob"}},
        .body_memory_bytes = 1024 * 1024,
        .spool_dir = temp_dir_path(dir),
        .tenant_mode = TENANT_OPTIONAL,
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
    };
    g_autoptr(GError) error = NULL;
    server = http_server_new(&config, &error);
    if (server == NULL || !http_server_start(server, &error))
        g_error("%s", error->message);
    atexit(stop);
}

static void
check_alive(void)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    g_autoptr(GByteArray) answer = loopback_exchange(http_server_address(server),
                                                     (const uint8_t *)request, sizeof request - 1);
    if (answer->len < 12 || memcmp(answer->data, "HTTP/1.1 200", 12) != 0)
        g_error("the server answers no more");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned n;
    if (server == NULL)
        start();
    g_byte_array_unref(loopback_exchange(http_server_address(server), data, size));
    if (n++ % ALIVE_EVERY == 0)
        check_alive();
    return 0;
}
