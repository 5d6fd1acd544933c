#include "lib/k8s/credentials.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static void
expect_authorization(CredentialSource *source, const char *authorization)
{
    g_auto(Credentials) credentials = {0};
    g_autoptr(GError) error = NULL;
    bool got = credential_source_get(source, 0, NULL, &credentials, &error);
    assert_no_error(error);
    assert_true(got);
    assert_int_equal(g_strcmp0(credentials.authorization, authorization), 0);
}

static bool
refuse(CredentialSource *source, const char *authorization)
{
    const Credentials refused = {.authorization = (char *)(uintptr_t)authorization};
    return credential_source_refuse(source, &refused);
}

static void
test_fixed_ones(void **state)
{
    (void)state;
    char token[] = "t0ken", user[] = "me", password[] = "pass:word";
    g_autoptr(GBytes) pem = g_bytes_new_static("pem", 3);
    const K8sConfig nobody = {0}, bearer = {.token = token},
                    basic = {.username = user, .password = password},
                    certificate = {.certificate_pem = pem, .key_pem = pem};
    g_autoptr(CredentialSource) source = credential_source_new(&nobody);
    expect_authorization(source, NULL);
    assert_false(refuse(source, NULL));
    g_autoptr(CredentialSource) of_token = credential_source_new(&bearer);
    expect_authorization(of_token, "Authorization: Bearer t0ken");
    assert_false(refuse(of_token, "Authorization: Bearer t0ken"));
    g_autoptr(CredentialSource) of_user = credential_source_new(&basic);
    expect_authorization(of_user, "Authorization: Basic bWU6cGFzczp3b3Jk");
    g_autoptr(CredentialSource) of_certificate = credential_source_new(&certificate);
    g_auto(Credentials) credentials = {0};
    assert_true(credential_source_get(of_certificate, 0, NULL, &credentials, NULL));
    assert_ptr_equal(credentials.certificate_pem, pem);
    assert_ptr_equal(credentials.key_pem, pem);
}

static void
test_a_token_file_is_read_each_time(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "token");
    char stale[] = "stale";
    const K8sConfig config = {.token_file = path, .token = stale};
    g_autoptr(CredentialSource) source = credential_source_new(&config);
    Credentials credentials;
    g_autoptr(GError) error = NULL;
    assert_false(credential_source_get(source, 0, NULL, &credentials, &error));
    assert_error_says(error, "token: No such file");
    assert_true(g_file_set_contents(path, "one\n", -1, NULL));
    expect_authorization(source, "Authorization: Bearer one");
    assert_false(refuse(source, "Authorization: Bearer one"));
    assert_true(g_file_set_contents(path, " two ", -1, NULL));
    assert_true(refuse(source, "Authorization: Bearer one"));
    expect_authorization(source, "Authorization: Bearer two");
    assert_true(g_file_set_contents(path, "s3cret\r\nX: y", -1, NULL));
    g_clear_error(&error);
    assert_false(credential_source_get(source, 0, NULL, &credentials, &error));
    assert_error_says(error, "token holds no token");
    assert_lacks(error->message, "s3cret");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_UNAUTHENTICATED));
}

/* A plug-in that counts how often it was run and gives the count as its token. */
typedef struct {
    TempDir *dir;
    char *args[3];
    ExecPlugin plugin;
    K8sConfig config;
} Counting;

static void
counting_init(Counting *counting, const char *expires)
{
    *counting = (Counting){.dir = temp_dir_new()};
    g_autofree char *count = temp_dir_file(counting->dir, "count");
    counting->args[0] = g_strdup("-c");
    counting->args[1] = g_strdup_printf(
        "echo >>%s; n=$(wc -l <%s); echo "
        "'{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
        "\"status\":{\"expirationTimestamp\":%s,\"token\":\"'$((n))'\"}}'",
        count, count, expires);
    counting->plugin = (ExecPlugin){
        .command = (char *)(uintptr_t) "sh",
        .args = counting->args,
        .api_version = (char *)(uintptr_t) "client.authentication.k8s.io/v1",
    };
    counting->config =
        (K8sConfig){.server = (char *)(uintptr_t) "https://h", .exec = &counting->plugin};
}

static void
counting_clear(Counting *counting)
{
    temp_dir_free(counting->dir);
    g_free(counting->args[0]);
    g_free(counting->args[1]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Counting, counting_clear)

static void
test_a_plugin_is_run_when_what_it_gave_is_refused(void **state)
{
    (void)state;
    g_auto(Counting) counting;
    counting_init(&counting, "null");
    g_autoptr(CredentialSource) source = credential_source_new(&counting.config);
    expect_authorization(source, "Authorization: Bearer 1");
    expect_authorization(source, "Authorization: Bearer 1");
    assert_true(refuse(source, "Authorization: Bearer 1"));
    expect_authorization(source, "Authorization: Bearer 2");
    /* Another thread's 401 of before. */
    assert_true(refuse(source, "Authorization: Bearer 1"));
    expect_authorization(source, "Authorization: Bearer 2");
}

static void
test_a_plugin_has_no_longer_than_the_call(void **state)
{
    (void)state;
    char *args[] = {(char *)(uintptr_t) "-c", (char *)(uintptr_t) "exec sleep 3600", NULL};
    ExecPlugin plugin = {.command = (char *)(uintptr_t) "sh",
                         .args = args,
                         .api_version = (char *)(uintptr_t) "client.authentication.k8s.io/v1"};
    const K8sConfig config = {.server = (char *)(uintptr_t) "https://h", .exec = &plugin};
    g_autoptr(CredentialSource) source = credential_source_new(&config);
    Credentials credentials;
    g_autoptr(GError) error = NULL;
    int64_t start_us = g_get_monotonic_time();
    assert_false(credential_source_get(source, start_us + 300 * 1000, NULL, &credentials, &error));
    assert_error_says(error, "'sh' gave no credentials within");
    assert_true(g_get_monotonic_time() - start_us < 30 * G_USEC_PER_SEC);
    g_clear_error(&error);
    assert_false(credential_source_get(source, start_us, NULL, &credentials, &error));
    assert_error_says(error, "no time was left to run 'sh'");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DEADLINE_EXCEEDED));
}

static void
test_a_plugin_is_run_when_what_it_gave_expires(void **state)
{
    (void)state;
    g_auto(Counting) late, early;
    counting_init(&late, "\"2100-01-01T00:00:00Z\"");
    counting_init(&early, "\"2020-01-01T00:00:00Z\"");
    g_autoptr(CredentialSource) of_late = credential_source_new(&late.config);
    g_autoptr(CredentialSource) of_early = credential_source_new(&early.config);
    expect_authorization(of_late, "Authorization: Bearer 1");
    expect_authorization(of_late, "Authorization: Bearer 1");
    expect_authorization(of_early, "Authorization: Bearer 1");
    expect_authorization(of_early, "Authorization: Bearer 2");
}

static void *
get_once(void *source)
{
    expect_authorization(source, "Authorization: Bearer 1");
    return NULL;
}

static void
test_threads_share_one_run(void **state)
{
    (void)state;
    g_auto(Counting) counting;
    counting_init(&counting, "null");
    g_autoptr(CredentialSource) source = credential_source_new(&counting.config);
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("get", get_once, source);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        (void)g_thread_join(threads[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_ones),
        cmocka_unit_test(test_a_token_file_is_read_each_time),
        cmocka_unit_test(test_a_plugin_is_run_when_what_it_gave_is_refused),
        cmocka_unit_test(test_a_plugin_has_no_longer_than_the_call),
        cmocka_unit_test(test_a_plugin_is_run_when_what_it_gave_expires),
        cmocka_unit_test(test_threads_share_one_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
