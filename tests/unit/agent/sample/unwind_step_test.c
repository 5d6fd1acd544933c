/* The step function of the BPF programs, compiled natively, on tables and memory made by hand. */
#include <string.h>

#include "bpf/unwind.bpf.h"
#include "tests/harness/check.h"

enum {
    CODE = 0x400000, /* where the file is mapped: two pages, virtual addresses from 0x10000 */
    VIRTUAL = 0x10000,
    CODE_BYTES = 0x20000,
    JIT = 0x900000,
    UNBUILT = 0xa00000,
    STACK = 0x7f0000,
    STACK_WORDS = 512,
    INDEX_OFFSET = 64, /* of the table index block */
    ROWS_WORD = 128,   /* of the rows block */
};

static struct {
    uint64_t slab[256], stack[STACK_WORDS];
    struct unwind_rule rules[16];
    uint32_t n_rules, n_rows[2];
} world;

UNWIND_INLINE long
unwind_memory(struct unwind_state *state, uint64_t address, void *to, uint32_t size)
{
    (void)state;
    uint64_t at = address - STACK;
    if (address < STACK || at > sizeof world.stack || sizeof world.stack - at < size)
        return -1;
    memcpy(to, (const uint8_t *)world.stack + at, size);
    return 0;
}

UNWIND_INLINE void *
unwind_slab(struct unwind_state *state, uint32_t number)
{
    (void)state;
    return number == 3 ? world.slab : NULL;
}

UNWIND_INLINE const uint64_t *
unwind_word(void *slab, uint32_t index)
{
    return index < G_N_ELEMENTS(world.slab) ? (const uint64_t *)slab + index : NULL;
}

UNWIND_INLINE const struct unwind_rule *
unwind_rule(struct unwind_state *state, uint32_t index)
{
    (void)state;
    return index < G_N_ELEMENTS(world.rules) ? &world.rules[index] : NULL;
}

static void
add_mapping(uint32_t at, uint64_t start, uint64_t end, uint64_t bias, uint64_t word)
{
    uint64_t entry[MAPPING_WORDS] = {start, end, bias, word};
    memcpy(&world.slab[at * MAPPING_WORDS], entry, sizeof entry);
}

static int
setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    add_mapping(0, CODE, CODE + CODE_BYTES, CODE - VIRTUAL,
                MAPPING_WORD(MAPPING_TABLE, 3, INDEX_OFFSET));
    add_mapping(1, JIT, JIT + 0x1000, 0, MAPPING_WORD(MAPPING_NO_TABLE, 0, 0));
    add_mapping(2, UNBUILT, UNBUILT + 0x1000, 0, MAPPING_WORD(MAPPING_PENDING, 0, 0));
    world.slab[INDEX_OFFSET] = VIRTUAL >> UNWIND_PAGE_SHIFT | 2ull << 32;
    return 0;
}

/* Adds a row to a page (0 or 1) with a rule of its own; rows of page 1 come after those of 0. */
static void
add_row(uint32_t page, uint16_t low, struct unwind_rule rule)
{
    uint32_t at_row = world.n_rows[0] + world.n_rows[1];
    world.rules[world.n_rules] = rule;
    world.slab[ROWS_WORD + at_row / 2] |= (uint64_t)UNWIND_ROW(low, world.n_rules++)
                                          << at_row % 2 * 32;
    world.n_rows[page]++;
    uint32_t first = ROWS_WORD * 2;
    world.slab[INDEX_OFFSET + 1] = PAGE_WORD(3, world.n_rows[0], first);
    world.slab[INDEX_OFFSET + 2] = PAGE_WORD(3, world.n_rows[1], first + world.n_rows[0]);
}

static struct unwind_state
at(uint64_t pc, uint64_t sp_word, uint64_t fp)
{
    struct unwind_state state = {.table = {3, 0, 3, 0}};
    state.registers[UNWIND_RIP] = pc;
    state.registers[UNWIND_RSP] = STACK + sp_word * 8;
    state.registers[UNWIND_RBP] = fp;
    state.is_exact = state.has_registers = state.has_frame_pointer = 1;
    return state;
}

static void
assert_at(const struct unwind_state *state, uint64_t pc, uint64_t sp_word, uint64_t fp)
{
    assert_true(state->registers[UNWIND_RIP] == pc);
    assert_true(state->registers[UNWIND_RSP] == STACK + sp_word * 8);
    assert_true(state->registers[UNWIND_RBP] == fp);
}

static void
assert_stops(struct unwind_state state, enum unwind_stop stop)
{
    assert_int_not_equal(unwind_step(&state), 0);
    assert_int_equal(state.stop, stop);
}

static const struct unwind_rule plain = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .ra_offset = -8};

static void
test_stack_pointer_rules(void **state)
{
    (void)state;
    add_row(0, 0,
            (struct unwind_rule){.cfa = UNWIND_CFA_SP,
                                 .fp = UNWIND_FP_CFA,
                                 .cfa_offset = 32,
                                 .fp_offset = -24,
                                 .ra_offset = -8});
    world.stack[11] = 0xfeed;
    world.stack[13] = CODE + 0x55;
    struct unwind_state s = at(CODE + 4, 10, 1);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 0x55, 14, 0xfeed);
    assert_false(s.is_exact);
    assert_false(s.has_registers);
}

static void
test_frame_pointer_rules_read_both_words_at_once(void **state)
{
    (void)state;
    add_row(0, 0,
            (struct unwind_rule){.cfa = UNWIND_CFA_FP,
                                 .fp = UNWIND_FP_CFA,
                                 .cfa_offset = 16,
                                 .fp_offset = -16,
                                 .ra_offset = -8});
    world.stack[20] = STACK + 240;
    world.stack[21] = CODE + 9;
    struct unwind_state s = at(CODE, 5, STACK + 160);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 9, 22, STACK + 240);
    s = at(CODE, 5, STACK + 160);
    s.has_frame_pointer = 0;
    assert_stops(s, UNWIND_STOP_REGISTER);
}

static void
test_a_return_address_is_looked_up_one_before(void **state)
{
    (void)state;
    add_row(0, 0, plain);
    add_row(0, 0x10, (struct unwind_rule){.cfa = UNWIND_CFA_STOP});
    world.stack[10] = CODE + 1;
    struct unwind_state s = at(CODE + 0x10, 10, 0);
    s.is_exact = 0;
    assert_int_equal(unwind_step(&s), 0);
    assert_stops(at(CODE + 0x10, 10, 0), UNWIND_STOP_ROOT);
}

static void
test_rows_are_found_in_every_page(void **state)
{
    (void)state;
    struct unwind_rule rule = plain;
    for (uint32_t i = 0; i < 7; i++) {
        rule.cfa_offset = 8 + (int32_t)i * 8;
        add_row(0, (uint16_t)(i * 0x20), rule);
    }
    add_row(1, 0, (struct unwind_rule){.cfa = UNWIND_CFA_COMPLEX});
    add_row(1, 0xffff, (struct unwind_rule){.cfa = UNWIND_CFA_STOP});
    for (uint32_t i = 0; i < STACK_WORDS; i++)
        world.stack[i] = CODE + 1;
    for (uint32_t i = 0; i < 7 * 0x20; i++) {
        struct unwind_state s = at(CODE + i, 10, 0);
        assert_int_equal(unwind_step(&s), 0);
        assert_at(&s, CODE + 1, 11 + i / 0x20, 0);
    }
    assert_stops(at(CODE + 0x10000, 10, 0), UNWIND_STOP_COMPLEX);
    assert_stops(at(CODE + 0x1fffe, 10, 0), UNWIND_STOP_COMPLEX);
    assert_stops(at(CODE + 0x1ffff, 10, 0), UNWIND_STOP_ROOT);
}

static void
test_linkage_stubs_have_pushed_or_not(void **state)
{
    (void)state;
    add_row(0, 0, (struct unwind_rule){.cfa = UNWIND_CFA_PLT, .reg = 11, .ra_offset = -8});
    world.stack[10] = CODE + 100;
    world.stack[11] = CODE + 200;
    struct unwind_state s = at(CODE + 16 + 10, 10, 0);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 100, 11, 0);
    s = at(CODE + 16 + 11, 10, 0);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 200, 12, 0);
}

static void
test_other_registers_are_known_in_frame_zero_only(void **state)
{
    (void)state;
    add_row(0, 0,
            (struct unwind_rule){
                .cfa = UNWIND_CFA_REG, .reg = UNWIND_R13, .cfa_offset = 16, .ra_offset = -8});
    world.stack[31] = CODE + 3;
    struct unwind_state s = at(CODE, 10, 0);
    s.registers[UNWIND_R13] = STACK + 240;
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 3, 32, 0);
    assert_stops(s, UNWIND_STOP_REGISTER);
}

static void
test_dereferenced_frames(void **state)
{
    (void)state;
    add_row(0, 0,
            (struct unwind_rule){.cfa = UNWIND_CFA_FP_DEREF,
                                 .fp = UNWIND_FP_FP,
                                 .cfa_offset = -8,
                                 .cfa_addend = 8,
                                 .fp_offset = 0,
                                 .ra_offset = -8});
    world.stack[19] = STACK + 39 * 8; /* the CFA less its addend */
    world.stack[20] = 0xabc;          /* rbp of the caller */
    world.stack[39] = CODE + 7;
    struct unwind_state s = at(CODE, 10, STACK + 160);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 7, 40, 0xabc);
}

static void
test_signal_frames_restore_everything(void **state)
{
    (void)state;
    add_row(0, 0, (struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL});
    add_row(0, 0x100, plain);
    uint64_t *saved = &world.stack[10 + 5]; /* behind uc_flags, uc_link and uc_stack */
    for (uint64_t i = 0; i < UNWIND_REGISTERS; i++)
        saved[i] = 1000 + i;
    saved[10] = 0xb0b; /* rbp */
    saved[15] = STACK + 8 * 3;
    saved[16] = CODE + 0x100;
    struct unwind_state s = at(CODE + 9, 10, 0);
    s.is_exact = 0;
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 0x100, 3, 0xb0b);
    assert_true(s.is_exact && s.has_registers);
    assert_true(s.registers[UNWIND_R8] == 1000 && s.registers[UNWIND_R15] == 1007);
    assert_true(s.registers[UNWIND_RBX] == 1011 && s.registers[UNWIND_RCX] == 1014);
    world.stack[3] = CODE + 5; /* the interrupted frame is exact: its row starts right there */
    assert_int_equal(unwind_step(&s), 0);
}

static void
test_jit_code_is_followed_by_frame_pointers(void **state)
{
    (void)state;
    world.stack[20] = 0;
    world.stack[21] = JIT + 8;
    struct unwind_state s = at(JIT + 4, 10, STACK + 160);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, JIT + 8, 22, 0);
    assert_stops(s, UNWIND_STOP_ROOT);
    assert_stops(at(JIT, 30, STACK + 160), UNWIND_STOP_FRAME_POINTER);
    assert_stops(at(JIT, 10, STACK + 161), UNWIND_STOP_FRAME_POINTER);
    assert_stops(at(JIT, 10, STACK + sizeof world.stack), UNWIND_STOP_MEMORY);
}

static void
test_gaps_follow_only_believable_frame_pointers(void **state)
{
    (void)state;
    add_row(0, 0, (struct unwind_rule){.cfa = UNWIND_CFA_NONE});
    world.stack[20] = STACK + 400;
    world.stack[21] = JIT + 8;
    struct unwind_state s = at(CODE, 10, STACK + 160);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, JIT + 8, 22, STACK + 400);
    world.stack[21] = 0x123456; /* leads to no code */
    assert_stops(at(CODE, 10, STACK + 160), UNWIND_STOP_NO_ROW);
    assert_stops(at(CODE, 10, 5), UNWIND_STOP_NO_ROW);
}

static void
test_reasons_to_stop(void **state)
{
    (void)state;
    add_row(0, 0, plain);
    assert_stops(at(0x1234, 10, 0), UNWIND_STOP_NO_MAPPING);
    assert_stops(at(CODE + CODE_BYTES, 10, 0), UNWIND_STOP_NO_MAPPING);
    assert_stops(at(UNBUILT + 1, 10, 0), UNWIND_STOP_PENDING);
    assert_stops(at(CODE + 0x10000, 10, 0), UNWIND_STOP_NO_ROW); /* a page without rows */
    assert_stops(at(CODE, STACK_WORDS, 0), UNWIND_STOP_MEMORY);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_ROOT); /* return address 0 */
    world.rules[0].cfa_offset = -8;
    world.stack[8] = CODE;
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_STACK_POINTER);
}

static void
test_broken_blocks_end_the_stack(void **state)
{
    (void)state;
    add_row(0, 0, plain);
    struct unwind_state s = at(CODE, 10, 0);
    s.table.slab = 9;
    assert_stops(s, UNWIND_STOP_NO_MAPPING);
    world.slab[3] = MAPPING_WORD(MAPPING_COPY, 0, 0);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_COMPLEX);
    world.slab[3] = MAPPING_WORD(MAPPING_TABLE, 8, 0);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_INTERNAL);
    world.slab[3] = MAPPING_WORD(MAPPING_TABLE, 3, 100000);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_INTERNAL);
    world.slab[3] = MAPPING_WORD(MAPPING_TABLE, 3, INDEX_OFFSET);
    world.slab[INDEX_OFFSET + 1] = PAGE_WORD(3, 100, 100000);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_INTERNAL);
    world.slab[INDEX_OFFSET + 1] = PAGE_WORD(3, 1, ROWS_WORD * 2);
    world.slab[ROWS_WORD] = UNWIND_ROW(0, 999);
    assert_stops(at(CODE, 10, 0), UNWIND_STOP_INTERNAL);
}

static void
test_caller_on_a_lower_stack(void **state)
{
    (void)state;
    struct unwind_rule rule = {.cfa = UNWIND_CFA_FP,
                               .fp = UNWIND_FP_CFA,
                               .cfa_offset = 16,
                               .fp_offset = -16,
                               .ra_offset = -8};
    add_row(0, 0, rule);
    rule.flags = UNWIND_RULE_SWITCHES_STACK;
    add_row(0, 0x100, rule);
    world.stack[20] = 0xfeed;
    world.stack[21] = CODE + 0x55;
    assert_stops(at(CODE + 4, 100, STACK + 20 * 8), UNWIND_STOP_STACK_POINTER);
    struct unwind_state s = at(CODE + 0x104, 100, STACK + 20 * 8);
    assert_int_equal(unwind_step(&s), 0);
    assert_at(&s, CODE + 0x55, 22, 0xfeed);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_caller_on_a_lower_stack),
        TEST(test_stack_pointer_rules),
        TEST(test_frame_pointer_rules_read_both_words_at_once),
        TEST(test_a_return_address_is_looked_up_one_before),
        TEST(test_rows_are_found_in_every_page),
        TEST(test_linkage_stubs_have_pushed_or_not),
        TEST(test_other_registers_are_known_in_frame_zero_only),
        TEST(test_dereferenced_frames),
        TEST(test_signal_frames_restore_everything),
        TEST(test_jit_code_is_followed_by_frame_pointers),
        TEST(test_gaps_follow_only_believable_frame_pointers),
        TEST(test_reasons_to_stop),
        TEST(test_broken_blocks_end_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
