/* Compares the pclntab reader with what the Go runtime itself says about its addresses. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/symbol/gopclntab.h"

/* Where the built fixtures are; CRESSET_GO_FIXTURES names a folder made by another Go version. */
static const char *
fixture_path(const char *name)
{
    static char path[4096];
    const char *folder = g_getenv("CRESSET_GO_FIXTURES");
    g_snprintf(path, sizeof(path), "%s/%s",
               folder != NULL ? folder : CRESSET_BINARY_DIR "/tests/fixtures", name);
    return path;
}

typedef struct {
    int fd;
    ElfFile *elf;
    Gopclntab *table;
} Fixture;

static Fixture
open_fixture(const char *name)
{
    Fixture fixture = {.fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC)};
    assert_true(fixture.fd >= 0);
    fixture.elf = elf_file_open(fixture.fd, NULL);
    assert_non_null(fixture.elf);
    assert_true(elf_file_is_go(fixture.elf));
    g_autoptr(GError) error = NULL;
    fixture.table = gopclntab_open(fixture.elf, &error);
    assert_null(error);
    assert_non_null(fixture.table);
    return fixture;
}

static void
close_fixture(Fixture *fixture)
{
    gopclntab_free(fixture->table);
    elf_file_free(fixture->elf);
    close(fixture->fd);
}

/* The runtime prints the arguments of generic functions as "[...]", and takes a name at offset 0
 * for no name. */
static bool
is_same_name(const char *own, const char *runtime)
{
    if (runtime[0] == '\0')
        return true;
    const char *bracket = strchr(runtime, '[');
    return bracket != NULL ? strncmp(own, runtime, (size_t)(bracket - runtime)) == 0
                           : strcmp(own, runtime) == 0;
}

static void
compare_line(Gopclntab *table, char *text, size_t *n_inlined)
{
    g_auto(GStrv) fields = g_strsplit(text, "\t", 4);
    assert_int_equal(g_strv_length(fields), 4);
    uint64_t address = g_ascii_strtoull(fields[0], NULL, 16);
    SymbolLine lines[SYMBOL_LINES_MAX];
    size_t n = gopclntab_lines(table, address, lines, G_N_ELEMENTS(lines));
    assert_true(n > 0);
    const char *file = strcmp(fields[2], "?") == 0 ? "" : fields[2]; /* in the padding */
    if (!is_same_name(lines[0].name, fields[1]) || strcmp(lines[0].file, file) != 0 ||
        lines[0].line != strtoul(fields[3], NULL, 10))
        fail_msg("0x%" G_GINT64_MODIFIER "x: %s %s:%u, but the runtime says %s %s:%s", address,
                 lines[0].name, lines[0].file, lines[0].line, fields[1], fields[2], fields[3]);
    GoFunction function;
    assert_true(gopclntab_find(table, address, &function));
    assert_string_equal(lines[n - 1].name, gopclntab_name(table, &function));
    *n_inlined += n > 1;
    if (strcmp(fields[1], "main.inlined") == 0) {
        assert_int_equal(n, 2);
        assert_string_equal(lines[1].name, "main.middle");
        assert_int_equal(lines[1].line, lines[1].start_line + 1);
    }
}

static void
compare_with_runtime(const char *name)
{
    Fixture fixture = open_fixture(name);
    const ElfSection *text = elf_file_find_section(fixture.elf, ".text");
    g_autofree char *command =
        g_strdup_printf("%s lines 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x 11",
                        fixture_path(name), text->address, text->address + text->size);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    size_t n_lines = 0, n_inlined = 0;
    char line[4096];
    for (; fgets(line, sizeof(line), output) != NULL; n_lines++)
        compare_line(fixture.table, g_strchomp(line), &n_inlined);
    assert_int_equal(pclose(output), 0);
    print_message("%s: %zu addresses as the runtime says, %zu of them inlined\n", name, n_lines,
                  n_inlined);
    assert_true(n_lines > 10000);
    assert_true(n_inlined > 100);
    close_fixture(&fixture);
}

static void
test_plain(void **state)
{
    (void)state;
    compare_with_runtime("go_plain");
}

static void
test_stripped(void **state)
{
    (void)state;
    compare_with_runtime("go_stripped");
}

/* A position-independent program moves, so the plain one answers for it by name and line. */
static void
test_position_independent(void **state)
{
    (void)state;
    Fixture fixture = open_fixture("go_pie");
    SymbolLine lines[SYMBOL_LINES_MAX];
    size_t n_found = 0;
    for (size_t i = 0; i < gopclntab_n_functions(fixture.table); i++) {
        GoFunction function;
        assert_true(gopclntab_function(fixture.table, i, &function));
        if (strcmp(gopclntab_name(fixture.table, &function), "main.middle") != 0)
            continue;
        for (uint64_t pc = function.start; pc < function.end; pc++) {
            size_t n = gopclntab_lines(fixture.table, pc, lines, G_N_ELEMENTS(lines));
            n_found += n == 2 && strcmp(lines[0].name, "main.inlined") == 0;
        }
    }
    assert_true(n_found > 0);
    close_fixture(&fixture);
}

static void
test_outside(void **state)
{
    (void)state;
    Fixture fixture = open_fixture("go_plain");
    SymbolLine line;
    GoFunction function;
    assert_int_equal(gopclntab_lines(fixture.table, 0, &line, 1), 0);
    assert_int_equal(gopclntab_lines(fixture.table, UINT64_MAX, &line, 1), 0);
    assert_false(
        gopclntab_function(fixture.table, gopclntab_n_functions(fixture.table), &function));
    assert_true(gopclntab_function(fixture.table, 0, &function));
    assert_int_equal(gopclntab_lines(fixture.table, function.start, &line, 0), 0);
    close_fixture(&fixture);
}

static void
test_not_go(void **state)
{
    (void)state;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    assert_non_null(elf);
    assert_false(elf_file_is_go(elf));
    g_autoptr(GError) error = NULL;
    assert_null(gopclntab_open(elf, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND));
    close(fd);
}

int
main(void)
{
    if (access(fixture_path("go_plain"), X_OK) != 0) {
        printf("skipped: the go tool was not found when this was built\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_position_independent), cmocka_unit_test(test_outside),
        cmocka_unit_test(test_not_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
