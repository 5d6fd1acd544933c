#include "lib/base/redact.h"

#include <string.h>

#include "tests/harness/check.h"

/* What must not be seen stands in 'gone', what must stay in 'stays'. */
static void
test_secrets_are_taken_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *gone, *stays;
    } cases[] = {
        {"key -----BEGIN RSA PRIVATE KEY-----\nMIIEow-a\n-----END RSA PRIVATE KEY----- end",
         "MIIEow", " end"},
        {"-----BEGIN EC PRIVATE KEY----- cut off MHcCAQ", "MHcCAQ", "[redacted]"},
        {"got eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl now", "c2lnbmF0", " now"},
        {"Authorization: Basic dXNlcjpwYXNz, next", "dXNlcjpw", ", next"},
        {"authorization=AWS4-HMAC-SHA256 Credential=AB/2, x", "Credential=AB", ", x"},
        {"{\"password\": \"two words\", \"user\": \"me\"}", "two words", "\"user\": \"me\""},
        {"{\"password\" : \"spaced\"}", "spaced", "password"},
        {"{\\\"token\\\":\\\"abc def\\\",\\\"n\\\":1}", "abc def", "n\\\":1"},
        {"DB_PASSWORD='it is' other", "it is", " other"},
        {"password=motà123 Ã", "123", "password=[redacted]"},
        {"PGPASSWD=hunter2;Server=a", "hunter2", ";Server=a"},
        {"client-secret = s3cr3t", "s3cr3t", "client-secret = "},
        {"dsn=root:pw@tcp(db)/x", "pw@tcp", "dsn="},
        {"https://user:p/w@db.example/x", "p/w", "@db.example/x"},
        {"https://ghtoken@git.example/x", "ghtoken", "@git.example/x"},
        {"bearer abcdefgh1 ok", "abcdefgh1", " ok"},
        {"key AKIAIOSFODNN7EXAMPLE here", "AKIAIOSF", " here"},
        {"ghp_0123456789abcdefghij0123456789abcdef.", "ghp_", "."},
        {"glpat-abcdefghij0123456789", "abcdefghij", "[redacted]"},
        {"xoxb-1234567890-abcdefgh", "1234567890", "[redacted]"},
        {"sk-proj-AbCdEfGhIjKlMnOp1234", "AbCdEf", "[redacted]"},
        {"https://hooks.slack.com/services/T0/B0/xyz posted", "B0/xyz", " posted"},
        {"https://a.example/b?sv=1&sig=abc%3D&x=1", "abc%3D", "&x=1"},
        {"mail to jane.doe+x@mail.example.com now", "jane", " now"},
        {"card 4111 1111 1111 1111 used", "4111", " used"},
        {"id 0123456789abcdef0123456789abcdef end", "0123456789abcdef", " end"},
        {"key Zm9vYmFyMTIzNDU2Nzg5QWJjRGVmR2hJ0Kl= end", "Zm9vYmFy", " end"},
        {"img@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef x",
         "0123456789abcdef", "sha256:0123456789ab… x"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *once = redact(cases[i].text), *twice = redact(once);
        assert_lacks(once, cases[i].gone);
        assert_contains(once, cases[i].stays);
        assert_string_equal(once, twice);
    }
}

static void
test_what_is_no_secret_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "secret \"db-password\" not found",
        "MountVolume.SetUp failed for volume \"token\" : configmap \"x\" not found",
        "couldn't find key password in Secret shop/db",
        "basic authentication failed",
        "failed to fetch anonymous token: unexpected status from GET",
        "a-deployment-with-quite-a-long-name-5d78c9869d-x2x4z is gone",
        "/usr/local/lib/python3/site-packages/requests/adapters.py line 519",
        "uid 01234567-89ab-cdef-0123-456789abcdef, at 1767268800123",
        "4111 1111 1111 1112 has a wrong check digit",
        "http://10.0.0.1:8080/healthz and git@main",
        "com/fasterxml/jackson/databind/ObjectMapper2/readValue",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *text = redact(texts[i]);
        assert_string_equal(text, texts[i]);
    }
}

/* The start of every pattern over and over: none of them may take more than its share. */
static void
test_hostile_text_takes_no_longer(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "-----BEGIN A-----",
        "-----BEGIN ",
        "eyJaaaaaa",
        "eyJaaaaaa.",
        "password=",
        "password \"",
        "token\\\"=\\\"",
        "://a:",
        "://",
        "bearer ",
        "Basic a",
        "AKIA",
        "xoxb-",
        "sk-a",
        "hooks.slack.com/",
        "?sig=",
        "a@",
        "a@b.",
        "a.",
        "sha256:0123456789ab",
        "0123456789abcdef",
        "aB3",
        "4 ",
        "4-1",
        "\\",
        "\"",
        "'",
        "=",
        " ",
        "\xff",
        "authorization: a ",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        GString *text = g_string_new(NULL);
        while (text->len < REDACT_BYTES_MAX)
            g_string_append(text, parts[i]);
        gint64 start_us = g_get_monotonic_time();
        g_autofree char *redacted = redact(text->str);
        gint64 took_us = g_get_monotonic_time() - start_us;
        if (took_us > 5 * G_USEC_PER_SEC)
            fail_msg("'%s' takes %" G_GINT64_FORMAT " ms", parts[i], took_us / 1000);
        assert_non_null(redacted);
        g_string_free(text, TRUE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_are_taken_out),
        cmocka_unit_test(test_what_is_no_secret_stays),
        cmocka_unit_test(test_hostile_text_takes_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
