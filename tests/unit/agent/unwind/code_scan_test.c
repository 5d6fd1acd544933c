/* Scans code that has CFI as if it had none, and compares the two. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/unwind/code_scan.h"
#include "agent/unwind/table.h"
#include "agent/unwind/table_writer.h"
#include "agent/unwind/x86_decode.h"

static bool
write_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    return table_writer_set_rule(data, address, rule);
}

typedef struct {
    size_t n_same, n_unknown, n_different;
} Agreement;

/* Compares CFA and rbp at every byte of .text where CFI says something. */
static Agreement
compare(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    g_autoptr(UnwindRules) rules = unwind_rules_new();
    g_autoptr(UnwindTable) table = unwind_table_new(elf, rules, NULL, NULL);
    const ElfSection *text = elf_file_find_section(elf, ".text");
    g_autoptr(TableWriter) writer =
        table_writer_new(rules, table->start_address, table->end_address, 1000, 1 << 20);
    g_autoptr(GArray) symbols = code_symbols_new(elf);
    assert_true(
        code_scan_rows(elf, symbols, text->address, text->address + text->size, write_row, writer));
    g_autoptr(UnwindTable) scanned = g_new0(UnwindTable, 1);
    assert_true(table_writer_end(writer, scanned));
    const struct unwind_rule *all = unwind_rules_data(rules);
    Agreement agreement = {0};
    for (uint64_t pc = text->address; pc < text->address + text->size; pc++) {
        struct unwind_rule known = all[unwind_table_find(table, pc)];
        struct unwind_rule own = all[unwind_table_find(scanned, pc)];
        if (known.cfa != UNWIND_CFA_SP && known.cfa != UNWIND_CFA_FP)
            continue;
        if (own.cfa == UNWIND_CFA_NONE)
            agreement.n_unknown++;
        else if (own.cfa == known.cfa && own.cfa_offset == known.cfa_offset && own.fp == known.fp &&
                 own.fp_offset == known.fp_offset)
            agreement.n_same++;
        else if (own.cfa == UNWIND_CFA_SP && known.cfa == UNWIND_CFA_FP && own.fp == known.fp)
            agreement.n_same++; /* both hold while rsp is known */
        else
            agreement.n_different++;
    }
    close(fd);
    size_t n = agreement.n_same + agreement.n_unknown + agreement.n_different;
    print_message("%s: %.2f %% of the code as its CFI, %.2f %% unknown, %.2f %% different\n", path,
                  100.0 * (double)agreement.n_same / (double)n,
                  100.0 * (double)agreement.n_unknown / (double)n,
                  100.0 * (double)agreement.n_different / (double)n);
    return agreement;
}

static void
test_agreement(void **state)
{
    (void)state;
    static const char *const PATHS[] = {"/lib/x86_64-linux-gnu/libc.so.6", "/proc/self/exe",
                                        "/usr/bin/bash"};
    for (size_t i = 0; i < G_N_ELEMENTS(PATHS); i++) {
        Agreement agreement = compare(PATHS[i]);
        assert_true(agreement.n_same > 4 * (agreement.n_different + agreement.n_unknown));
        assert_true(agreement.n_same > 15 * agreement.n_different);
    }
}

static void
test_lengths(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[15];
        uint8_t length;
    } CASES[] = {
        {{0x90}, 1},
        {{0x48, 0x89, 0xe5}, 3},
        {{0x48, 0x81, 0xec, 0x98, 0, 0, 0}, 7},
        {{0x66, 0xc7, 0x44, 0x24, 0x10, 1, 2}, 7},
        {{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
        {{0xf6, 0x05, 1, 2, 3, 4, 5}, 7},
        {{0xf7, 0xd8}, 2},
        {{0x0f, 0x84, 1, 2, 3, 4}, 6},
        {{0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}, 9},
        {{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}, 10},
        {{0xc5, 0xf8, 0x77}, 3},
        {{0xc4, 0xe3, 0x7d, 0x39, 0xc1, 1}, 6},
        {{0x62, 0xf1, 0x7c, 0x48, 0x10, 0x47, 1}, 7},
        {{0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8}, 6},
        {{0xc8, 1, 2, 3}, 4},
        {{0xe8, 1, 2, 3, 4}, 5},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        X86Instruction instruction;
        assert_true(x86_decode(CASES[i].code, sizeof(CASES[i].code), &instruction));
        assert_int_equal(instruction.length, CASES[i].length);
        assert_false(x86_decode(CASES[i].code, CASES[i].length - 1u, &instruction));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_agreement)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
