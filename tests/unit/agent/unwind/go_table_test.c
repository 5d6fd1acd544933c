/* Compares the rows made from the pclntab with the .debug_frame that Go's linker writes from the
 * same compilation, and looks at the functions that are not plain. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/unwind/cfi.h"
#include "agent/unwind/table.h"
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
    UnwindRules *rules;
    UnwindTable *table;
    Gopclntab *pclntab;
} Fixture;

static Fixture
open_fixture(const char *name)
{
    Fixture fixture = {.fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC),
                       .rules = unwind_rules_new()};
    fixture.elf = elf_file_open(fixture.fd, NULL);
    assert_non_null(fixture.elf);
    fixture.table = unwind_table_new(fixture.elf, fixture.rules, NULL, NULL);
    assert_non_null(fixture.table);
    fixture.pclntab = gopclntab_open(fixture.elf, NULL);
    return fixture;
}

static void
close_fixture(Fixture *fixture)
{
    gopclntab_free(fixture->pclntab);
    unwind_table_free(fixture->table);
    unwind_rules_free(fixture->rules);
    elf_file_free(fixture->elf);
    close(fixture->fd);
}

static struct unwind_rule
rule_at(const Fixture *fixture, uint64_t address)
{
    return unwind_rules_data(fixture->rules)[unwind_table_find(fixture->table, address)];
}

static bool
is_named(const char *full, const char *name)
{
    size_t length = strlen(name);
    return strncmp(full, name, length) == 0 &&
           (full[length] == '\0' || strcmp(full + length, "__sigaction") == 0);
}

/* The function of that name; Go 1.20 put a suffix behind sigreturn. */
static GoFunction
function_named(const Fixture *fixture, const char *name)
{
    GoFunction function;
    for (size_t i = 0; i < gopclntab_n_functions(fixture->pclntab); i++)
        if (gopclntab_function(fixture->pclntab, i, &function) &&
            is_named(gopclntab_name(fixture->pclntab, &function), name))
            return function;
    fail_msg("no function %s", name);
    return (GoFunction){0};
}

typedef struct {
    const Fixture *fixture;
    size_t n_rows, n_special, n_different;
} Comparison;

static bool
compare_row(void *data, uint64_t address, const struct unwind_rule *expected)
{
    Comparison *comparison = data;
    struct unwind_rule own = rule_at(comparison->fixture, address);
    comparison->n_rows++;
    if (own.cfa != UNWIND_CFA_SP)
        comparison->n_special++;
    else if (own.cfa_offset != expected->cfa_offset || own.ra_offset != expected->ra_offset)
        comparison->n_different++;
    return true;
}

static void
test_depths(void **state)
{
    (void)state;
    Fixture fixture = open_fixture("go_plain");
    CfiSection section;
    g_autoptr(GBytes) bytes = cfi_section_read(fixture.elf, true, 64 << 20, &section, NULL);
    assert_non_null(bytes);
    g_autoptr(CfiReader) reader = cfi_reader_new(&section);
    Comparison comparison = {.fixture = &fixture};
    CfiEntry entry;
    for (uint64_t offset = 0; cfi_reader_next(reader, &offset, &entry);)
        assert_true(cfi_entry_rows(&entry, compare_row, &comparison));
    print_message("%zu rows as in .debug_frame, %zu special\n", comparison.n_rows,
                  comparison.n_special);
    assert_true(comparison.n_rows > 5000);
    assert_int_equal(comparison.n_different, 0);
    assert_true(comparison.n_special < 100);
    close_fixture(&fixture);
}

static void
test_same_when_stripped(void **state)
{
    (void)state;
    Fixture plain = open_fixture("go_plain"), stripped = open_fixture("go_stripped");
    assert_int_equal(plain.table->n_rows, stripped.table->n_rows);
    assert_memory_equal(plain.table->rows, stripped.table->rows, 4 * (size_t)plain.table->n_rows);
    close_fixture(&plain);
    close_fixture(&stripped);
}

static void
test_leaf_and_frame(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"go_plain", "go_stripped", "go_pie"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        Fixture fixture = open_fixture(NAMES[i]);
        GoFunction leaf = function_named(&fixture, "main.leaf");
        for (uint64_t pc = leaf.start; pc < leaf.end; pc++) {
            struct unwind_rule rule = rule_at(&fixture, pc);
            assert_int_equal(rule.cfa, UNWIND_CFA_SP);
            assert_int_equal(rule.cfa_offset, 8);
            assert_int_equal(rule.fp, UNWIND_FP_SAME);
        }
        assert_true(leaf.end > leaf.start);
        GoFunction middle = function_named(&fixture, "main.middle");
        size_t n_framed = 0;
        for (uint64_t pc = middle.start; pc < middle.end; pc++) {
            struct unwind_rule rule = rule_at(&fixture, pc);
            bool is_saved = rule.fp == UNWIND_FP_CFA;
            assert_int_equal(rule.fp_offset, is_saved ? -16 : 0);
            assert_true(rule.cfa_offset > 8 || !is_saved);
            n_framed += is_saved;
        }
        assert_true(n_framed > 0);
        close_fixture(&fixture);
    }
}

static size_t
count_kind(const Fixture *fixture, const char *name, uint8_t cfa)
{
    GoFunction function = function_named(fixture, name);
    size_t n = 0;
    for (uint64_t pc = function.start; pc < function.end; pc++)
        n += rule_at(fixture, pc).cfa == cfa;
    return n;
}

static void
test_special_functions(void **state)
{
    (void)state;
    Fixture fixture = open_fixture("go_plain");
    GoFunction goexit = function_named(&fixture, "runtime.goexit");
    assert_int_equal(rule_at(&fixture, goexit.start).cfa, UNWIND_CFA_STOP);
    GoFunction sigreturn = function_named(&fixture, "runtime.sigreturn");
    assert_int_equal(rule_at(&fixture, sigreturn.start).cfa, UNWIND_CFA_SIGNAL);
    assert_int_equal(rule_at(&fixture, sigreturn.start - 1).cfa, UNWIND_CFA_SIGNAL);
    GoFunction mcall = function_named(&fixture, "runtime.mcall");
    assert_int_equal(rule_at(&fixture, mcall.start).cfa, UNWIND_CFA_SP);
    assert_true(count_kind(&fixture, "runtime.mcall", UNWIND_CFA_STOP) > 0);
    assert_true(count_kind(&fixture, "runtime.morestack", UNWIND_CFA_STOP) > 0);
    assert_true(count_kind(&fixture, "runtime.systemstack", UNWIND_CFA_FP) > 0 ||
                count_kind(&fixture, "runtime.systemstack", UNWIND_CFA_FRAME_POINTER) > 0);
    assert_true(count_kind(&fixture, "runtime.nanotime1", UNWIND_CFA_FP) > 0);
    GoFunction nanotime = function_named(&fixture, "runtime.nanotime1");
    for (uint64_t pc = nanotime.start; pc < nanotime.end; pc++) {
        struct unwind_rule rule = rule_at(&fixture, pc);
        assert_int_equal(rule.flags, rule.cfa == UNWIND_CFA_FP ? UNWIND_RULE_SWITCHES_STACK : 0);
    }
    assert_int_equal(count_kind(&fixture, "runtime.sigtramp", UNWIND_CFA_STOP), 0);
    close_fixture(&fixture);
}

int
main(void)
{
    if (access(fixture_path("go_plain"), X_OK) != 0) {
        printf("skipped: the go tool was not found when this was built\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depths), cmocka_unit_test(test_same_when_stripped),
        cmocka_unit_test(test_leaf_and_frame), cmocka_unit_test(test_special_functions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
