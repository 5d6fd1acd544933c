#include <dwarf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/unwind/cfi.h"

enum { ADDRESS = 0x10000, START = 0x20000, SIZE = 0x100 };

/* A section under construction. */
typedef struct {
    GByteArray *bytes;
    bool is_debug_frame, is_64_bit;
    uint64_t common; /* offset of the last CIE */
} Builder;

static void
put(Builder *builder, uint64_t value, size_t size)
{
    g_byte_array_append(builder->bytes, (const guint8 *)&value, (guint)size);
}

static void
put_bytes(Builder *builder, const void *data, size_t size)
{
    g_byte_array_append(builder->bytes, data, (guint)size);
}

static Builder
builder_new(bool is_debug_frame)
{
    return (Builder){.bytes = g_byte_array_new(), .is_debug_frame = is_debug_frame};
}

/* Writes the length field; builder_end fills it in. Returns where the entry's body starts. */
static guint
begin(Builder *builder)
{
    if (builder->is_64_bit)
        put(builder, UINT32_MAX, 4);
    put(builder, 0, builder->is_64_bit ? 8 : 4);
    return builder->bytes->len;
}

static void
end(Builder *builder, guint body)
{
    while (builder->bytes->len % 8 != 0)
        put(builder, DW_CFA_nop, 1);
    uint64_t length = builder->bytes->len - body;
    size_t size = builder->is_64_bit ? 8 : 4;
    memcpy(builder->bytes->data + body - size, &length, size);
}

/* A CIE: code factor 1, data factor -8, return register 16, CFA rsp + 8, return address at CFA - 8.
 * `data` is the augmentation's data without its size. */
static void
put_common(Builder *builder, uint8_t version, const char *augmentation, const void *data,
           uint8_t size)
{
    builder->common = builder->bytes->len;
    guint body = begin(builder);
    bool is_wide = builder->is_debug_frame && builder->is_64_bit;
    put(builder, builder->is_debug_frame ? UINT64_MAX : 0, is_wide ? 8 : 4);
    put(builder, version, 1);
    put_bytes(builder, augmentation, strlen(augmentation) + 1);
    if (version >= 4) {
        put(builder, 8, 1);
        put(builder, 0, 1);
    }
    if (strcmp(augmentation, "eh") == 0)
        put(builder, 0, 8);
    put_bytes(builder, "\x01\x78\x10", 3);
    if (augmentation[0] == 'z') {
        put(builder, size, 1);
        put_bytes(builder, data, size);
    }
    put_bytes(builder, "\x0c\x07\x08\x90\x01", 5);
    end(builder, body);
}

/* An FDE whose address fields are `pointer` in the CIE's encoding, already encoded. */
static void
put_entry(Builder *builder, const void *pointer, size_t pointer_size, bool is_augmented,
          const void *program, size_t program_size)
{
    guint body = begin(builder);
    bool is_wide = builder->is_debug_frame && builder->is_64_bit;
    put(builder, builder->is_debug_frame ? builder->common : body - builder->common,
        is_wide ? 8 : 4);
    put_bytes(builder, pointer, pointer_size);
    if (is_augmented)
        put(builder, 0, 1);
    put_bytes(builder, program, program_size);
    end(builder, body);
}

static const uint64_t PLAIN[] = {START, SIZE};

typedef struct {
    size_t n;
    uint64_t addresses[64];
    struct unwind_rule rules[64];
} Rows;

static bool
keep_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    Rows *rows = data;
    assert_true(rows->n < G_N_ELEMENTS(rows->addresses));
    rows->addresses[rows->n] = address;
    rows->rules[rows->n++] = *rule;
    return true;
}

/* The rows of the section's only FDE, which must lie at START. Returns what cfi_entry_rows does. */
static bool
read_rows(Builder *builder, Rows *rows)
{
    CfiSection section = {.data = builder->bytes->data,
                          .size = builder->bytes->len,
                          .address = builder->is_debug_frame ? 0 : ADDRESS,
                          .is_debug_frame = builder->is_debug_frame,
                          .text_address = START - 16,
                          .data_address = START - 32};
    g_autoptr(CfiReader) reader = cfi_reader_new(&section);
    CfiEntry entry, other;
    uint64_t offset = 0;
    assert_true(cfi_reader_next(reader, &offset, &entry));
    assert_int_equal(entry.start, START);
    assert_int_equal(entry.end, START + SIZE);
    *rows = (Rows){0};
    bool is_good = cfi_entry_rows(&entry, keep_row, rows);
    assert_false(cfi_reader_next(reader, &offset, &other));
    assert_int_equal(cfi_reader_n_malformed(reader), 0);
    g_byte_array_free(builder->bytes, TRUE);
    return is_good;
}

static bool
run(const void *program, size_t size, Rows *rows)
{
    Builder builder = builder_new(true);
    put_common(&builder, 3, "", NULL, 0);
    put_entry(&builder, PLAIN, sizeof(PLAIN), false, program, size);
    return read_rows(&builder, rows);
}

#define RUN(rows, ...)                                                                             \
    run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), rows)

static void
check_row(const Rows *rows, size_t i, uint64_t offset, struct unwind_rule rule)
{
    assert_true(i < rows->n);
    assert_int_equal(rows->addresses[i], START + offset);
    assert_memory_equal(&rows->rules[i], &rule, sizeof(rule));
}

static struct unwind_rule
sp(int32_t offset)
{
    return (struct unwind_rule){.cfa = UNWIND_CFA_SP, .cfa_offset = offset, .ra_offset = -8};
}

static struct unwind_rule
saved(struct unwind_rule rule, int16_t fp_offset)
{
    rule.fp = UNWIND_FP_CFA;
    rule.fp_offset = fp_offset;
    return rule;
}

static void
test_prologue_and_epilogue(void **state)
{
    (void)state;
    Rows rows;
    assert_true(RUN(&rows, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6, 2,
                    DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6, DW_CFA_advance_loc1, 0x40,
                    DW_CFA_remember_state, DW_CFA_restore | 6, DW_CFA_def_cfa, 7, 8,
                    DW_CFA_advance_loc2, 1, 0, DW_CFA_restore_state));
    assert_int_equal(rows.n, 5);
    check_row(&rows, 0, 0, sp(8));
    check_row(&rows, 1, 1, saved(sp(16), -16));
    struct unwind_rule framed = saved(sp(16), -16);
    framed.cfa = UNWIND_CFA_FP;
    check_row(&rows, 2, 4, framed);
    check_row(&rows, 3, 0x44, sp(8));
    check_row(&rows, 4, 0x45, framed);
}

static void
test_register_operations(void **state)
{
    (void)state;
    static const struct {
        uint8_t program[8];
        uint8_t size, cfa, fp;
        int16_t fp_offset;
    } CASES[] = {
        {{DW_CFA_offset_extended, 6, 3}, 3, UNWIND_CFA_SP, UNWIND_FP_CFA, -24},
        {{DW_CFA_offset_extended_sf, 6, 0x7e}, 3, UNWIND_CFA_SP, UNWIND_FP_CFA, 16},
        {{DW_CFA_GNU_negative_offset_extended, 6, 3}, 3, UNWIND_CFA_SP, UNWIND_FP_CFA, 24},
        {{DW_CFA_undefined, 6}, 2, UNWIND_CFA_SP, UNWIND_FP_UNDEFINED, 0},
        {{DW_CFA_offset | 6, 2, DW_CFA_same_value, 6}, 4, UNWIND_CFA_SP, UNWIND_FP_SAME, 0},
        {{DW_CFA_offset | 6, 2, DW_CFA_restore_extended, 6}, 4, UNWIND_CFA_SP, UNWIND_FP_SAME, 0},
        {{DW_CFA_expression, 6, 2, DW_OP_breg6, 0}, 5, UNWIND_CFA_SP, UNWIND_FP_FP, 0},
        {{DW_CFA_expression, 6, 2, DW_OP_breg7, 0x78}, 5, UNWIND_CFA_SP, UNWIND_FP_CFA, -16},
        {{DW_CFA_register, 6, 9}, 3, UNWIND_CFA_COMPLEX, 0, 0},
        {{DW_CFA_val_offset, 6, 1}, 3, UNWIND_CFA_COMPLEX, 0, 0},
        {{DW_CFA_val_offset_sf, 6, 1}, 3, UNWIND_CFA_COMPLEX, 0, 0},
        {{DW_CFA_val_expression, 6, 1, DW_OP_lit0}, 4, UNWIND_CFA_COMPLEX, 0, 0},
        {{DW_CFA_register, 16, 2}, 3, UNWIND_CFA_COMPLEX, 0, 0},
        {{DW_CFA_undefined, 16}, 2, UNWIND_CFA_STOP, 0, 0},
        {{DW_CFA_offset | 3, 2, DW_CFA_GNU_args_size, 8}, 4, UNWIND_CFA_SP, UNWIND_FP_SAME, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Rows rows;
        assert_true(run(CASES[i].program, CASES[i].size, &rows));
        assert_int_equal(rows.n, 1);
        assert_int_equal(rows.rules[0].cfa, CASES[i].cfa);
        assert_int_equal(rows.rules[0].fp, CASES[i].fp);
        assert_int_equal(rows.rules[0].fp_offset, CASES[i].fp_offset);
    }
}

static void
test_cfa_operations(void **state)
{
    (void)state;
    static const struct {
        uint8_t program[16];
        uint8_t size, cfa, reg;
        int32_t offset, addend;
    } CASES[] = {
        {{DW_CFA_def_cfa, 10, 0}, 3, UNWIND_CFA_REG, 10, 0, 0},
        {{DW_CFA_def_cfa_sf, 7, 0x7e}, 3, UNWIND_CFA_SP, 0, 16, 0},
        {{DW_CFA_def_cfa_offset_sf, 0x7d}, 2, UNWIND_CFA_SP, 0, 24, 0},
        {{DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78, DW_OP_deref},
         5,
         UNWIND_CFA_FP_DEREF,
         0,
         -8,
         0},
        {{DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 0x10, DW_OP_deref, DW_OP_plus_uconst, 8},
         7,
         UNWIND_CFA_SP_DEREF,
         0,
         16,
         8},
        {{DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 0x10, DW_OP_deref, DW_OP_lit8, DW_OP_plus},
         7,
         UNWIND_CFA_SP_DEREF,
         0,
         16,
         8},
        {{DW_CFA_def_cfa_expression, 2, DW_OP_breg7, 0x10}, 4, UNWIND_CFA_SP, 0, 16, 0},
        {{DW_CFA_def_cfa_expression, 3, DW_OP_bregx, 12, 0x10}, 5, UNWIND_CFA_REG, 12, 16, 0},
        {{DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and,
          DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus},
         13,
         UNWIND_CFA_PLT,
         11,
         0,
         0},
        {{DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and,
          DW_OP_lit9, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus},
         13,
         UNWIND_CFA_PLT,
         9,
         0,
         0},
        {{DW_CFA_def_cfa_expression, 2, DW_OP_lit0, DW_OP_deref}, 4, UNWIND_CFA_COMPLEX, 0, 0, 0},
        {{DW_CFA_def_cfa_expression, 0}, 2, UNWIND_CFA_COMPLEX, 0, 0, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Rows rows;
        assert_true(run(CASES[i].program, CASES[i].size, &rows));
        assert_int_equal(rows.n, 1);
        assert_int_equal(rows.rules[0].cfa, CASES[i].cfa);
        assert_int_equal(rows.rules[0].reg, CASES[i].reg);
        assert_int_equal(rows.rules[0].cfa_offset, CASES[i].offset);
        assert_int_equal(rows.rules[0].cfa_addend, CASES[i].addend);
    }
}

static void
test_remember_stack(void **state)
{
    (void)state;
    Rows rows;
    uint8_t program[64];
    size_t n = 0;
    for (uint8_t i = 0; i < 8; i++) { /* each level one byte on, 8 bytes deeper */
        program[n++] = DW_CFA_remember_state;
        program[n++] = DW_CFA_advance_loc | 1;
        program[n++] = DW_CFA_def_cfa_offset;
        program[n++] = (uint8_t)(16 + 8 * i);
    }
    for (uint8_t i = 0; i < 8; i++) {
        program[n++] = DW_CFA_advance_loc | 1;
        program[n++] = DW_CFA_restore_state;
    }
    assert_true(run(program, n, &rows));
    assert_int_equal(rows.n, 17);
    check_row(&rows, 8, 8, sp(72));
    check_row(&rows, 16, 16, sp(8));
    assert_false(RUN(&rows, DW_CFA_advance_loc | 4, DW_CFA_restore_state));
}

/* The fault's row is NONE; what stood before it stays. */
static void
test_malformed_programs(void **state)
{
    (void)state;
    Rows rows;
    assert_false(RUN(&rows, DW_CFA_advance_loc | 4, 0x3f));
    assert_int_equal(rows.n, 2);
    check_row(&rows, 0, 0, sp(8));
    check_row(&rows, 1, 4, (struct unwind_rule){0});
    assert_false(RUN(&rows, DW_CFA_def_cfa_expression, 0x7f, 1));
    assert_false(RUN(&rows, DW_CFA_def_cfa_expression, 1, DW_OP_lit0, DW_CFA_def_cfa_offset, 8));
    assert_false(RUN(&rows, DW_CFA_advance_loc | 4, DW_CFA_set_loc, 1, 0, 0, 0, 0, 0, 0, 0));
}

/* Rows behind the end of the function are not its own. */
static void
test_rows_end_with_the_function(void **state)
{
    (void)state;
    Rows rows;
    assert_true(RUN(&rows, DW_CFA_advance_loc2, 0xff, 0, DW_CFA_def_cfa_offset, 16,
                    DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 24));
    assert_int_equal(rows.n, 2);
    check_row(&rows, 1, 0xff, sp(16));
    assert_true(RUN(&rows, DW_CFA_advance_loc4, 0xff, 0xff, 0xff, 0xff, DW_CFA_def_cfa_offset, 16));
    assert_int_equal(rows.n, 1);
}

static void
test_pointer_encodings(void **state)
{
    (void)state;
    enum { POINTER = 0x20 }; /* where the FDE's first field lies in this section */
    static const struct {
        uint8_t encoding;
        uint64_t start, size;
        uint8_t width;
    } CASES[] = {
        {DW_EH_PE_absptr, START, SIZE, 8},
        {DW_EH_PE_udata8, START, SIZE, 8},
        {DW_EH_PE_udata4, START, SIZE, 4},
        {DW_EH_PE_sdata4 | DW_EH_PE_pcrel, START - (ADDRESS + POINTER), SIZE, 4},
        {DW_EH_PE_sdata8 | DW_EH_PE_pcrel, START - (ADDRESS + POINTER), SIZE, 8},
        {DW_EH_PE_sdata2 | DW_EH_PE_textrel, 16, SIZE, 2},
        {DW_EH_PE_udata2 | DW_EH_PE_datarel, 32, SIZE, 2},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Builder builder = builder_new(false);
        put_common(&builder, 1, "zR", &CASES[i].encoding, 1);
        assert_int_equal(builder.bytes->len, POINTER - 8);
        uint8_t fields[16];
        memcpy(fields, &CASES[i].start, CASES[i].width);
        memcpy(fields + CASES[i].width, &CASES[i].size, CASES[i].width);
        put_entry(&builder, fields, (size_t)CASES[i].width * 2, true, "", 0);
        Rows rows;
        assert_true(read_rows(&builder, &rows));
        check_row(&rows, 0, 0, sp(8));
    }
    static const uint8_t ULEB[] = {0x80, 0x80, 0x08, 0x80, 0x02};
    Builder builder = builder_new(false);
    put_common(&builder, 1, "zR", "\x01", 1);
    put_entry(&builder, ULEB, sizeof(ULEB), true, "", 0);
    Rows rows;
    assert_true(read_rows(&builder, &rows));
}

static void
test_augmentations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t data[16];
        uint8_t size;
        bool is_signal;
    } CASES[] = {
        {"", {0}, 0, false},
        {"eh", {0}, 0, false},
        {"z", {0}, 0, false},
        {"zR", {DW_EH_PE_absptr}, 1, false},
        {"zPLR", {DW_EH_PE_udata4, 1, 2, 3, 4, DW_EH_PE_omit, DW_EH_PE_absptr}, 7, false},
        {"zRS", {DW_EH_PE_absptr}, 1, true},
        {"zRSB", {DW_EH_PE_absptr}, 1, true},
        {"zR?", {DW_EH_PE_absptr, 1, 2, 3}, 4, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Builder builder = builder_new(false);
        put_common(&builder, 1, CASES[i].text, CASES[i].data, CASES[i].size);
        put_entry(&builder, PLAIN, sizeof(PLAIN), CASES[i].text[0] == 'z', "", 0);
        Rows rows;
        assert_true(read_rows(&builder, &rows));
        assert_int_equal(rows.rules[0].cfa, CASES[i].is_signal ? UNWIND_CFA_SIGNAL : UNWIND_CFA_SP);
    }
}

static void
test_versions_and_widths(void **state)
{
    (void)state;
    static const uint8_t VERSIONS[] = {1, 3, 4};
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(VERSIONS); i++) {
        Builder builder = builder_new(true);
        builder.is_64_bit = i >= G_N_ELEMENTS(VERSIONS);
        put_common(&builder, VERSIONS[i % G_N_ELEMENTS(VERSIONS)], "", NULL, 0);
        put_entry(&builder, PLAIN, sizeof(PLAIN), false, "\x0e\x20", 2);
        Rows rows;
        assert_true(read_rows(&builder, &rows));
        check_row(&rows, 0, 0, sp(32));
    }
    Builder builder = builder_new(false); /* .eh_frame of the 64-bit form, after a hole */
    put(&builder, 0, 4);
    builder.is_64_bit = true;
    put_common(&builder, 1, "", NULL, 0);
    put_entry(&builder, PLAIN, sizeof(PLAIN), false, "", 0);
    Rows rows;
    assert_true(read_rows(&builder, &rows));
}

/* Of every cut of a good section nothing worse comes than fewer entries. */
static void
test_cut_sections(void **state)
{
    (void)state;
    Builder builder = builder_new(true);
    put_common(&builder, 4, "", NULL, 0);
    put_entry(&builder, PLAIN, sizeof(PLAIN), false, "\x41\x0e\x10\x86\x02", 5);
    for (guint size = 0; size < builder.bytes->len; size++) {
        g_autofree uint8_t *copy = g_memdup2(builder.bytes->data, size);
        CfiSection section = {.data = copy, .size = size, .is_debug_frame = true};
        g_autoptr(CfiReader) reader = cfi_reader_new(&section);
        CfiEntry entry;
        uint64_t offset = 0;
        assert_false(cfi_reader_next(reader, &offset, &entry));
        assert_int_equal(offset, size);
    }
    g_byte_array_free(builder.bytes, TRUE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prologue_and_epilogue),
        cmocka_unit_test(test_register_operations),
        cmocka_unit_test(test_cfa_operations),
        cmocka_unit_test(test_remember_stack),
        cmocka_unit_test(test_malformed_programs),
        cmocka_unit_test(test_rows_end_with_the_function),
        cmocka_unit_test(test_pointer_encodings),
        cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_versions_and_widths),
        cmocka_unit_test(test_cut_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
