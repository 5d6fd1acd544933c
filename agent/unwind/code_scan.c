#include "agent/unwind/code_scan.h"

#include <string.h>

#include "agent/unwind/x86_decode.h"

#define SYMBOL_BYTES_MAX (16u << 20)
#define HEIGHT_MAX       (1 << 24)
#define LEARNING_WALKS   3
/* Instructions from a block's start to where its state can be told. */
#define LOOK_AHEAD_MAX 400
enum { RSP = 4, RBP = 5 };

/* What is known between two instructions. Packed into 8 bytes, 0 is "nothing known". */
typedef struct {
    bool is_known : 1;    /* the state means something */
    bool has_sp : 1;      /* CFA is rsp + height */
    bool has_fp : 1;      /* CFA is rbp + fp_height */
    bool is_root : 1;     /* the outermost frame */
    unsigned height : 25; /* bytes */
    unsigned fp_height : 16;
    unsigned saved_fp : 16; /* rbp is saved at CFA - saved_fp; 0: it is not */
} State;

G_STATIC_ASSERT(sizeof(State) <= 12);

static const State ENTRY = {.is_known = true, .has_sp = true, .height = 8};
/* Stand-ins for unknown heights. */
static const State PROBE = {
    .is_known = true, .has_sp = true, .has_fp = true, .height = 1 << 23, .fp_height = 60000};

typedef struct {
    uint8_t *code;
    uint64_t start, end;
    GHashTable *states;   /* offset + 1 -> index + 1 in `known` */
    GArray *known;        /* State at a jump's target or a function's start */
    UnwindRowFunc on_row; /* NULL while learning */
    void *data;
    struct unwind_rule last;
    bool has_row;
    bool looks_ahead;    /* where nothing better is known */
    bool is_block_start; /* only padding since the last block ended */
} CodeScan;

static const State *
find_state(const CodeScan *scan, uint64_t offset)
{
    guint index =
        GPOINTER_TO_UINT(g_hash_table_lookup(scan->states, GUINT_TO_POINTER((guint)offset + 1)));
    return index > 0 ? &g_array_index(scan->known, State, index - 1) : NULL;
}

/* The first word about a place stays, but for that it is a function's start. */
static void
add_state(CodeScan *scan, uint64_t offset, State state, bool is_function)
{
    if (offset >= scan->end - scan->start || !state.is_known)
        return;
    gpointer key = GUINT_TO_POINTER((guint)offset + 1);
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(scan->states, key));
    if (index > 0) {
        if (is_function)
            g_array_index(scan->known, State, index - 1) = state;
        return;
    }
    g_array_append_val(scan->known, state);
    g_hash_table_insert(scan->states, key, GUINT_TO_POINTER(scan->known->len));
}

static void
set_height(State *state, int64_t height)
{
    state->has_sp = state->has_sp && height >= 0 && height < HEIGHT_MAX;
    state->height = state->has_sp ? (unsigned)height : 0;
}

static void
push(State *state, bool is_fp)
{
    set_height(state, (int64_t)state->height + 8);
    if (is_fp && state->has_sp && state->saved_fp == 0 && state->height <= UINT16_MAX)
        state->saved_fp = (unsigned)state->height & UINT16_MAX;
}

static void
pop(State *state, bool is_fp)
{
    set_height(state, (int64_t)state->height - 8);
    if (is_fp) {
        state->saved_fp = 0;
        state->has_fp = false;
    }
}

/* rsp becomes rbp + displacement. */
static void
set_sp_from_fp(State *state, int32_t displacement)
{
    state->has_sp = state->has_fp;
    set_height(state, (int64_t)state->fp_height - displacement);
}

static void
set_fp_from_sp(State *state)
{
    state->has_fp = state->has_sp && state->height <= UINT16_MAX;
    state->fp_height = state->height & UINT16_MAX;
}

/* add, or, adc, sbb, and, sub, xor, cmp of an immediate with rsp. */
static void
arithmetic(State *state, const X86Instruction *i)
{
    switch (i->reg & 7) {
    case 0:
        set_height(state, (int64_t)state->height - i->immediate);
        break;
    case 5:
        set_height(state, (int64_t)state->height + i->immediate);
        break;
    case 7:
        break;
    default:
        state->has_sp = false;
    }
}

/* mov and lea that write rsp or rbp. */
static void
move(State *state, const X86Instruction *i)
{
    uint8_t from = i->opcode == 0x89 ? i->reg : i->rm, to = i->opcode == 0x89 ? i->rm : i->reg;
    bool is_register = i->mod == 3;
    if (i->opcode == 0x89 && !is_register)
        return; /* a store */
    if (to == RBP) {
        if (i->opcode != 0x8d && is_register && from == RSP)
            set_fp_from_sp(state);
        else
            state->has_fp = false;
    } else if (to == RSP) {
        if (i->opcode == 0x8d && i->base == RSP)
            set_height(state, (int64_t)state->height - i->displacement);
        else if (i->opcode == 0x8d && i->rm == RBP && i->base == UINT8_MAX && i->mod != 0)
            set_sp_from_fp(state, i->displacement);
        else if (i->opcode != 0x8d && is_register && from == RBP)
            set_sp_from_fp(state, 0);
        else
            state->has_sp = false;
    }
}

static void
follow(State *state, const X86Instruction *i)
{
    uint8_t op = i->opcode;
    if (i->map != X86_MAP_ONE || i->is_vector)
        return;
    uint8_t extended = (uint8_t)((op & 7) | (i->rex & 1) << 3);
    if (op >= 0x50 && op <= 0x57)
        push(state, extended == RBP);
    else if (op >= 0x58 && op <= 0x5f)
        pop(state, extended == RBP);
    else if (op == 0x68 || op == 0x6a || op == 0x9c || (op == 0xff && (i->reg & 7) == 6))
        push(state, false);
    else if (op == 0x9d || op == 0x8f)
        pop(state, false);
    else if ((op == 0x81 || op == 0x83) && i->mod == 3 && i->rm == RSP)
        arithmetic(state, i);
    else if (op == 0x89 || op == 0x8b || op == 0x8d)
        move(state, i);
    else if (op < 0x40 && (op & 7) == 1 && i->mod == 3 && i->rm == RSP && op != 0x39)
        state->has_sp = false; /* sub %reg, %rsp and the like */
    else if (op == 0xc9) {
        set_sp_from_fp(state, 0);
        pop(state, true);
    }
}

/* ret, jmp, hlt, ud2, int3: what follows is reached from elsewhere, if at all. */
static bool
is_end(const X86Instruction *i)
{
    if (i->is_vector)
        return false;
    if (i->map == X86_MAP_0F)
        return i->opcode == 0x0b;
    return i->map == X86_MAP_ONE &&
           (i->opcode == 0xc3 || i->opcode == 0xc2 || i->opcode == 0xe9 || i->opcode == 0xeb ||
            i->opcode == 0xf4 || i->opcode == 0xcc ||
            (i->opcode == 0xff && ((i->reg & 7) == 4 || (i->reg & 7) == 5)));
}

static bool
is_padding(const X86Instruction *i)
{
    return (i->map == X86_MAP_0F && i->opcode == 0x1f) ||
           (i->map == X86_MAP_ONE && (i->opcode == 0x90 || i->opcode == 0xcc));
}

static bool
is_direct_jump(const X86Instruction *i)
{
    uint8_t op = i->opcode;
    if (i->is_vector)
        return false;
    return i->map == X86_MAP_ONE ? (op >= 0x70 && op <= 0x7f) || op == 0xe9 || op == 0xeb ||
                                       (op >= 0xe0 && op <= 0xe3)
                                 : i->map == X86_MAP_0F && op >= 0x80 && op <= 0x8f;
}

/* Notes where direct jumps and calls lead, and the functions whose address is taken. */
static void
follow_targets(CodeScan *scan, uint64_t next, const X86Instruction *i, State state)
{
    uint8_t op = i->opcode;
    if (i->is_vector)
        return;
    if (is_direct_jump(i))
        add_state(scan, next + (uint64_t)i->immediate, state, false);
    else if (i->map == X86_MAP_ONE && op == 0xe8 && i->immediate != 0)
        add_state(scan, next + (uint64_t)i->immediate, ENTRY, true);
    else if (i->map == X86_MAP_ONE && op == 0x8d && i->mod == 0 && (i->rm & 7) == 5)
        add_state(scan, next + (uint64_t)(int64_t)i->displacement, ENTRY, true);
}

/* A new thread: syscall; test %eax, %eax; jne parent; xor %ebp, %ebp. */
static bool
is_clone_child(const CodeScan *scan, uint64_t offset)
{
    static const uint8_t BEFORE[] = {0x0f, 0x05, 0x85, 0xc0, 0x75};
    return offset >= 6 && scan->end - scan->start - offset >= 2 && scan->code[offset] == 0x31 &&
           scan->code[offset + 1] == 0xed &&
           memcmp(scan->code + offset - 6, BEFORE, sizeof(BEFORE)) == 0;
}

static bool
is_signal_restorer(const CodeScan *scan, uint64_t offset)
{
    static const uint8_t CODE[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    return scan->end - scan->start - offset >= sizeof(CODE) &&
           memcmp(scan->code + offset, CODE, sizeof(CODE)) == 0;
}

static struct unwind_rule
state_to_rule(State state)
{
    struct unwind_rule rule = {0};
    if (state.is_root)
        return (struct unwind_rule){.cfa = UNWIND_CFA_STOP};
    if (!state.is_known || (!state.has_sp && !state.has_fp))
        return rule;
    /* rbp first: what a loop pushes, as interpreters do with arguments, moves rsp alone. */
    rule.cfa = state.has_fp ? UNWIND_CFA_FP : UNWIND_CFA_SP;
    rule.cfa_offset = state.has_fp ? (int32_t)state.fp_height : (int32_t)state.height;
    rule.ra_offset = -8;
    if (state.saved_fp > 0 && state.saved_fp <= 32767) {
        rule.fp = UNWIND_FP_CFA;
        rule.fp_offset = (int16_t) - (int)state.saved_fp;
    }
    return rule;
}

static void
emit(CodeScan *scan, uint64_t offset, struct unwind_rule rule)
{
    if (scan->on_row == NULL || (scan->has_row && memcmp(&rule, &scan->last, sizeof(rule)) == 0))
        return;
    scan->last = rule;
    scan->has_row = true;
    scan->on_row(scan->data, scan->start + offset, &rule);
}

/* endbr64, push, or sub $n, %rsp: a loop does not begin like that. */
static bool
is_prologue(const X86Instruction *i)
{
    if (i->map == X86_MAP_0F)
        return i->opcode == 0x1e;
    return i->map == X86_MAP_ONE && !i->is_vector &&
           ((i->opcode >= 0x50 && i->opcode <= 0x57) ||
            ((i->opcode == 0x81 || i->opcode == 0x83) && i->mod == 3 && i->rm == RSP));
}

/* What the state at a block's start must have been, when it is `end` behind code that made `now`
 * of PROBE. */
static State
solve(State end, State now, unsigned popped_fp)
{
    State state = {.is_known = true};
    int64_t height = (int64_t)end.height - ((int64_t)now.height - (int64_t)PROBE.height);
    if (now.has_sp && now.height < PROBE.height / 2) {
        /* rsp was set from rbp on the way: it says where the CFA is from rbp. */
        int64_t fp_height = (int64_t)PROBE.fp_height - now.height + end.height;
        int64_t saved = popped_fp > 0 ? (int64_t)popped_fp - now.height + end.height : 0;
        state.has_fp = end.has_sp && fp_height > 0 && fp_height < PROBE.fp_height;
        state.fp_height = state.has_fp ? (unsigned)fp_height & UINT16_MAX : 0;
        state.saved_fp = saved > 0 && saved <= UINT16_MAX ? (unsigned)saved & UINT16_MAX : 0;
        state.is_known = state.has_fp;
        return state;
    }
    state.has_sp = end.has_sp && now.has_sp && height >= 8 && height < HEIGHT_MAX;
    state.height = state.has_sp ? (unsigned)height : 0;
    state.has_fp = end.has_fp && now.has_fp && now.fp_height == PROBE.fp_height;
    state.fp_height = state.has_fp ? end.fp_height : 0;
    int64_t saved = popped_fp > 0 ? (int64_t)popped_fp - PROBE.height + height : end.saved_fp;
    state.saved_fp = saved > 0 && saved <= UINT16_MAX ? (unsigned)saved & UINT16_MAX : 0;
    state.is_known = state.has_sp || state.has_fp;
    return state;
}

/* The state at `offset` from what comes behind: at a ret the stack pointer is at the return
 * address, and where a jump leads the state may be known. */
static State
look_ahead(const CodeScan *scan, uint64_t offset)
{
    uint64_t size = scan->end - scan->start;
    State now = PROBE;
    unsigned popped_fp = 0; /* the height at which rbp was popped */
    for (int n = 0; n < LOOK_AHEAD_MAX && offset < size; n++) {
        const State *known = find_state(scan, offset);
        if (known != NULL)
            return solve(*known, now, popped_fp);
        X86Instruction i;
        if (!x86_decode(scan->code + offset, size - offset, &i))
            break;
        if (i.map == X86_MAP_ONE && (i.opcode == 0xc3 || i.opcode == 0xc2))
            return solve(ENTRY, now, popped_fp);
        bool is_pop = i.opcode == 0x5d && (i.rex & 1) == 0;
        if (i.map == X86_MAP_ONE && (is_pop || i.opcode == 0xc9))
            popped_fp = is_pop ? now.height : now.fp_height;
        offset += i.length;
        follow(&now, &i);
        uint64_t target = offset + (uint64_t)i.immediate;
        known = is_direct_jump(&i) && target < size ? find_state(scan, target) : NULL;
        if (known != NULL)
            return solve(*known, now, popped_fp);
        if (is_end(&i) && !is_direct_jump(&i))
            break;
        if (is_end(&i))
            offset = target;
    }
    return (State){0};
}

static bool
is_entry(const State *state)
{
    return state->is_known && state->has_sp && state->height == ENTRY.height && !state->has_fp &&
           !state->is_root && state->fp_height == 0 && state->saved_fp == 0;
}

/* The state at `offset`: what the code before leaves, unless it is known to come from elsewhere. */
static State
enter(CodeScan *scan, uint64_t offset, const X86Instruction *i, State state, bool may_end)
{
    const State *known = find_state(scan, offset);
    if (known != NULL && (!state.is_known || is_entry(known)))
        return *known;
    bool is_code = i->length > 0 && !is_padding(i);
    if (known == NULL && offset % 16 == 0 && is_code && is_prologue(i) &&
        (!state.is_known || may_end))
        return ENTRY;
    if (known == NULL && !state.is_known && is_code && scan->looks_ahead && scan->is_block_start) {
        state = look_ahead(scan, offset);
        add_state(scan, offset, state, false);
    }
    state.is_root |= is_clone_child(scan, offset);
    return state;
}

/* One walk over the code. Unknown bytes are stepped over one by one, with nothing known. */
static void
walk(CodeScan *scan)
{
    State state = {0};
    scan->is_block_start = true;
    bool is_behind_call = false; /* only padding since a call, which may not return */
    uint64_t size = scan->end - scan->start;
    for (uint64_t offset = 0; offset < size;) {
        X86Instruction i;
        if (!x86_decode(scan->code + offset, size - offset, &i))
            i.length = 0;
        state = enter(scan, offset, &i, state, is_behind_call);
        struct unwind_rule rule = state_to_rule(state);
        if (is_signal_restorer(scan, offset))
            rule = (struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL};
        if (i.length == 0)
            rule = (struct unwind_rule){0};
        emit(scan, offset, rule);
        offset += MAX(i.length, 1);
        if (i.length == 0) {
            state = (State){0};
            scan->is_block_start = true;
            continue;
        }
        bool is_call = i.map == X86_MAP_ONE && i.opcode == 0xe8;
        is_behind_call = is_call || (is_behind_call && is_padding(&i));
        scan->is_block_start &= is_padding(&i);
        follow(&state, &i);
        follow_targets(scan, offset, &i, state);
        if (is_end(&i)) {
            state = (State){0};
            scan->is_block_start = true;
        }
    }
}

static void
add_symbols(CodeScan *scan, const GArray *symbols)
{
    guint low = 0, high = symbols->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(symbols, uint64_t, middle) < scan->start)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < symbols->len && g_array_index(symbols, uint64_t, low) < scan->end; low++)
        add_state(scan, g_array_index(symbols, uint64_t, low) - scan->start, ENTRY, true);
}

bool
code_scan_rows(const ElfFile *elf, const GArray *symbols, uint64_t start, uint64_t end,
               UnwindRowFunc on_row, void *data)
{
    if (end <= start || end - start > CODE_SCAN_BYTES_MAX)
        return false;
    g_autofree uint8_t *code = g_try_malloc(end - start);
    if (code == NULL || !elf_file_read_address(elf, start, code, end - start, NULL))
        return false;
    g_autoptr(GHashTable) states = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(State));
    CodeScan scan = {.code = code, .start = start, .end = end, .states = states, .known = known};
    add_symbols(&scan, symbols);
    for (int i = 0; i < LEARNING_WALKS; i++)
        walk(&scan); /* what jumps carry, forwards and backwards */
    scan.looks_ahead = true;
    walk(&scan);
    walk(&scan);
    scan.on_row = on_row;
    scan.data = data;
    walk(&scan);
    return true;
}

static int
compare_addresses(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

GArray *
code_symbols_new(const ElfFile *elf)
{
    static const uint32_t TYPES[] = {SHT_DYNSYM, SHT_SYMTAB};
    GArray *symbols = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (size_t i = 0; i < G_N_ELEMENTS(TYPES); i++) {
        const ElfSection *section = elf_file_find_section_type(elf, TYPES[i]);
        g_autoptr(GBytes) bytes =
            section != NULL ? elf_file_read_section(elf, section, SYMBOL_BYTES_MAX, NULL) : NULL;
        gsize size = 0;
        const uint8_t *at = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
        for (; size >= sizeof(Elf64_Sym); size -= sizeof(Elf64_Sym), at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            memcpy(&symbol, at, sizeof(symbol));
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
                g_array_append_val(symbols, symbol.st_value);
        }
    }
    g_array_sort(symbols, compare_addresses);
    return symbols;
}
