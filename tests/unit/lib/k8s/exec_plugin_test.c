/* Credential plug-ins: real programs, most of them one line of sh(1). */
#include "lib/k8s/exec_plugin.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

#define V1 "client.authentication.k8s.io/v1"
#define CREDENTIAL(status)                                                                         \
    "{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"status\":{" status "}}"

/* Runs `script`, which gets the environment A=b. */
static bool
run_script(const char *script, int64_t timeout_ms, GCancellable *cancel, ExecCredential *ret,
           GError **error)
{
    char *args[] = {(char *)(uintptr_t) "-c", (char *)(uintptr_t)script, NULL};
    char *environment[] = {(char *)(uintptr_t) "A=b", NULL};
    ExecPlugin plugin = {
        .command = (char *)(uintptr_t) "sh",
        .args = args,
        .environment = environment,
        .api_version = (char *)(uintptr_t)V1,
        .provide_cluster_info = true,
    };
    g_autoptr(GBytes) ca = g_bytes_new_static("ca", 2);
    K8sConfig config = {
        .server = (char *)(uintptr_t) "https://api.example.org",
        .ca_pem = ca,
        .tls_server_name = (char *)(uintptr_t) "kubernetes",
        .exec = &plugin,
    };
    return exec_plugin_run(&config, timeout_ms, cancel, ret, error);
}

static void
expect_failure(const char *script, int code, const char *part)
{
    ExecCredential credential;
    g_autoptr(GError) error = NULL;
    assert_false(run_script(script, 60000, NULL, &credential, &error));
    assert_error_says(error, part);
    assert_true(g_error_matches(error, CRESSET_ERROR, code));
    assert_lacks(error->message, "s3cret");
}

static void
test_a_token_and_its_end(void **state)
{
    (void)state;
    g_auto(ExecCredential) credential = {0};
    g_autoptr(GError) error = NULL;
    bool done = run_script("echo '" CREDENTIAL("\"token\":\"abc\",\"expirationTimestamp\":"
                                               "\"2030-01-02T03:04:05Z\"") "'",
                           60000, NULL, &credential, &error);
    assert_no_error(error);
    assert_true(done);
    assert_string_equal(credential.token, "abc");
    assert_int_equal(credential.expires_us, INT64_C(1893553445) * G_USEC_PER_SEC);
    assert_null(credential.certificate_pem);
}

static void
test_a_certificate(void **state)
{
    (void)state;
    g_auto(ExecCredential) credential = {0};
    assert_true(run_script("printf %s '" CREDENTIAL("\"clientCertificateData\":\"cert\\n\","
                                                    "\"clientKeyData\":\"key\"") "'",
                           60000, NULL, &credential, NULL));
    assert_null(credential.token);
    assert_int_equal(credential.expires_us, 0);
    assert_memory_equal(g_bytes_get_data(credential.certificate_pem, NULL), "cert\n", 5);
    assert_int_equal(g_bytes_get_size(credential.key_pem), 3);
}

static void
test_what_it_is_told(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "told");
    g_autofree char *script = g_strdup_printf("read -r line; printf '%%s|%%s|%%s' \"$A\" \"$line\" "
                                              "\"$KUBERNETES_EXEC_INFO\" >%s; echo '%s'",
                                              path, CREDENTIAL("\"token\":\"abc\""));
    g_auto(ExecCredential) credential = {0};
    assert_true(run_script(script, 60000, NULL, &credential, NULL));
    g_autofree char *told = NULL;
    assert_true(g_file_get_contents(path, &told, NULL, NULL));
    assert_string_equal(told, "b||{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"spec\":{"
                              "\"interactive\":false,\"cluster\":{\"server\":"
                              "\"https://api.example.org\",\"tls-server-name\":\"kubernetes\","
                              "\"certificate-authority-data\":\"Y2E=\"}}}");
}

static void
test_failures_say_why(void **state)
{
    (void)state;
    expect_failure("echo s3cret; printf 'log in \\033[1mfirst\\n' >&2; exit 3",
                   CRESSET_ERROR_UNAUTHENTICATED,
                   "'sh' ended with status 3: log in \uFFFD[1mfirst");
    expect_failure("kill -9 $$", CRESSET_ERROR_UNAUTHENTICATED, "'sh' ended with signal 9");
    expect_failure("true", CRESSET_ERROR_UNAUTHENTICATED, "'sh': the output is not JSON");
    expect_failure("echo s3cret", CRESSET_ERROR_UNAUTHENTICATED, "the output is not JSON");
    expect_failure("yes s3cret", CRESSET_ERROR_RESOURCE_EXHAUSTED,
                   "'sh' printed more than 1048576 bytes");
    expect_failure("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"s3cret\"}'",
                   CRESSET_ERROR_UNAUTHENTICATED, "no ExecCredential of the apiVersion " V1);
    expect_failure("echo '" CREDENTIAL("") "'", CRESSET_ERROR_UNAUTHENTICATED,
                   "neither status.token nor status.clientCertificateData");
    expect_failure("echo '" CREDENTIAL("\"clientKeyData\":\"s3cret\"") "'",
                   CRESSET_ERROR_UNAUTHENTICATED, "only one of");
    expect_failure("echo '" CREDENTIAL("\"token\":\"s3cret token\"") "'",
                   CRESSET_ERROR_UNAUTHENTICATED, "status.token has spaces");
    expect_failure("echo '" CREDENTIAL("\"token\":\"s3cret\",\"expirationTimestamp\":\"soon\"") "'",
                   CRESSET_ERROR_UNAUTHENTICATED, "status.expirationTimestamp is not a time");
}

static void
test_a_program_that_is_not_there(void **state)
{
    (void)state;
    ExecPlugin plugin = {
        .command = (char *)(uintptr_t) "cresset-no-such-plugin",
        .api_version = (char *)(uintptr_t)V1,
        .install_hint = (char *)(uintptr_t) "get it\nfrom there",
    };
    const K8sConfig config = {.server = (char *)(uintptr_t) "https://h", .exec = &plugin};
    ExecCredential credential;
    g_autoptr(GError) error = NULL;
    assert_false(exec_plugin_run(&config, 60000, NULL, &credential, &error));
    assert_error_says(error, "cannot run 'cresset-no-such-plugin', which the kubeconfig names; get "
                             "it from there: No such file");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND));
}

/* The number that the script wrote; the process of that number is gone or a zombie of others. */
static void
expect_ended(const char *path)
{
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    pid_t pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
    assert_true(pid > 1);
    int64_t end_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    bool runs = true;
    while (runs && g_get_monotonic_time() < end_us) {
        g_autofree char *stat_path = g_strdup_printf("/proc/%d/stat", pid), *line = NULL;
        runs = g_file_get_contents(stat_path, &line, NULL, NULL) && strstr(line, ") Z") == NULL;
        g_usleep(1000);
    }
    assert_false(runs);
}

static void
test_what_hangs_is_ended_with_what_it_started(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "pid");
    g_autofree char *script = g_strdup_printf("sleep 3600 & echo $! >%s; wait", path);
    ExecCredential credential;
    g_autoptr(GError) error = NULL;
    assert_false(run_script(script, 1000, NULL, &credential, &error));
    assert_error_says(error, "'sh' gave no credentials within 1000 ms");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DEADLINE_EXCEEDED));
    expect_ended(path);
}

/* Standard error is kept to a small part of it, but read on, as it would wait otherwise. */
static void
test_what_writes_without_pause_is_ended(void **state)
{
    (void)state;
    ExecCredential credential;
    g_autoptr(GError) error = NULL;
    assert_false(
        run_script("for i in 1 2 3 4; do yes >&2 & done; wait", 300, NULL, &credential, &error));
    assert_error_says(error, "'sh' gave no credentials within 300 ms");
    g_auto(ExecCredential) told = {0};
    g_clear_error(&error);
    bool done = run_script("yes | head -c 1000000 >&2; echo '" CREDENTIAL("\"token\":\"abc\"") "'",
                           60000, NULL, &told, &error);
    assert_no_error(error);
    assert_true(done);
    assert_string_equal(told.token, "abc");
}

/* More than one read takes, in the pipe when it ends. */
static void
test_all_of_what_it_printed_is_read(void **state)
{
    (void)state;
    g_auto(ExecCredential) credential = {0};
    g_autoptr(GError) error = NULL;
    bool done = run_script("x=$(yes x | head -n 25000 | tr -d '\\n'); echo '"
                           "{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"status\":{"
                           "\"token\":\"'$x'\"}}'",
                           60000, NULL, &credential, &error);
    assert_no_error(error);
    assert_true(done);
    assert_int_equal(strlen(credential.token), 25000);
}

/* What it leaves behind holds the pipes open: its own end is enough. */
static void
test_what_it_leaves_behind_is_not_waited_for(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "pid");
    g_autofree char *script = g_strdup_printf("sleep 3600 & echo $! >%s; echo '%s'", path,
                                              CREDENTIAL("\"token\":\"abc\""));
    g_auto(ExecCredential) credential = {0};
    g_autoptr(GError) error = NULL;
    bool done = run_script(script, 3600 * 1000, NULL, &credential, &error);
    assert_no_error(error);
    assert_true(done);
    assert_string_equal(credential.token, "abc");
    expect_ended(path);
}

static void *
cancel_when_it_runs(void *user)
{
    void **both = user;
    while (!g_file_test(both[0], G_FILE_TEST_EXISTS))
        g_usleep(500);
    g_cancellable_cancel(both[1]);
    return NULL;
}

static void
test_cancel_ends_it(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "runs");
    g_autofree char *script = g_strdup_printf("echo >%s; exec sleep 3600", path);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    void *both[] = {path, cancel};
    GThread *thread = g_thread_new("cancel", cancel_when_it_runs, both);
    ExecCredential credential;
    g_autoptr(GError) error = NULL;
    assert_false(run_script(script, 3600 * 1000, cancel, &credential, &error));
    (void)g_thread_join(thread);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_CANCELLED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_and_its_end),
        cmocka_unit_test(test_a_certificate),
        cmocka_unit_test(test_what_it_is_told),
        cmocka_unit_test(test_failures_say_why),
        cmocka_unit_test(test_a_program_that_is_not_there),
        cmocka_unit_test(test_what_hangs_is_ended_with_what_it_started),
        cmocka_unit_test(test_what_writes_without_pause_is_ended),
        cmocka_unit_test(test_all_of_what_it_printed_is_read),
        cmocka_unit_test(test_what_it_leaves_behind_is_not_waited_for),
        cmocka_unit_test(test_cancel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
