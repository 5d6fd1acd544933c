/* Requests that go to a socket in a folder, and not to the host of their URL. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/net/http_client.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"

static const ScriptStep HELLO[] = {
    {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .end = SCRIPT_KEEP}};

typedef struct {
    TempDir *dir;
    char *path; /* of the socket */
    HttpClient *client;
} Fixture;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    fixture->path = temp_dir_file(fixture->dir, "docker.sock");
    const HttpClientConfig config = {.unix_socket = fixture->path};
    fixture->client = http_client_new(&config);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    http_client_free(fixture->client);
    temp_dir_free(fixture->dir);
    g_free(fixture->path);
    g_free(fixture);
    return 0;
}

/* ".invalid" is nobody (RFC 6761): whoever answered is behind the socket. */
static void
test_the_host_is_only_named(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(ScriptedServer) server = scripted_server_new_unix(fixture->path, HELLO, 1);
    const HttpClientRequest request = {.url = "http://docker.invalid/a?b=c"};
    for (size_t i = 0; i < 2; i++) {
        g_auto(HttpClientReply) reply = {0};
        g_autoptr(GError) error = NULL;
        bool sent = http_client_send(fixture->client, &request, &reply, &error);
        assert_no_error(error);
        assert_true(sent);
        assert_int_equal(g_bytes_get_size(reply.body), 5);
    }
    g_autofree char *seen = scripted_server_request(server, 1);
    assert_true(g_str_has_prefix(seen, "GET /a?b=c HTTP/1.1\r\n"));
    assert_contains(seen, "\r\nHost: docker.invalid\r\n");
    assert_int_equal(scripted_server_connections(server), 1);
}

static void
test_no_proxy_is_asked(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(ScriptedServer) server = scripted_server_new_unix(fixture->path, HELLO, 1);
    g_autoptr(ScriptedServer) proxy = scripted_server_new(HELLO, 1);
    g_autofree char *url = scripted_server_url(proxy, "");
    const HttpClientConfig config = {.unix_socket = fixture->path, .proxy_url = url};
    g_autoptr(HttpClient) with_proxy = http_client_new(&config);
    HttpClient *const clients[] = {fixture->client, with_proxy};
    const HttpClientRequest request = {.url = "http://docker.invalid/"};
    g_setenv("http_proxy", url, TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_auto(HttpClientReply) reply = {0};
        assert_true(http_client_send(clients[i], &request, &reply, NULL));
    }
    g_unsetenv("http_proxy");
    assert_int_equal(scripted_server_requests(proxy), 0);
    assert_int_equal(scripted_server_requests(server), 2);
}

static void
expect_unavailable(HttpClient *client, const char *path, const char *why)
{
    const HttpClientRequest request = {.url = "http://docker.invalid/"};
    HttpClientReply reply = {0};
    g_autoptr(GError) error = NULL;
    assert_false(http_client_send(client, &request, &reply, &error));
    assert_int_equal(error->code, CRESSET_ERROR_UNAVAILABLE);
    assert_error_says(error, path);
    assert_error_says(error, why);
    assert_lacks(error->message, "docker.invalid");
}

static void
test_why_it_cannot_be_asked(void **state)
{
    const Fixture *fixture = *state;
    expect_unavailable(fixture->client, fixture->path, "No such file or directory");
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)g_strlcpy(address.sun_path, fixture->path, sizeof address.sun_path);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(stale);
    expect_unavailable(fixture->client, fixture->path, "Connection refused");
    g_autofree char *endless = g_strnfill(300, 'd');
    const HttpClientConfig config = {.unix_socket = endless};
    g_autoptr(HttpClient) client = http_client_new(&config);
    expect_unavailable(client, endless, "too long");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_host_is_only_named),
        CASE(test_no_proxy_is_asked),
        CASE(test_why_it_cannot_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
