#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/unwind/table.h"
#include "agent/unwind/table_writer.h"
#include "lib/base/error.h"

enum { TEXT = 0x401000, TEXT_SIZE = 0x30000, PLT = 0x400f00, FRAME = 0x500000, ENTRY = 0x402000 };

/* A function of the made-up file: its CFA is rsp + `offset` throughout. */
typedef struct {
    uint32_t start, size;
    uint8_t offset;
} Function;

static void
put(GByteArray *bytes, uint64_t value, size_t size)
{
    g_byte_array_append(bytes, (const guint8 *)&value, (guint)size);
}

/* .eh_frame at FRAME with pcrel|sdata4 pointers. */
static GByteArray *
make_frames(const Function *functions, size_t n)
{
    static const uint8_t COMMON[] = {20, 0,    0,  0, 0,    0,  0, 0, 1,    'z', 'R', 0,
                                     1,  0x78, 16, 1, 0x1b, 12, 7, 8, 0x90, 1,   0,   0};
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, COMMON, sizeof(COMMON));
    for (size_t i = 0; i < n; i++) {
        put(bytes, 16, 4);
        put(bytes, bytes->len, 4);
        put(bytes, (uint32_t)(functions[i].start - (FRAME + bytes->len)), 4);
        put(bytes, functions[i].size, 4);
        put(bytes, 0, 1);
        put(bytes, 0x0e, 1);
        put(bytes, functions[i].offset, 1);
        put(bytes, 0, 1);
    }
    return bytes;
}

static const char NAMES[] = "\0.plt\0.text\0.eh_frame\0.shstrtab";

/* An x86-64 file with .plt, .text and .eh_frame; its code is all `plt` and zeros. */
static GBytes *
make_file(const Function *functions, size_t n, const void *plt, size_t plt_size)
{
    g_autoptr(GByteArray) frames = make_frames(functions, n);
    GByteArray *file = g_byte_array_new();
    size_t plt_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    size_t text_at = plt_at + (TEXT - PLT), frames_at = text_at + TEXT_SIZE;
    size_t names_at = frames_at + frames->len, headers_at = (names_at + sizeof(NAMES) + 7) & ~7ul;
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                         .e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_entry = ENTRY,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2,
                         .e_shoff = headers_at,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = 5,
                         .e_shstrndx = 4};
    const uint64_t code_size = TEXT - PLT + TEXT_SIZE, code = SHF_ALLOC | SHF_EXECINSTR;
    Elf64_Phdr segments[2] = {{PT_LOAD, PF_R | PF_X, plt_at, PLT, 0, code_size, code_size, 16},
                              {PT_LOAD, PF_R, frames_at, FRAME, 0, frames->len, frames->len, 8}};
    Elf64_Shdr sections[5] = {
        {0},
        {1, SHT_PROGBITS, code, PLT, plt_at, plt_size, 0, 0, 16, 0},
        {6, SHT_PROGBITS, code, TEXT, text_at, TEXT_SIZE, 0, 0, 16, 0},
        {12, SHT_PROGBITS, SHF_ALLOC, FRAME, frames_at, frames->len, 0, 0, 8, 0},
        {22, SHT_STRTAB, 0, 0, names_at, sizeof(NAMES), 0, 0, 1, 0}};
    g_byte_array_set_size(file, (guint)(headers_at + sizeof(sections)));
    memset(file->data, 0, file->len);
    memcpy(file->data, &header, sizeof(header));
    memcpy(file->data + sizeof(header), segments, sizeof(segments));
    memset(file->data + text_at, 0x06, TEXT_SIZE); /* no instruction */
    memcpy(file->data + plt_at, plt, plt_size);
    memcpy(file->data + frames_at, frames->data, frames->len);
    memcpy(file->data + names_at, NAMES, sizeof(NAMES));
    memcpy(file->data + headers_at, sections, sizeof(sections));
    return g_byte_array_free_to_bytes(file);
}

static const Function FUNCTIONS[] = {{TEXT + 0x18000, 0x100, 48}, /* in link order, not sorted */
                                     {TEXT + 0x20, 0x20, 16},
                                     {TEXT + 0x50, 0x30, 24}, /* 16 bytes behind the one before */
                                     {TEXT + 0x8a, 0x16, 24}, /* 10 bytes behind */
                                     {TEXT + 0xa0, 0x20, 32},
                                     {TEXT + 0xb0, 0x20, 40}, /* over the end of the one before */
                                     {TEXT + 0xb0, 0x20, 56}, /* the same again: the first holds */
                                     {0, 0x10, 64}};          /* discarded by the linker */

typedef struct {
    GBytes *bytes;
    ElfFile *elf;
    UnwindRules *rules;
    UnwindTable *table;
} Fixture;

static Fixture
build(const void *plt, size_t plt_size, const UnwindTableOptions *options, GError **error)
{
    Fixture fixture = {.bytes = make_file(FUNCTIONS, G_N_ELEMENTS(FUNCTIONS), plt, plt_size),
                       .rules = unwind_rules_new()};
    size_t size;
    const void *data = g_bytes_get_data(fixture.bytes, &size);
    fixture.elf = elf_file_open_memory(data, size, NULL);
    assert_non_null(fixture.elf);
    fixture.table = unwind_table_new(fixture.elf, fixture.rules, options, error);
    return fixture;
}

static void
fixture_clear(Fixture *fixture)
{
    unwind_table_free(fixture->table);
    unwind_rules_free(fixture->rules);
    elf_file_free(fixture->elf);
    g_bytes_unref(fixture->bytes);
}

static struct unwind_rule
rule_at(const Fixture *fixture, uint64_t address)
{
    return unwind_rules_data(fixture->rules)[unwind_table_find(fixture->table, address)];
}

static const uint8_t LAZY[32] = {0xff, 0x35, 0,    0,    0, 0,    0xff, 0x25, 0, 0, 0,
                                 0,    0x0f, 0x1f, 0x40, 0, 0xff, 0x25, 0,    0, 0, 0,
                                 0x68, 0,    0,    0,    0, 0xe9, 0,    0,    0, 0};

static void
test_functions_and_gaps(void **state)
{
    (void)state;
    static const struct {
        uint32_t address;
        uint8_t cfa, offset;
    } CASES[] = {
        {TEXT, UNWIND_CFA_NONE, 0},
        {TEXT + 0x1f, UNWIND_CFA_NONE, 0},
        {TEXT + 0x20, UNWIND_CFA_SP, 16},
        {TEXT + 0x3f, UNWIND_CFA_SP, 16},
        {TEXT + 0x40, UNWIND_CFA_NONE, 0},
        {TEXT + 0x50, UNWIND_CFA_SP, 24},
        {TEXT + 0x85, UNWIND_CFA_SP, 24},
        {TEXT + 0x9f, UNWIND_CFA_SP, 24},
        {TEXT + 0xa0, UNWIND_CFA_SP, 32},
        {TEXT + 0xb0, UNWIND_CFA_SP, 40},
        {TEXT + 0xcf, UNWIND_CFA_SP, 40},
        {TEXT + 0xd0, UNWIND_CFA_NONE, 0},
        {ENTRY - 1, UNWIND_CFA_NONE, 0},
        {ENTRY, UNWIND_CFA_STOP, 0},
        {ENTRY + 0x200, UNWIND_CFA_NONE, 0},
        {TEXT + 0x18000, UNWIND_CFA_SP, 48},
        {TEXT + 0x2ffff, UNWIND_CFA_NONE, 0},
        {0x7fffffff, UNWIND_CFA_NONE, 0},
        {0, UNWIND_CFA_NONE, 0},
    };
    Fixture fixture = build(LAZY, sizeof(LAZY), NULL, NULL);
    assert_int_equal(fixture.table->n_functions, 6);
    assert_int_equal(fixture.table->n_malformed, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        struct unwind_rule rule = rule_at(&fixture, CASES[i].address);
        assert_int_equal(rule.cfa, CASES[i].cfa);
        assert_int_equal(rule.cfa_offset, CASES[i].offset);
    }
    fixture_clear(&fixture);
}

static void
test_pages(void **state)
{
    (void)state;
    Fixture fixture = build(LAZY, sizeof(LAZY), NULL, NULL);
    const UnwindTable *table = fixture.table;
    assert_int_equal(table->start_address, 0x400000);
    assert_int_equal(table->end_address, 0x440000);
    assert_int_equal(table->n_pages, 4);
    assert_int_equal(table->first_row[table->n_pages], table->n_rows);
    assert_int_equal(unwind_table_bytes(table), 4 * (5 + table->n_rows));
    for (uint32_t page = 0; page < table->n_pages; page++) {
        assert_true(table->first_row[page] < table->first_row[page + 1]);
        assert_int_equal(table->rows[table->first_row[page]] >> 16, 0);
    }
    assert_false(table->is_cut);
    fixture_clear(&fixture);
}

static void
test_linkage_tables(void **state)
{
    (void)state;
    Fixture fixture = build(LAZY, sizeof(LAZY), NULL, NULL);
    assert_int_equal(rule_at(&fixture, PLT).cfa_offset, 16);
    assert_int_equal(rule_at(&fixture, PLT + 6).cfa_offset, 24);
    assert_int_equal(rule_at(&fixture, PLT + 20).cfa, UNWIND_CFA_PLT);
    assert_int_equal(rule_at(&fixture, PLT + 20).reg, 11);
    fixture_clear(&fixture);
    uint8_t code[32];
    memcpy(code, LAZY, sizeof(code));
    memcpy(code + 16, "\xf3\x0f\x1e\xfa\x68", 5);
    fixture = build(code, sizeof(code), NULL, NULL);
    assert_int_equal(rule_at(&fixture, PLT + 20).reg, 9);
    fixture_clear(&fixture);
    code[0] = 0x90;
    fixture = build(code, sizeof(code), NULL, NULL);
    assert_int_equal(rule_at(&fixture, PLT + 20).cfa, UNWIND_CFA_SP);
    assert_int_equal(rule_at(&fixture, PLT + 20).cfa_offset, 8);
    fixture_clear(&fixture);
}

/* A table cut by its limit goes on in a second one, and together they say what the whole one does.
 */
static void
test_parts(void **state)
{
    (void)state;
    Fixture whole = build(LAZY, sizeof(LAZY), NULL, NULL);
    UnwindTableOptions options = {.max_rows = whole.table->n_rows - 1};
    Fixture first = build(LAZY, sizeof(LAZY), &options, NULL);
    assert_non_null(first.table);
    assert_true(first.table->is_cut);
    assert_true(first.table->end_address < whole.table->end_address);
    options.start_address = first.table->end_address;
    Fixture second = build(LAZY, sizeof(LAZY), &options, NULL);
    assert_int_equal(second.table->start_address, first.table->end_address);
    assert_false(second.table->is_cut);
    for (uint64_t address = PLT; address < whole.table->end_address; address++) {
        const Fixture *part = address < first.table->end_address ? &first : &second;
        struct unwind_rule a = rule_at(&whole, address), b = rule_at(part, address);
        assert_memory_equal(&a, &b, sizeof(a));
    }
    fixture_clear(&first);
    fixture_clear(&second);
    fixture_clear(&whole);
}

static void
test_refused(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    UnwindTableOptions options = {.max_rows = 3};
    Fixture fixture = build(LAZY, sizeof(LAZY), &options, &error);
    assert_null(fixture.table);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    fixture_clear(&fixture);
    g_clear_error(&error);
    options = (UnwindTableOptions){.start_address = 0x10000000};
    fixture = build(LAZY, sizeof(LAZY), &options, &error);
    assert_null(fixture.table);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE));
    fixture_clear(&fixture);
}

static void
test_writer(void **state)
{
    (void)state;
    g_autoptr(UnwindRules) rules = unwind_rules_new();
    TableWriter *writer = table_writer_new(rules, 0x10000, 0x40000, 1, 100);
    assert_true(table_writer_set(writer, 0x100, 1)); /* before the table: counts as its start */
    assert_true(table_writer_set(writer, 0x10010, 2));
    assert_true(table_writer_set(writer, 0x10010, 3)); /* the later one holds */
    assert_true(table_writer_set(writer, 0x10020, 3)); /* no change, no row */
    assert_true(table_writer_set(writer, 0x10030, 4));
    assert_true(table_writer_set(writer, 0x10030, 3)); /* back again, no row */
    assert_true(table_writer_set(writer, 0x30000, 5)); /* page 1 has what page 0 ended with */
    assert_true(table_writer_set(writer, 0x50000, 6)); /* behind the table */
    UnwindTable *table = g_new0(UnwindTable, 1);
    assert_true(table_writer_end(writer, table));
    static const uint32_t ROWS[] = {UNWIND_ROW(0, 1), UNWIND_ROW(0x10, 3), UNWIND_ROW(0, 3),
                                    UNWIND_ROW(0, 5)};
    static const uint32_t FIRST[] = {0, 2, 3, 4};
    assert_int_equal(table->n_rows, G_N_ELEMENTS(ROWS));
    assert_memory_equal(table->rows, ROWS, sizeof(ROWS));
    assert_memory_equal(table->first_row, FIRST, sizeof(FIRST));
    table_writer_free(writer);
    unwind_table_free(table);
}

static void
test_rules(void **state)
{
    (void)state;
    g_autoptr(UnwindRules) rules = unwind_rules_new();
    assert_int_equal(unwind_rules_count(rules), UNWIND_RULES_FIXED);
    assert_int_equal(unwind_rules_data(rules)[UNWIND_RULE_STOP].cfa, UNWIND_CFA_STOP);
    for (int32_t i = 0; i < UNWIND_RULES_MAX + 100; i++) {
        struct unwind_rule rule = {
            .cfa = UNWIND_CFA_SP, .cfa_offset = 8 * (i + 1), .ra_offset = -8};
        uint16_t index = unwind_rules_intern(rules, &rule);
        size_t expected = i == 0 ? UNWIND_RULE_ENTRY : (size_t)UNWIND_RULES_FIXED + (size_t)i - 1;
        assert_int_equal(index, expected < UNWIND_RULES_MAX ? expected : UNWIND_RULE_COMPLEX);
        assert_int_equal(unwind_rules_intern(rules, &rule), index);
    }
    assert_int_equal(unwind_rules_count(rules), UNWIND_RULES_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_and_gaps),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_linkage_tables),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
