#include "lib/base/redact.h"

#include <string.h>

#include "tests/harness/check.h"

/* What must not be seen stands in 'gone', what must stay in 'stays'. */
static const struct {
    const char *text, *gone, *stays;
} cases[] = {
    {"key -----BEGIN RSA PRIVATE KEY-----\nMIIEow-a\n-----END RSA PRIVATE KEY----- end", "MIIEow",
     " end"},
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
    /* Keys and values as programs write them. */
    {"postgres://app:p@ss@db.shop:5432/x failed", "ss@", "@db.shop:5432/x failed"},
    {"root:hush42@tcp(db:3306)/shop failed", "hush42", "@tcp(db:3306)/shop failed"},
    {"jdbc:oracle:thin:scott/tiger@//db:1521/orcl", "tiger", "@//db:1521/orcl"},
    {"Cookie: theme=dark; sessionid=hush42", "hush42", "Cookie: "},
    {"Cookie:[a=1; sid=hush42] Accept:[x]", "hush42", "] Accept:[x]"},
    {"Authorization:[Bearer hush42abc] Accept:[x]", "hush42", " Accept:[x]"},
    {"Authorization: Digest username=\"me\", response=\"hush42\"", "hush42", "Digest "},
    {"authorization: hush42 sent, refused", "hush42", ", refused"},
    {"{:user=>\"me\", :password=>\"hush42\"}", "hush42", ":user=>\"me\""},
    {"password := \"hush42\" end", "hush42", " end"},
    {"{'password': b'hush42', 'user': 'me'}", "hush42", "'user': 'me'"},
    {"password=Secret(\"hush42\") end", "hush42", " end"},
    {"{\"auths\":{\"ghcr.io\":{\"auth\":\"dXNlcjpodXNoNDI=\"}}}", "dXNlcj", "ghcr.io"},
    {"SECRET_KEY_BASE=hush42 DB_PASSWORD_2=hush42 ENCRYPTION_KEY=hush42 end", "hush42", " end"},
    {"userPassword:: aHVzaDQy end", "aHVz", " end"},
    {"<db password=\"hush42\"/>", "hush42", "<db "},
    {"<password>hush42</password>", "hush42", "</password>"},
    {"{\"name\":\"DB_PASSWORD\",\"value\":\"hush42\"}", "hush42", "DB_PASSWORD"},
    {"name: DB_TOKEN, value: hush42", "hush42", "DB_TOKEN"},
    {"\x1b[36mpassword\x1b[0m=hush42 end", "hush42", " end"},
    {"\x1b[36mpassword=\x1b[0mhush42 end", "hush42", " end"},
    {"exec mysql --password hush42 -h db", "hush42", " -h db"},
    {"exec mysql -h db -u app -phush42 shop", "hush42", " shop"},
    {"sshpass -p hush42 ssh db", "hush42", " ssh db"},
    {"curl -u admin:hush42 https://db", "hush42", "curl -u admin:"},
    {"redis-server --requirepass hush42", "hush42", "redis-server"},
    {"CREATE USER app IDENTIFIED BY 'hush42' end", "hush42", " end"},
    {"ALTER ROLE app WITH PASSWORD 'hush42' end", "hush42", " end"},
    {"machine db login app password hush42", "hush42", "login app"},
    {"AUTH PLAIN AGh1c2g0MgBodXNoNDI= sent", "AGh1", " sent"},
    {"kubeadm join db:6443 --token abcdef.0123456789abcdef now", "abcdef", " now"},
    {"hash $2y$10$abcdefghijklmnopqrstuv.abcdefghijklmnop now", "abcdef", " now"},
    {"AccountKey=hush42==;EndpointSuffix=core", "hush42", ";EndpointSuffix=core"},
    /* Keys by the form that their issuers gave them. */
    {"secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY now", "K7MDENG", " now"},
    {"got eyJhbGciOiJkaXIi..48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZod now", "5eym8T", " now"},
    {"ya29.a0AfH6SMBx-abcdefabcdef now", "a0Af", " now"},
    {"GOCSPX-abcdefabcdefabcdef now", "abcdef", " now"},
    {"abc8Q~abcdefghijabcdefghijabcdefghija now", "abcdef", " now"},
    {"hvb.AAAAAQJabcdefabcdefabcd s.abcdefghijklmnopqrstuvwx now", "abcdef", " now"},
    {"SG.abcdefghijabcdefghijab.cdefghijabcdefghij now", "abcdef", " now"},
    {"SK0123456789abcdef0123456789abcdef now", "0123", " now"},
    {"110201543:AAabcdefghijabcdefghijabcdefghijabc now", "abcdef", " now"},
    {"glrt-abcdefghijabcdefghij glsa_abcdefghijabcdefghij_1 now", "abcdef", " now"},
    {"sk_live_abcdefghijabcdefghij hf_abcdefghijabcdefghij now", "abcdef", " now"},
    {"https://a.webhook.office.com/webhookb2/hush@x/y posted", "hush", " posted"},
    {"password=pa;hush42 user=me", "hush42", " user=me"},
    {"password=pa&b,hush42;Server=db", "hush42", ";Server=db"},
    {"token=abc, next hush", "abc", ", next hush"},
    {"signature=aHVzaDQyaHVzaA== sent", "aHVz", " sent"},
    {"SCRAM-SHA-256$4096:c2FsdA==$aHVzaA==:NDJodXNo now", "aHVz", " now"},
    {"c=biws,r=abc123,p=aHVzaDQyaHVz= sent", "aHVz", " sent"},
};

static void
test_secrets_are_taken_out(void **state)
{
    (void)state;
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
        "Access denied for user 'root'@'10.0.0.1' (using password: YES)",
        "{\"password\":null,\"retries\":3}",
        "invalid token: expired",
        "the flag --token is required",
        "authentication failed for password of user app",
        "com/fasterxml/jackson/databind/ObjectMapper2/readValue",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *text = redact(texts[i]);
        assert_string_equal(text, texts[i]);
    }
}

/* Of a text whose lines are looked at one by one no line of a key is left. */
static void
test_keys_over_several_lines(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "before\n-----BEGIN PRIVATE KEY-----\nhush4lAbCdEf\nhush42==\n-----END PRIVATE "
        "KEY-----\nafter\n",
        "before\n12:00 -----BEGIN PRIVATE KEY-----\n12:00 hush42\nafter\n",
        "before it\n12:00 hush4lAbCdEfhush4lAbCdEfhush4lAbCdEfhush4lAbCdEf\n12:00 hush42==\n"
        "12:00 -----END PRIVATE KEY-----\nafter\n",
        "before\nafter ----- hash\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *once = redact_blocks(texts[i]), *twice = redact_blocks(once);
        assert_lacks(once, "hush");
        assert_contains(once, "before");
        assert_string_equal(once, twice);
        if (strstr(texts[i], "-----END") != NULL)
            assert_contains(once, "after");
    }
    g_autofree char *unchanged = redact_blocks(texts[3]);
    assert_string_equal(unchanged, texts[3]);
}

/* The start of every pattern. */
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
    "cookie: a; ",
    "authorization: digest ",
    "name: token, value: ",
    "<token ",
    "\"auth\":\"a",
    "--a-token ",
    " -u a:",
    "mysql a ",
    "identified with a ",
    "login a password ",
    "://a:b@c",
    "a:b@tcp",
    "jdbc:oracle:thin:a/b",
    "a8Q~",
    "$6$a",
    "-----END A-----\n",
    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb\n",
};

/* Over and over: none of them may take more than its share. */
static void
test_hostile_text_takes_no_longer(void **state)
{
    (void)state;
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
        g_autofree char *blocks = redact_blocks(text->str);
        assert_non_null(blocks);
        g_string_free(text, TRUE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_are_taken_out),
        cmocka_unit_test(test_what_is_no_secret_stays),
        cmocka_unit_test(test_keys_over_several_lines),
        cmocka_unit_test(test_hostile_text_takes_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
