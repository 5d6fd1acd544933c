#include <signal.h>
#include <unistd.h>

#include "tests/harness/check.h"
#include "tests/harness/program.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"

static Program *
start_shell(const char *script)
{
    return program_start((const char *const[]){"/bin/sh", "-c", script, NULL},
                         (const char *const[]){"GREETING=hello = you", NULL});
}

static void
test_output_of_both_streams_is_kept(void **state)
{
    (void)state;
    char *output = NULL;
    int status = program_run(
        (const char *const[]){"/bin/sh", "-c", "echo a; echo b >&2; exit 3", NULL}, NULL, &output);
    assert_int_equal(status, 3);
    assert_string_equal(output, "a\nb\n");
    g_free(output);
}

static void
test_waiting_for_a_line(void **state)
{
    (void)state;
    g_autoptr(Program) program = start_shell("echo \"$GREETING\"; echo port 4711; exec sleep 1000");
    g_autofree char *port = program_wait_for(program, "^port ([0-9]+)$", PROGRAM_WAIT_MS);
    assert_string_equal(port, "4711");
    g_autofree char *greeting = program_wait_for(program, "^hello.*$", PROGRAM_WAIT_MS);
    assert_string_equal(greeting, "hello = you");
    assert_true(program_is_running(program));
}

static void
test_signals_show_in_the_status(void **state)
{
    (void)state;
    g_autoptr(Program) program = start_shell("echo up; exec sleep 1000");
    g_free(program_wait_for(program, "up", PROGRAM_WAIT_MS));
    program_signal(program, SIGTERM);
    assert_int_equal(program_wait(program, PROGRAM_WAIT_MS), 128 + SIGTERM);
    assert_false(program_is_running(program));
}

static void
test_a_program_does_not_outlive_its_handle(void **state)
{
    (void)state;
    Program *program = start_shell("trap '' TERM; echo up; while :; do read -r line; done");
    g_free(program_wait_for(program, "up", PROGRAM_WAIT_MS));
    pid_t pid = program_pid(program);
    program_free(program);
    assert_int_equal(kill(pid, 0), -1);
}

static void
test_directories_vanish_with_their_content(void **state)
{
    (void)state;
    TempDir *dir = temp_dir_new();
    g_autofree char *path = g_strdup(temp_dir_path(dir));
    g_autofree char *deep = temp_dir_file(dir, "a/b");
    g_autofree char *file = temp_dir_file(dir, "a/b/c");
    assert_int_equal(g_mkdir_with_parents(deep, 0700), 0);
    assert_true(g_file_set_contents(file, "x", 1, NULL));
    temp_dir_free(dir);
    assert_int_equal(access(path, F_OK), -1);
}

static bool
count_down(void *user)
{
    return --*(int *)user <= 0;
}

static void
test_waits_are_bounded(void **state)
{
    (void)state;
    int soon = 3, never = INT32_MAX;
    assert_true(wait_until(count_down, &soon, PROGRAM_WAIT_MS));
    assert_false(wait_until(count_down, &never, 20));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_of_both_streams_is_kept),
        cmocka_unit_test(test_waiting_for_a_line),
        cmocka_unit_test(test_signals_show_in_the_status),
        cmocka_unit_test(test_a_program_does_not_outlive_its_handle),
        cmocka_unit_test(test_directories_vanish_with_their_content),
        cmocka_unit_test(test_waits_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
