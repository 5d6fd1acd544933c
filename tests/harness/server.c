#include "tests/harness/server.h"

#include <signal.h>
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/wait.h"

struct TestServer {
    Program *program;
    HttpClient *client;
    char *url;
};

char *
test_program_path(const char *name)
{
    return g_build_filename(CRESSET_BINARY_DIR, "bin", name, NULL);
}

static bool
is_ready(void *user)
{
    TestServer *server = user;
    g_autofree char *url = g_strconcat(server->url, "/ready", NULL);
    HttpClientRequest request = {.url = url, .timeout_ms = 2000};
    g_auto(HttpClientReply) reply = {0};
    return http_client_send(server->client, &request, &reply, NULL) && reply.status == 200;
}

TestServer *
test_server_start(const char *data_dir, const char *const *options)
{
    g_autofree char *path = test_program_path("cresset-server");
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const fixed[] = {path, "--listen", "127.0.0.1:0", "--data-dir", data_dir};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (void *)fixed[i]);
    for (; options != NULL && *options != NULL; options++)
        g_ptr_array_add(argv, (void *)*options);
    g_ptr_array_add(argv, NULL);
    TestServer *server = g_new0(TestServer, 1);
    server->client = http_client_new(NULL);
    server->program = program_start((const char *const *)argv->pdata, NULL);
    g_autofree char *address =
        program_wait_for(server->program, "(127\\.0\\.0\\.1:[1-9][0-9]*)", PROGRAM_WAIT_MS);
    server->url = g_strconcat("http://", address, NULL);
    if (!wait_until(is_ready, server, PROGRAM_WAIT_MS)) {
        g_autofree char *output = program_output(server->program);
        fail_msg("the server is not ready; it printed:\n%s", output);
    }
    return server;
}

void
test_server_free(TestServer *server)
{
    if (server == NULL)
        return;
    program_free(server->program);
    http_client_free(server->client);
    g_free(server->url);
    g_free(server);
}

Program *
test_server_program(TestServer *server)
{
    return server->program;
}

const char *
test_server_url(const TestServer *server)
{
    return server->url;
}

void
test_server_stop(TestServer *server)
{
    program_signal(server->program, SIGTERM);
    assert_int_equal(program_wait(server->program, PROGRAM_WAIT_MS), 0);
}

HttpClientReply
test_server_call(TestServer *server, const char *path, const char *tenant, const char *content_type,
                 GBytes *body)
{
    g_autofree char *url = g_strconcat(server->url, path, NULL);
    g_autofree char *tenant_line = g_strdup_printf("X-Scope-OrgID: %s", tenant);
    g_autofree char *type_line = g_strdup_printf("Content-Type: %s", content_type);
    const char *headers[3] = {NULL};
    size_t n = 0;
    if (tenant != NULL)
        headers[n++] = tenant_line;
    if (content_type != NULL)
        headers[n++] = type_line;
    HttpClientRequest request = {
        .url = url, .headers = headers, .body = body, .reply_bytes_max = 256 << 20};
    HttpClientReply reply = {0};
    g_autoptr(GError) error = NULL;
    if (!http_client_send(server->client, &request, &reply, &error)) {
        g_autofree char *output = program_output(server->program);
        fail_msg("%s: %s; the server printed:\n%s", path, error->message, output);
    }
    return reply;
}

int
test_server_json(TestServer *server, const char *path, const char *tenant, const char *json,
                 char **ret_body)
{
    g_autoptr(GBytes) body = json != NULL ? g_bytes_new(json, strlen(json)) : NULL;
    g_auto(HttpClientReply) reply =
        test_server_call(server, path, tenant, json != NULL ? "application/json" : NULL, body);
    gsize size;
    const char *data = g_bytes_get_data(reply.body, &size);
    if (ret_body != NULL)
        *ret_body = g_strndup(data != NULL ? data : "", size);
    return reply.status;
}
