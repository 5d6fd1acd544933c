#include "lib/net/http_client.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int
setup(void **state)
{
    *state = http_client_new(NULL);
    return 0;
}

static int
teardown(void **state)
{
    http_client_free(*state);
    return 0;
}

static void
expect_failure(HttpClient *client, const HttpClientRequest *request, int code, const char *part)
{
    HttpClientReply reply = {0};
    g_autoptr(GError) error = NULL;
    assert_false(http_client_send(client, request, &reply, &error));
    assert_error_says(error, part);
    assert_int_equal(error->domain, CRESSET_ERROR);
    assert_int_equal(error->code, code);
    assert_null(reply.body);
}

static void
test_get_returns_status_headers_and_body(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 404 Not Found\r\nX-One: a\r\nx-one:  b \r\nContent-Length: 2\r\n\r\nno",
         .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/a?b=c");
    HttpClientRequest request = {.url = url,
                                 .headers = (const char *const[]){"X-Scope-OrgID: t1", NULL}};
    g_auto(HttpClientReply) reply = {0};
    g_autoptr(GError) error = NULL;
    bool sent = http_client_send(*state, &request, &reply, &error);
    assert_no_error(error);
    assert_true(sent);
    assert_int_equal(reply.status, 404);
    assert_string_equal(http_client_reply_header(&reply, "x-one"), "b");
    assert_null(http_client_reply_header(&reply, "x-two"));
    assert_int_equal(g_bytes_get_size(reply.body), 2);
    g_autofree char *seen = scripted_server_request(server, 0);
    assert_true(g_str_has_prefix(seen, "GET /a?b=c HTTP/1.1\r\n"));
    assert_contains(seen, "\r\nX-Scope-OrgID: t1\r\n");
    assert_contains(seen, "\r\nUser-Agent: cresset/");
}

static void
test_post_sends_the_whole_body(void **state)
{
    const ScriptStep steps[] = {{.reply = OK_HELLO, .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/push");
    g_autofree char *text = g_strnfill(300000, 'p');
    g_autoptr(GBytes) body = g_bytes_new(text, 300000);
    HttpClientRequest request = {.url = url, .body = body};
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    g_autofree char *seen = scripted_server_request(server, 0);
    assert_true(g_str_has_prefix(seen, "POST /push HTTP/1.1\r\n"));
    assert_contains(seen, "\r\nContent-Length: 300000\r\n");
    assert_lacks(seen, "100-continue");
    assert_true(g_str_has_suffix(seen, "ppp"));
}

static void
test_methods(void **state)
{
    const ScriptStep steps[] = {{.reply = "HTTP/1.1 204 No Content\r\n\r\n", .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    static const char *const methods[] = {"DELETE", "PUT", "HEAD"};
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        HttpClientRequest request = {
            .url = url, .method = methods[i], .body = i == 1 ? empty : NULL};
        g_auto(HttpClientReply) reply = {0};
        assert_true(http_client_send(*state, &request, &reply, NULL));
        assert_int_equal(reply.status, 204);
        assert_int_equal(g_bytes_get_size(reply.body), 0);
        g_autofree char *seen = scripted_server_request(server, i);
        assert_true(g_str_has_prefix(seen, methods[i]));
    }
}

static void
test_connections_are_reused(void **state)
{
    const ScriptStep steps[] = {{.reply = OK_HELLO, .end = SCRIPT_KEEP}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    for (int i = 0; i < 5; i++) {
        g_auto(HttpClientReply) reply = {0};
        assert_true(http_client_send(*state, &request, &reply, NULL));
    }
    assert_int_equal(scripted_server_requests(server), 5);
    assert_int_equal(scripted_server_connections(server), 1);
}

static void
test_a_large_reply_is_refused(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
         .end = SCRIPT_CLOSE,
         .padding = 1001},
        {.reply = "HTTP/1.1 200 OK\r\n\r\n", .end = SCRIPT_CLOSE, .padding = 100000},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
         .end = SCRIPT_CLOSE,
         .padding = 1000},
    };
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url, .reply_bytes_max = 1000};
    expect_failure(*state, &request, CRESSET_ERROR_RESOURCE_EXHAUSTED, "larger than 1000 bytes");
    expect_failure(*state, &request, CRESSET_ERROR_RESOURCE_EXHAUSTED, "127.0.0.1:");
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    assert_int_equal(g_bytes_get_size(reply.body), 1000);
}

/* 1 MiB of zeros in 1 KiB of gzip must hit the cap as its unpacked size. */
static void
test_the_cap_counts_unpacked_bytes(void **state)
{
    g_autoptr(GConverter) gzip =
        G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
    g_autofree char *zeros = g_malloc0(1 << 20), *packed = g_malloc0(1 << 16);
    gsize n_read, n_written;
    assert_int_equal(g_converter_convert(gzip, zeros, 1 << 20, packed, 1 << 16,
                                         G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL),
                     G_CONVERTER_FINISHED);
    g_autofree char *head = g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                            "Content-Length: %zu\r\n\r\n",
                                            (size_t)n_written);
    g_autoptr(GBytes) body = g_bytes_new(packed, n_written);
    const ScriptStep steps[] = {{.reply = head, .body = body}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url, .reply_bytes_max = 1 << 16};
    expect_failure(*state, &request, CRESSET_ERROR_RESOURCE_EXHAUSTED, "larger than 65536 bytes");
    request.reply_bytes_max = 1 << 20;
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    assert_int_equal(g_bytes_get_size(reply.body), 1 << 20);
}

static void
test_a_cut_connection_is_unavailable(void **state)
{
    const ScriptStep steps[] = {
        {.reply = NULL, .end = SCRIPT_RESET},
        {.reply = NULL, .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
         .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 200 OK\r\n", .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Le", .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", .end = SCRIPT_CLOSE},
    };
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        expect_failure(*state, &request, CRESSET_ERROR_UNAVAILABLE, "no reply from 127.0.0.1:");
}

static void
test_a_peer_of_another_protocol(void **state)
{
    const ScriptStep steps[] = {{.reply = "220 ftp.example.org ready\r\n"}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    expect_failure(*state, &request, CRESSET_ERROR_FAILED_PRECONDITION, "does not speak HTTP");
}

static void
test_a_refused_connection_names_host_and_reason(void **state)
{
    const ScriptStep steps[] = {{.reply = OK_HELLO, .end = SCRIPT_CLOSE}};
    ScriptedServer *server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    scripted_server_free(server);
    g_autofree char *secret = g_strdup_printf("http://user:pa55word@%s", url + strlen("http://"));
    HttpClientRequest request = {.url = secret};
    HttpClientReply reply = {0};
    g_autoptr(GError) error = NULL;
    assert_false(http_client_send(*state, &request, &reply, &error));
    assert_error_says(error, "127.0.0.1:");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_UNAVAILABLE));
    assert_lacks(error->message, "pa55word");
}

static void
test_a_silent_server_runs_into_the_timeout(void **state)
{
    const ScriptStep steps[] = {
        {.reply = NULL, .end = SCRIPT_STALL},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .end = SCRIPT_STALL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 2);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url, .timeout_ms = 100};
    expect_failure(*state, &request, CRESSET_ERROR_DEADLINE_EXCEEDED, "in time");
    expect_failure(*state, &request, CRESSET_ERROR_DEADLINE_EXCEEDED, "127.0.0.1:");
}

static void *
cancel_when_asked(void *user)
{
    void **both = user;
    while (scripted_server_requests(both[0]) == 0)
        g_usleep(500);
    g_cancellable_cancel(both[1]);
    return NULL;
}

static void
test_cancel_ends_a_wait(void **state)
{
    const ScriptStep steps[] = {{.reply = NULL, .end = SCRIPT_STALL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autofree char *url = scripted_server_url(server, "/");
    /* Without the cancel the test would run into its own time limit. */
    HttpClientRequest request = {.url = url, .timeout_ms = 3600000, .cancel = cancel};
    void *both[] = {server, cancel};
    GThread *thread = g_thread_new("cancel", cancel_when_asked, both);
    expect_failure(*state, &request, CRESSET_ERROR_CANCELLED, "cancelled");
    (void)g_thread_join(thread);
    expect_failure(*state, &request, CRESSET_ERROR_CANCELLED, "cancelled");
}

static void
test_other_schemes_are_refused(void **state)
{
    static const char *const urls[] = {
        "file:///etc/passwd", "ftp://127.0.0.1/",        "127.0.0.1:4040", "http://", "",
        "http://:80/",        "gopher://127.0.0.1:70/_x"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        HttpClientRequest request = {.url = urls[i]};
        expect_failure(*state, &request, CRESSET_ERROR_INVALID_ARGUMENT, "not a URL");
    }
}

static void
test_redirects_are_not_followed(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
         .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    assert_int_equal(reply.status, 302);
}

/* The second has nothing that its first line could continue: libcurl is not to look for it in the
 * first. AddressSanitizer sees whether it does. */
static void
test_a_reply_that_begins_with_a_folded_line(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nX-First: 1\r\nContent-Length: 0\r\n\r\n",
         .end = SCRIPT_CLOSE},
        {.reply = "HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 0\r\n\r\n", .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 2);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    for (int i = 0; i < 2; i++) {
        g_auto(HttpClientReply) reply = {0};
        g_autoptr(GError) error = NULL;
        if (!http_client_send(*state, &request, &reply, &error))
            assert_int_equal(error->code, CRESSET_ERROR_UNAVAILABLE);
        assert_true(i == 1 || reply.status == 200);
    }
}

static void
test_retry_after_in_seconds(void **state)
{
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
         .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    assert_int_equal(reply.retry_after_ms, 7000);
}

static void
test_retry_after_a_date_that_has_passed(void **state)
{
    const ScriptStep steps[] = {{.reply = "HTTP/1.1 429 Slow Down\r\nRetry-After: Sat, 31 Jan 2015 "
                                          "12:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
                                 .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    HttpClientRequest request = {.url = url};
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(*state, &request, &reply, NULL));
    assert_int_equal(reply.retry_after_ms, 0);
}

static void *
send_many(void *user)
{
    void **both = user;
    HttpClientRequest request = {.url = both[1]};
    size_t good = 0;
    for (int i = 0; i < 50; i++) {
        g_auto(HttpClientReply) reply = {0};
        if (http_client_send(both[0], &request, &reply, NULL) && reply.status == 200 &&
            memcmp(g_bytes_get_data(reply.body, NULL), "hello", 5) == 0)
            good++;
    }
    return GSIZE_TO_POINTER(good);
}

static void
test_threads_share_a_client(void **state)
{
    const ScriptStep steps[] = {{.reply = OK_HELLO, .end = SCRIPT_KEEP}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "/");
    void *both[] = {*state, url};
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("send", send_many, both);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(GPOINTER_TO_SIZE(g_thread_join(threads[i])), 50);
    assert_in_range(scripted_server_connections(server), 1, G_N_ELEMENTS(threads));
}

static void
test_a_proxy_of_the_configuration(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = OK_HELLO, .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *proxy = scripted_server_url(server, "");
    const HttpClientConfig config = {.proxy_url = proxy, .uncompressed = true};
    g_autoptr(HttpClient) client = http_client_new(&config);
    HttpClientRequest request = {.url = "http://kubernetes.invalid/api?a=b"};
    g_auto(HttpClientReply) reply = {0};
    assert_true(http_client_send(client, &request, &reply, NULL));
    g_autofree char *seen = scripted_server_request(server, 0);
    assert_true(g_str_has_prefix(seen, "GET http://kubernetes.invalid/api?a=b HTTP/1.1\r\n"));
    assert_lacks(seen, "Accept-Encoding");
}

/* The name for TLS is not where the connection goes. */
static void
test_a_proxy_is_asked_for_the_host_of_the_url(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", .end = SCRIPT_CLOSE}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *proxy = scripted_server_url(server, "");
    const HttpClientConfig config = {.proxy_url = proxy, .tls_server_name = "kubernetes.default"};
    g_autoptr(HttpClient) client = http_client_new(&config);
    static const struct {
        const char *url, *line;
    } cases[] = {{"https://10.0.0.1/x", "CONNECT 10.0.0.1:443 HTTP/1.1\r\n"},
                 {"https://[fd00::1]:6443/x?y", "CONNECT [fd00::1]:6443 HTTP/1.1\r\n"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpClientRequest request = {.url = cases[i].url};
        HttpClientReply reply = {0};
        assert_false(http_client_send(client, &request, &reply, NULL));
        g_autofree char *seen = scripted_server_request(server, i);
        assert_true(g_str_has_prefix(seen, cases[i].line));
    }
}

/* --- replies that are taken as they come ------------------------------------------------------ */

static bool
note_data(const void *data, size_t size, void *user, GError **error)
{
    g_string_append_printf(user, "%zu:%.*s;", size, (int)size, (const char *)data);
    if (size > 0 && memchr(data, '!', size) != NULL)
        return error_set(error, CRESSET_ERROR_ABORTED, "enough");
    return true;
}

static void
test_a_reply_is_handed_over_as_it_comes(void **state)
{
    const ScriptStep steps[] = {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                          "3\r\nabc\r\n0\r\nA-Trailer: x\r\n\r\n"},
                                {.reply = "HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nwhy"},
                                {.reply = "HTTP/1.1 200 OK\r\n\r\nabc!"},
                                {.reply = "HTTP/1.1 200 OK\r\n\r\nabc", .end = SCRIPT_STALL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "/");
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(GError) refused = NULL, silent = NULL;
    HttpClientRequest request = {
        .url = url, .on_data = note_data, .user = notes, .reply_bytes_max = 2};
    g_auto(HttpClientReply) whole = {0}, failed = {0}, none = {0};
    assert_true(http_client_send(*state, &request, &whole, NULL));
    assert_string_equal(notes->str, "0:;3:abc;");
    assert_int_equal(g_bytes_get_size(whole.body), 0);
    request.reply_bytes_max = 0;
    assert_true(http_client_send(*state, &request, &failed, NULL));
    assert_string_equal(notes->str, "0:;3:abc;");
    assert_int_equal(g_bytes_get_size(failed.body), 3);
    assert_false(http_client_send(*state, &request, &none, &refused));
    assert_error_says(refused, "enough");
    request.silence_ms = 100;
    assert_false(http_client_send(*state, &request, &none, &silent));
    assert_int_equal(silent->code, CRESSET_ERROR_DEADLINE_EXCEEDED);
    assert_error_says(silent, "for 100 ms");
    assert_string_equal(notes->str, "0:;3:abc;0:;4:abc!;0:;3:abc;");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_get_returns_status_headers_and_body),
        CASE(test_post_sends_the_whole_body),
        CASE(test_methods),
        CASE(test_connections_are_reused),
        CASE(test_a_large_reply_is_refused),
        CASE(test_the_cap_counts_unpacked_bytes),
        CASE(test_a_cut_connection_is_unavailable),
        CASE(test_a_peer_of_another_protocol),
        CASE(test_a_refused_connection_names_host_and_reason),
        CASE(test_a_silent_server_runs_into_the_timeout),
        CASE(test_cancel_ends_a_wait),
        CASE(test_other_schemes_are_refused),
        CASE(test_redirects_are_not_followed),
        CASE(test_a_reply_that_begins_with_a_folded_line),
        CASE(test_retry_after_in_seconds),
        CASE(test_retry_after_a_date_that_has_passed),
        CASE(test_threads_share_a_client),
        CASE(test_a_reply_is_handed_over_as_it_comes),
        CASE(test_a_proxy_of_the_configuration),
        CASE(test_a_proxy_is_asked_for_the_host_of_the_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
