/* The real cresset-server as a program: options, start, stop, and what stands in its way. */
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cresset/version.h"
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"

static int
setup(void **state)
{
    *state = temp_dir_new();
    return 0;
}

static int
teardown(void **state)
{
    temp_dir_free(*state);
    return 0;
}

/* Runs the server with these options to its end; returns its status. */
static int
run_server(const char *const *options, const char *const *environment, char **ret_output)
{
    g_autofree char *path = test_program_path("cresset-server");
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, path);
    for (; *options != NULL; options++)
        g_ptr_array_add(argv, (void *)*options);
    g_ptr_array_add(argv, NULL);
    return program_run((const char *const *)argv->pdata, environment, ret_output);
}

/* The server refuses to start with this status, and says so in one line that holds `part`. */
static void
expect_refusal(const char *const *options, const char *const *environment, int status,
               const char *part)
{
    g_autofree char *output = NULL;
    int got = run_server(options, environment, &output);
    assert_contains(output, part);
    assert_true(g_str_has_prefix(output, "cresset-server: "));
    const char *end = strchr(output, '\n');
    if (end == NULL || end[1] != '\0')
        fail_msg("not one line: %s", output);
    assert_int_equal(got, status);
}

static void
test_starts_on_an_empty_directory_and_stops(void **state)
{
    g_autofree char *data = temp_dir_file(*state, "not/there/yet");
    g_autoptr(TestServer) server = test_server_start(data, NULL);
    g_autofree char *info = NULL, *page = NULL, *metrics = NULL;
    assert_int_equal(test_server_json(server, "/api/v1/status/buildinfo", NULL, NULL, &info), 200);
    assert_contains(info, "\"version\":\"" CRESSET_VERSION "\"");
    assert_contains(info, "\"revision\":\"" CRESSET_REVISION "\"");
    assert_int_equal(test_server_json(server, "/", NULL, NULL, &page), 200);
    assert_contains(page, "<html");
    assert_int_equal(test_server_json(server, "/metrics", NULL, NULL, &metrics), 200);
    assert_contains(metrics, "\ncresset_build_info{program=\"cresset-server\"");
    assert_contains(metrics, "\nprocess_resident_memory_bytes ");
    test_server_stop(server);
}

static void
test_interrupt_stops_too(void **state)
{
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(*state), NULL);
    program_signal(test_server_program(server), SIGINT);
    assert_int_equal(program_wait(test_server_program(server), PROGRAM_WAIT_MS), 0);
}

static void
test_starts_again_after_every_end(void **state)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGKILL, SIGINT};
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_autoptr(TestServer) server = test_server_start(temp_dir_path(*state), NULL);
        program_signal(test_server_program(server), signals[i]);
        int expected = signals[i] == SIGKILL ? 128 + SIGKILL : 0;
        assert_int_equal(program_wait(test_server_program(server), PROGRAM_WAIT_MS), expected);
    }
}

static void
test_wrong_options_name_the_nearest(void **state)
{
    (void)state;
    expect_refusal((const char *const[]){"--data-dri", "x", NULL}, NULL, 2,
                   "unknown option --data-dri; did you mean --data-dir?");
    expect_refusal((const char *const[]){"--max-profile-size-bytes", "many", NULL}, NULL, 2,
                   "--max-profile-size-bytes: 'many'");
    expect_refusal((const char *const[]){"--log-level", "loud", NULL}, NULL, 2, "'loud'");
    expect_refusal((const char *const[]){"--multitenancy", "maybe", NULL}, NULL, 2, "maybe");
    expect_refusal((const char *const[]){NULL}, (const char *const[]){"CRESSET_WORKERS=-1", NULL},
                   2, "CRESSET_WORKERS: '-1'");
    expect_refusal((const char *const[]){"--config", "/nonexistent.yaml", NULL}, NULL, 2,
                   "/nonexistent.yaml");
}

static void
test_wrong_files_name_the_line(void **state)
{
    g_autofree char *path = temp_dir_file(*state, "cresset.yaml");
    assert_true(g_file_set_contents(path, "listen: 127.0.0.1:0\nsegment-sizes: 1MiB\n", -1, NULL));
    g_autofree char *part =
        g_strdup_printf("%s:2: unknown option segment-sizes; did you mean segment-size?", path);
    expect_refusal((const char *const[]){"--config", path, NULL}, NULL, 2, part);
}

static void
test_help_and_version(void **state)
{
    (void)state;
    g_autofree char *help = NULL, *version = NULL;
    assert_int_equal(run_server((const char *const[]){"--help", NULL}, NULL, &help), 0);
    assert_contains(help, "--listen ADDR:PORT");
    assert_contains(help, "0.0.0.0:4040");
    assert_int_equal(run_server((const char *const[]){"--version", NULL}, NULL, &version), 0);
    assert_true(g_str_has_prefix(version, "cresset-server "));
}

static void
test_file_environment_and_flag(void **state)
{
    g_autofree char *path = temp_dir_file(*state, "cresset.yaml");
    g_autofree char *from_file = temp_dir_file(*state, "from-file");
    g_autofree char *from_env = temp_dir_file(*state, "from-environment");
    g_autofree char *yaml = g_strdup_printf("listen: 127.0.0.1:0\ndata-dir: %s\n", from_file);
    g_autofree char *variable = g_strdup_printf("CRESSET_DATA_DIR=%s", from_env);
    assert_true(g_file_set_contents(path, yaml, -1, NULL));
    g_autofree char *program_path = test_program_path("cresset-server");
    g_autoptr(Program) program =
        program_start((const char *const[]){program_path, "--config", path, NULL},
                      (const char *const[]){variable, NULL});
    g_free(program_wait_for(program, "listening on http://127\\.0\\.0\\.1:[1-9]", PROGRAM_WAIT_MS));
    assert_true(g_file_test(from_env, G_FILE_TEST_IS_DIR));
    assert_false(g_file_test(from_file, G_FILE_TEST_EXISTS));
    program_signal(program, SIGTERM);
    assert_int_equal(program_wait(program, PROGRAM_WAIT_MS), 0);
}

static void
test_a_port_in_use(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&address, &length), 0);
    g_autofree char *where = g_strdup_printf("127.0.0.1:%u", ntohs(address.sin_port));
    expect_refusal(
        (const char *const[]){"--listen", where, "--data-dir", temp_dir_path(*state), NULL}, NULL,
        1, where);
    (void)close(other);
}

static void
test_an_address_that_makes_no_sense(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.1:99999", "nowhere", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autofree char *output = NULL;
        int status = run_server((const char *const[]){"--listen", addresses[i], "--data-dir",
                                                      temp_dir_path(*state), NULL},
                                NULL, &output);
        assert_in_range(status, 1, 2);
        assert_contains(output, "cresset-server: ");
    }
}

static void
test_a_directory_locked_by_another_server(void **state)
{
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(*state), NULL);
    expect_refusal(
        (const char *const[]){"--listen", "127.0.0.1:0", "--data-dir", temp_dir_path(*state), NULL},
        NULL, 1, temp_dir_path(*state));
    test_server_stop(server);
}

/* Not even root may create something in /sys, nor below a plain file. */
static void
test_a_directory_that_cannot_be_written(void **state)
{
    g_autofree char *file = temp_dir_file(*state, "file");
    g_autofree char *below = temp_dir_file(*state, "file/data");
    assert_true(g_file_set_contents(file, "x", 1, NULL));
    expect_refusal(
        (const char *const[]){"--listen", "127.0.0.1:0", "--data-dir", "/sys/cresset", NULL}, NULL,
        1, "/sys/cresset");
    expect_refusal((const char *const[]){"--listen", "127.0.0.1:0", "--data-dir", below, NULL},
                   NULL, 1, below);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_starts_on_an_empty_directory_and_stops),
        CASE(test_interrupt_stops_too),
        CASE(test_starts_again_after_every_end),
        CASE(test_wrong_options_name_the_nearest),
        CASE(test_wrong_files_name_the_line),
        CASE(test_help_and_version),
        CASE(test_file_environment_and_flag),
        CASE(test_a_port_in_use),
        CASE(test_an_address_that_makes_no_sense),
        CASE(test_a_directory_locked_by_another_server),
        CASE(test_a_directory_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
