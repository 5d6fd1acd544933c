/* Certificates are checked: against a real TLS server with a certificate made for the test. */
#include "lib/net/http_client.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/program.h"
#include "tests/harness/temp_dir.h"

typedef struct {
    TempDir *dir;
    char *certificate, *key;
    Program *server;
    char *port;
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

static int
setup(void **state)
{
    TlsServer *tls = g_new0(TlsServer, 1);
    tls->dir = temp_dir_new();
    tls->certificate = temp_dir_file(tls->dir, "certificate.pem");
    tls->key = temp_dir_file(tls->dir, "key.pem");
    g_auto(GStrv) make =
        openssl_words("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                      "-nodes -days 1 -subj /CN=localhost -addext "
                      "subjectAltName=DNS:localhost -keyout %s -out %s",
                      tls->key, tls->certificate);
    assert_int_equal(program_run((const char *const *)make, NULL, NULL), 0);
    g_auto(GStrv) serve = openssl_words(
        "openssl s_server -accept 127.0.0.1:0 -www -cert %s -key %s", tls->certificate, tls->key);
    tls->server = program_start((const char *const *)serve, NULL);
    tls->port = program_wait_for(tls->server, "^ACCEPT 127\\.0\\.0\\.1:([0-9]+)$", PROGRAM_WAIT_MS);
    *state = tls;
    return 0;
}

static int
teardown(void **state)
{
    TlsServer *tls = *state;
    program_free(tls->server);
    temp_dir_free(tls->dir);
    g_free(tls->certificate);
    g_free(tls->key);
    g_free(tls->port);
    g_free(tls);
    return 0;
}

/* Asks https://HOST:PORT/ and returns the status, or 0 with *error set. */
static int
ask(const TlsServer *tls, const char *ca_file, const char *host, GError **error)
{
    const HttpClientConfig config = {.ca_file = ca_file};
    g_autoptr(HttpClient) client = http_client_new(&config);
    g_autofree char *url = g_strdup_printf("https://%s:%s/", host, tls->port);
    HttpClientRequest request = {.url = url};
    g_auto(HttpClientReply) reply = {0};
    return http_client_send(client, &request, &reply, error) ? reply.status : 0;
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trusted_certificate),
        cmocka_unit_test(test_an_unknown_authority_is_refused),
        cmocka_unit_test(test_a_certificate_of_another_host_is_refused),
        cmocka_unit_test(test_a_missing_file_of_authorities_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
