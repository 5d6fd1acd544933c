/* The symbolizer with its real process: this program, started anew, is that process. */
#include "agent/symbolize/symbolizer.h"

#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/symbolize/worker.h"

__attribute__((noinline)) int fixture_function(int n);

enum { FIXTURE_LINE = __LINE__ };

int
fixture_function(int n)
{
    return n * 3 + 1;
}

static char folder[] = "/tmp/cresset-symbolizer-XXXXXX";

/* This program's own file, and the virtual address of a function in it. */
static Executable
own_executable(uint64_t id)
{
    return (Executable){
        .id = id,
        .fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        .path = (char *)(uintptr_t) "/usr/bin/symbolizer_test",
    };
}

/* The program itself comes first. */
static int
on_object(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1;
}

static uint64_t
own_address(const void *function)
{
    uint64_t bias = 0;
    dl_iterate_phdr(on_object, &bias);
    return (uint64_t)(uintptr_t)function - bias;
}

static SymbolQuery
own_query(Executable *executable)
{
    return (SymbolQuery){.kind = FRAME_FILE,
                         .executable = executable,
                         .address = own_address((const void *)fixture_function) + 1};
}

/* One unit of work, all of it for this process. */
static void
resolve(Symbolizer *symbolizer, SymbolQuery *queries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        queries[i].pid = queries[i].namespace_pid = (uint32_t)getpid();
    symbolizer_begin(symbolizer);
    symbolizer_resolve(symbolizer, queries, n);
}

static void
check_name(Symbolizer *symbolizer, const SymbolQuery *query, const char *expected)
{
    assert_true(query->lines.n >= 1);
    size_t length;
    const CachedLine *line = symbolizer_line(symbolizer, query->lines, query->lines.n - 1);
    const char *name = symbolizer_text(symbolizer, line->name, &length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(name, expected, length);
}

static void
test_names_and_lines(void **state)
{
    (void)state;
    SymbolizerConfig config = {.deadline_ms = 30000};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    Executable executable = own_executable(1);
    for (int round = 0; round < 2; round++) {
        SymbolQuery query = own_query(&executable);
        resolve(symbolizer, &query, 1);
        check_name(symbolizer, &query, "fixture_function");
        const CachedLine *line = symbolizer_line(symbolizer, query.lines, 0);
        size_t length;
        const char *file = symbolizer_text(symbolizer, line->file, &length);
        assert_true(length > 16 && memcmp(file + length - 17, "symbolizer_test.c", 17) == 0);
        assert_in_range(line->line, FIXTURE_LINE + 2, FIXTURE_LINE + 6);
    }
    SymbolizerCounts counts;
    symbolizer_get_counts(symbolizer, &counts);
    assert_int_equal(counts.hits, 1);
    assert_int_equal(counts.misses, 1);
    assert_int_equal(counts.starts, 1);
    close(executable.fd);
}

static void
test_an_address_asked_for_twice_at_once(void **state)
{
    (void)state;
    SymbolizerConfig config = {.deadline_ms = 30000};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    Executable executable = own_executable(1);
    SymbolQuery queries[] = {own_query(&executable), own_query(&executable),
                             own_query(&executable)};
    resolve(symbolizer, queries, 3);
    for (int i = 0; i < 3; i++)
        check_name(symbolizer, &queries[i], "fixture_function");
    close(executable.fd);
}

static void
test_a_killed_process_is_started_again(void **state)
{
    (void)state;
    SymbolizerConfig config = {.deadline_ms = 30000};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    Executable first = own_executable(1), second = own_executable(2);
    SymbolQuery query = own_query(&first);
    resolve(symbolizer, &query, 1);
    pid_t child = (pid_t)symbolizer_child_pid(symbolizer);
    assert_true(child > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    query = own_query(&second);
    resolve(symbolizer, &query, 1);
    check_name(symbolizer, &query, "fixture_function");
    SymbolizerCounts counts;
    symbolizer_get_counts(symbolizer, &counts);
    assert_int_equal(counts.starts, 2);
    assert_int_equal(counts.failures, 1);
    assert_int_equal(counts.bad_files, 0);
    close(first.fd);
    close(second.fd);
}

/* With a symbolizer that never does its work, the file is given up after the second try. */
static void
check_hopeless(const char *script)
{
    g_autofree char *program = g_build_filename(folder, "worker.sh", NULL);
    assert_true(g_file_set_contents(program, script, -1, NULL));
    assert_int_equal(chmod(program, 0700), 0);
    SymbolizerConfig config = {.program = program, .deadline_ms = 300};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    Executable executable = own_executable(1);
    for (int round = 0; round < 3; round++) {
        SymbolQuery query = own_query(&executable);
        resolve(symbolizer, &query, 1);
        assert_int_equal(query.lines.n, 0);
    }
    SymbolizerCounts counts;
    symbolizer_get_counts(symbolizer, &counts);
    assert_int_equal(counts.starts, 2);
    assert_int_equal(counts.failures, 2);
    assert_int_equal(counts.bad_files, 1);
    assert_int_equal(symbolizer_child_pid(symbolizer), 0);
    close(executable.fd);
}

static void
test_a_file_that_is_too_much_is_given_up(void **state)
{
    (void)state;
    check_hopeless("#!/bin/sh\nexec sleep 60\n");
    check_hopeless("#!/bin/sh\nexit 3\n");
    check_hopeless("#!/bin/sh\nyes >&3\n");
    check_hopeless("#!/bin/sh\nprintf '1MYS' >&3\nhead -c 100 /dev/zero >&3\n");
}

static void
test_a_file_that_lies_stays_without_symbols(void **state)
{
    (void)state;
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
    SymbolizerConfig config = {.deadline_ms = 30000};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    g_autofree char *path = g_build_filename(folder, "lying", NULL);
    for (uint64_t i = 0; i < 8; i++) {
        g_autofree char *copy = g_memdup2(bytes, size);
        /* e_shoff, e_shentsize and e_shnum, then the section headers themselves. */
        memset(copy + 40 + i, 0xff, 8);
        if (i > 4)
            memset(copy + size - 64 * i * 4, 0xf0 | (int)i, 64 * 4);
        assert_true(g_file_set_contents(path, copy, (gssize)size, NULL));
        Executable liar = {.id = 100 + i, .fd = open(path, O_RDONLY | O_CLOEXEC), .path = path};
        SymbolQuery query = own_query(&liar);
        resolve(symbolizer, &query, 1);
        close(liar.fd);
    }
    Executable honest = own_executable(1);
    SymbolQuery query = own_query(&honest);
    resolve(symbolizer, &query, 1);
    check_name(symbolizer, &query, "fixture_function");
    close(honest.fd);
}

static void
test_kernel_vdso_and_jit_addresses(void **state)
{
    (void)state;
    g_autofree char *map = g_strdup_printf("/tmp/perf-%d.map", getpid());
    assert_true(g_file_set_contents(map, "7000000 100 jit::hot_loop\n", -1, NULL));
    SymbolizerConfig config = {.deadline_ms = 30000};
    g_autoptr(Symbolizer) symbolizer = symbolizer_new(&config);
    Executable vdso = {.id = 7, .fd = -1, .path = (char *)(uintptr_t) "[vdso]"};
    SymbolQuery queries[4] = {
        {.kind = FRAME_ANON, .address = 0x7000010},
        {.kind = FRAME_ANON, .address = 0x8000000},
        {.kind = FRAME_KERNEL, .address = UINT64_MAX},
        {.kind = FRAME_FILE, .executable = &vdso, .address = 0x1},
    };
    resolve(symbolizer, queries, 4);
    check_name(symbolizer, &queries[0], "jit::hot_loop");
    assert_int_equal(queries[1].lines.n, 0);
    assert_int_equal(queries[2].lines.n, 0);
    assert_int_equal(queries[3].lines.n, 0);
    /* The code was replaced: the map is read again. */
    assert_true(g_file_set_contents(map, "7000000 100 a\n7000000 20 jit::new_loop\n", -1, NULL));
    resolve(symbolizer, queries, 1);
    check_name(symbolizer, &queries[0], "jit::new_loop");
    unlink(map);
}

static int
set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"worker.sh", "lying"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        unlink(path);
    }
    return rmdir(folder);
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(WORKER_FD);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_lines),
        cmocka_unit_test(test_an_address_asked_for_twice_at_once),
        cmocka_unit_test(test_a_killed_process_is_started_again),
        cmocka_unit_test(test_a_file_that_is_too_much_is_given_up),
        cmocka_unit_test(test_a_file_that_lies_stays_without_symbols),
        cmocka_unit_test(test_kernel_vdso_and_jit_addresses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
