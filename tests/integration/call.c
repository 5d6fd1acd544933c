#include "tests/integration/call.h"

#include "tests/harness/check.h"

HttpClientReply
call_with(const TestServer *server, const char *path, const char *const *headers, GBytes *body)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = g_strconcat(test_server_url(server), path, NULL);
    const HttpClientRequest request = {.url = url, .headers = headers, .body = body};
    HttpClientReply reply = {0};
    g_autoptr(GError) error = NULL;
    http_client_send(client, &request, &reply, &error);
    assert_no_error(error);
    return reply;
}
