/* Certificates are checked and shown: against real TLS servers with a certificate made for the
 * test. */
#include "lib/net/http_client.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/program.h"
#include "tests/harness/temp_dir.h"

typedef struct {
    TempDir *dir;
    char *certificate, *key;
    Program *server, *strict; /* the strict one asks clients for the same certificate */
    char *port, *strict_port;
    char *other_certificate, *other_port; /* of one that nothing but it trusts */
    Program *other;
} TlsServer;

/* openssl(1) with the words of one text. */
static char **
openssl_words(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return g_strsplit(text, " ", -1);
}

static char *
wait_for_port(Program *server)
{
    return program_wait_for(server, "^ACCEPT 127\\.0\\.0\\.1:([0-9]+)$", PROGRAM_WAIT_MS);
}

/* Makes a certificate of localhost that is its own authority. */
static void
make_certificate(const char *certificate, const char *key)
{
    g_auto(GStrv) make =
        openssl_words("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                      "-nodes -days 1 -subj /CN=localhost -addext "
                      "subjectAltName=DNS:localhost -keyout %s -out %s",
                      key, certificate);
    assert_int_equal(program_run((const char *const *)make, NULL, NULL), 0);
}

static Program *
start_server(const char *certificate, const char *key, char **ret_port)
{
    g_auto(GStrv) serve = openssl_words(
        "openssl s_server -accept 127.0.0.1:0 -www -cert %s -key %s", certificate, key);
    Program *server = program_start((const char *const *)serve, NULL);
    *ret_port = wait_for_port(server);
    return server;
}

static int
setup(void **state)
{
    TlsServer *tls = g_new0(TlsServer, 1);
    tls->dir = temp_dir_new();
    tls->certificate = temp_dir_file(tls->dir, "certificate.pem");
    tls->key = temp_dir_file(tls->dir, "key.pem");
    make_certificate(tls->certificate, tls->key);
    tls->server = start_server(tls->certificate, tls->key, &tls->port);
    g_autofree char *other_key = temp_dir_file(tls->dir, "other_key.pem");
    tls->other_certificate = temp_dir_file(tls->dir, "other.pem");
    make_certificate(tls->other_certificate, other_key);
    tls->other = start_server(tls->other_certificate, other_key, &tls->other_port);
    g_auto(GStrv) serve_strictly =
        openssl_words("openssl s_server -accept 127.0.0.1:0 -www -cert %s -key %s -Verify 1 "
                      "-verify_return_error -CAfile %s",
                      tls->certificate, tls->key, tls->certificate);
    tls->strict = program_start((const char *const *)serve_strictly, NULL);
    tls->strict_port = wait_for_port(tls->strict);
    *state = tls;
    return 0;
}

static int
teardown(void **state)
{
    TlsServer *tls = *state;
    program_free(tls->server);
    program_free(tls->strict);
    program_free(tls->other);
    temp_dir_free(tls->dir);
    g_free(tls->certificate);
    g_free(tls->key);
    g_free(tls->port);
    g_free(tls->strict_port);
    g_free(tls->other_certificate);
    g_free(tls->other_port);
    g_free(tls);
    return 0;
}

/* Sends to https://HOST:PORT/ and returns the status, or 0 with *error set. */
static int
send_by(HttpClient *client, const char *host, const char *port, HttpClientRequest request,
        GError **error)
{
    g_autofree char *url = g_strdup_printf("https://%s:%s/", host, port);
    request.url = url;
    g_auto(HttpClientReply) reply = {0};
    return http_client_send(client, &request, &reply, error) ? reply.status : 0;
}

static int
send_to(const char *host, const char *port, const HttpClientConfig *config,
        HttpClientRequest request, GError **error)
{
    g_autoptr(HttpClient) client = http_client_new(config);
    return send_by(client, host, port, request, error);
}

static int
ask(const TlsServer *tls, const char *ca_file, const char *host, GError **error)
{
    const HttpClientConfig config = {.ca_file = ca_file};
    return send_to(host, tls->port, &config, (HttpClientRequest){0}, error);
}

static GBytes *
bytes_of(const char *path)
{
    char *text;
    gsize size;
    assert_true(g_file_get_contents(path, &text, &size, NULL));
    return g_bytes_new_take(text, size);
}

static void
expect_no_trust(const TlsServer *tls, const char *ca_file, const char *host)
{
    g_autoptr(GError) error = NULL;
    assert_int_equal(ask(tls, ca_file, host, &error), 0);
    assert_error_says(error, "no trusted TLS with ");
    assert_contains(error->message, host);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_FAILED_PRECONDITION));
}

static void
test_a_trusted_certificate(void **state)
{
    const TlsServer *tls = *state;
    g_autoptr(GError) error = NULL;
    int status = ask(tls, tls->certificate, "localhost", &error);
    assert_no_error(error);
    assert_int_equal(status, 200);
}

static void
test_an_unknown_authority_is_refused(void **state)
{
    expect_no_trust(*state, NULL, "localhost");
}

static void
test_a_certificate_of_another_host_is_refused(void **state)
{
    const TlsServer *tls = *state;
    expect_no_trust(tls, tls->certificate, "127.0.0.1");
}

static void
test_a_missing_file_of_authorities_is_named(void **state)
{
    expect_no_trust(*state, "/nonexistent/ca.pem", "localhost");
}

static void
copy_file(const char *from, const char *to)
{
    g_autoptr(GBytes) bytes = bytes_of(from);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    assert_true(g_file_set_contents(to, data, (gssize)size, NULL));
}

static void
test_a_file_of_authorities_that_is_replaced(void **state)
{
    const TlsServer *tls = *state;
    const HttpClientRequest request = {0};
    g_autofree char *ca_file = temp_dir_file(tls->dir, "ca.pem");
    copy_file(tls->certificate, ca_file);
    const HttpClientConfig config = {.ca_file = ca_file};
    g_autoptr(HttpClient) client = http_client_new(&config);
    g_autoptr(GError) before = NULL, after = NULL;
    assert_int_equal(send_by(client, "localhost", tls->port, request, NULL), 200);
    assert_int_equal(send_by(client, "localhost", tls->other_port, request, &before), 0);
    assert_error_says(before, "no trusted TLS with localhost");
    copy_file(tls->other_certificate, ca_file);
    int status = send_by(client, "localhost", tls->other_port, request, &after);
    assert_no_error(after);
    assert_int_equal(status, 200);
}

static void
test_authorities_as_text(void **state)
{
    const TlsServer *tls = *state;
    g_autoptr(GBytes) pem = bytes_of(tls->certificate);
    const HttpClientConfig config = {.ca_pem = pem};
    g_autoptr(GError) error = NULL;
    assert_int_equal(send_to("localhost", tls->port, &config, (HttpClientRequest){0}, &error), 200);
    g_autoptr(GBytes) junk = g_bytes_new_static("junk", strlen("junk"));
    const HttpClientConfig broken = {.ca_pem = junk};
    assert_int_equal(send_to("localhost", tls->port, &broken, (HttpClientRequest){0}, &error), 0);
    assert_error_says(error, "no trusted TLS with localhost");
}

static void
test_the_certificate_of_another_name(void **state)
{
    const TlsServer *tls = *state;
    const HttpClientConfig config = {.ca_file = tls->certificate, .tls_server_name = "localhost"};
    g_autoptr(GError) error = NULL;
    int status = send_to("127.0.0.1", tls->port, &config, (HttpClientRequest){0}, &error);
    assert_no_error(error);
    assert_int_equal(status, 200);
    const HttpClientConfig other = {.ca_file = tls->certificate, .tls_server_name = "example.org"};
    assert_int_equal(send_to("localhost", tls->port, &other, (HttpClientRequest){0}, &error), 0);
    assert_error_says(error, "no trusted TLS with localhost");
}

static void
test_unchecked_certificates(void **state)
{
    const TlsServer *tls = *state;
    const HttpClientConfig config = {.tls_unchecked = true};
    g_autoptr(GError) error = NULL;
    int status = send_to("127.0.0.1", tls->port, &config, (HttpClientRequest){0}, &error);
    assert_no_error(error);
    assert_int_equal(status, 200);
}

static void
test_a_certificate_of_the_client(void **state)
{
    const TlsServer *tls = *state;
    const HttpClientConfig config = {.ca_file = tls->certificate};
    g_autoptr(GBytes) certificate = bytes_of(tls->certificate), key = bytes_of(tls->key);
    HttpClientRequest request = {.certificate_pem = certificate, .key_pem = key};
    g_autoptr(GError) error = NULL;
    int status = send_to("localhost", tls->strict_port, &config, request, &error);
    assert_no_error(error);
    assert_int_equal(status, 200);
    request = (HttpClientRequest){0};
    assert_int_equal(send_to("localhost", tls->strict_port, &config, request, &error), 0);
    assert_error_says(error, "localhost");
}

static void
test_a_broken_certificate_of_the_client(void **state)
{
    const TlsServer *tls = *state;
    const HttpClientConfig config = {.ca_file = tls->certificate};
    g_autoptr(GBytes) certificate = bytes_of(tls->certificate);
    g_autoptr(GBytes) junk = g_bytes_new_static("junk", strlen("junk"));
    HttpClientRequest request = {.certificate_pem = certificate, .key_pem = junk};
    g_autoptr(GError) error = NULL;
    assert_int_equal(send_to("localhost", tls->strict_port, &config, request, &error), 0);
    assert_error_says(error, "no trusted TLS with localhost");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_FAILED_PRECONDITION));
}

static void
test_the_certificate_of_the_server_is_shown(void **state)
{
    const TlsServer *tls = *state;
    g_autoptr(GBytes) wanted = bytes_of(tls->certificate);
    const HttpClientConfig config = {.ca_file = tls->certificate};
    g_autoptr(HttpClient) client = http_client_new(&config);
    g_autofree char *url = g_strdup_printf("https://localhost:%s/", tls->port);
    for (int i = 0; i < 3; i++) { /* one that is not asked for leaves a connection behind */
        const HttpClientRequest request = {.url = url, .with_certificate = i > 0};
        g_autoptr(GError) error = NULL;
        g_auto(HttpClientReply) reply = {0};
        bool sent = http_client_send(client, &request, &reply, &error);
        assert_no_error(error);
        assert_true(sent);
        assert_true((reply.certificate_pem != NULL) == (i > 0));
        if (i > 0)
            assert_true(g_bytes_equal(reply.certificate_pem, wanted));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trusted_certificate),
        cmocka_unit_test(test_an_unknown_authority_is_refused),
        cmocka_unit_test(test_a_certificate_of_another_host_is_refused),
        cmocka_unit_test(test_a_missing_file_of_authorities_is_named),
        cmocka_unit_test(test_a_file_of_authorities_that_is_replaced),
        cmocka_unit_test(test_authorities_as_text),
        cmocka_unit_test(test_the_certificate_of_another_name),
        cmocka_unit_test(test_unchecked_certificates),
        cmocka_unit_test(test_a_certificate_of_the_client),
        cmocka_unit_test(test_the_certificate_of_the_server_is_shown),
        cmocka_unit_test(test_a_broken_certificate_of_the_client),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
