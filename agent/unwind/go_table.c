#include "agent/unwind/go_table.h"

#include <string.h>

#include "lib/symbol/gopclntab.h"

/* Code is read through a window, because functions are visited in address order. */
#define WINDOW_BYTES (256u << 10)
/* Longest function that is searched for its stack switch; the real ones have about 200 bytes. */
#define SWITCH_SEARCH_MAX 1024

struct GoTable {
    const ElfFile *elf;
    Gopclntab *pclntab;
    uint8_t *window;
    uint64_t window_address;
    size_t window_size;
};

/* How a function is unwound. */
typedef enum {
    KIND_PLAIN,  /* by depth throughout */
    KIND_STOP,   /* outermost */
    KIND_SIGNAL, /* where signal handlers return to */
    KIND_LEAVE,  /* by depth up to the stack switch, nothing above behind it */
    KIND_SWITCH, /* by depth up to the stack switch, by frame pointer behind it */
} Kind;

/* Code of [address, address + size), or NULL. */
static const uint8_t *
read_code(GoTable *table, uint64_t address, size_t size)
{
    if (address < table->window_address || address - table->window_address > table->window_size ||
        size > table->window_size - (address - table->window_address)) {
        table->window_address = address;
        table->window_size = WINDOW_BYTES;
        /* The last window of a segment is shorter. */
        while (table->window_size >= size &&
               !elf_file_read_address(table->elf, address, table->window, table->window_size, NULL))
            table->window_size /= 2;
        if (table->window_size < size) {
            table->window_size = 0;
            return NULL;
        }
    }
    return table->window + (address - table->window_address);
}

GoTable *
go_table_new(const ElfFile *elf, GError **error)
{
    Gopclntab *pclntab = gopclntab_open(elf, error);
    if (pclntab == NULL)
        return NULL;
    GoTable *table = g_new0(GoTable, 1);
    table->elf = elf;
    table->pclntab = pclntab;
    table->window = g_malloc(WINDOW_BYTES);
    return table;
}

void
go_table_free(GoTable *table)
{
    if (table == NULL)
        return;
    gopclntab_free(table->pclntab);
    g_free(table->window);
    g_free(table);
}

size_t
go_table_n_functions(const GoTable *table)
{
    return gopclntab_n_functions(table->pclntab);
}

static bool
is_any_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Only assembly needs a second look, and only its names are read. Before Go 1.17 functions have no
 * flags. */
static Kind
classify(GoTable *table, const GoFunction *function)
{
    static const char *const STOPS[] = {"runtime.goexit", "runtime.mstart", "runtime.rt0_go",
                                        "runtime.abort", NULL};
    static const char *const SIGNALS[] = {"runtime.sigreturn", "runtime.sigreturn__sigaction",
                                          NULL};
    static const char *const HANDLERS[] = {"runtime.sigtramp", "runtime.cgoSigtramp", NULL};
    static const char *const LEAVES[] = {"runtime.mcall", "runtime.morestack", "runtime.gogo",
                                         "gogo", NULL};
    static const char *const SWITCHES[] = {"runtime.systemstack", "runtime.asmcgocall", NULL};
    char name[64];
    bool is_candidate = function->flags != 0 || function->id != 0;
    if (!is_candidate && !gopclntab_has_flags(table->pclntab))
        is_candidate = true;
    if (!is_candidate || !gopclntab_copy_name(table->pclntab, function, name, sizeof(name)))
        return KIND_PLAIN;
    if (is_any_of(name, SIGNALS))
        return KIND_SIGNAL;
    if (is_any_of(name, LEAVES))
        return KIND_LEAVE;
    if (is_any_of(name, STOPS) || g_str_has_prefix(name, "_rt0_"))
        return KIND_STOP;
    if ((function->flags & GO_FUNCTION_TOP_FRAME) && !is_any_of(name, HANDLERS))
        return KIND_STOP;
    if ((function->flags & GO_FUNCTION_WRITES_SP) || is_any_of(name, SWITCHES))
        return KIND_SWITCH;
    return KIND_PLAIN;
}

/* Where the first instruction that loads rsp from memory or a register ends: mov disp(%reg), %rsp
 * or mov %reg, %rsp; the function's end when there is none. */
static uint64_t
find_switch(GoTable *table, const GoFunction *function)
{
    size_t size = MIN(function->end - function->start, SWITCH_SEARCH_MAX);
    const uint8_t *code = read_code(table, function->start, size);
    if (code == NULL)
        return function->end;
    for (size_t i = 0; i + 7 <= size; i++) {
        /* REX.W; REX.R extends the register field, REX.B the other one. */
        uint8_t rex = code[i], opcode = code[i + 1], modrm = code[i + 2];
        bool is_load = (rex == 0x48 || rex == 0x49) && opcode == 0x8b;
        bool is_move = (rex == 0x48 || rex == 0x4c) && opcode == 0x89;
        bool is_sib = (modrm & 7) == 4;
        if (is_load && (modrm & 0xf8) == 0x60 && !is_sib)
            return function->start + i + 4;
        if (is_load && (modrm & 0xf8) == 0xa0 && !is_sib)
            return function->start + i + 7;
        if ((is_load && (modrm & 0xf8) == 0xe0) || (is_move && (modrm & 0xc7) == 0xc4))
            return function->start + i + 3;
    }
    return function->end;
}

typedef struct {
    GoTable *table;
    Kind kind;
    uint64_t end, switch_address, fp_saved_from; /* UINT64_MAX: rbp is not saved */
    bool is_framed;                              /* a depth above 0 was seen */
    UnwindRowFunc on_row;
    void *data;
} Rows;

/* Prologues store rbp in the word below the return address: `push %rbp` as the instruction that
 * makes the frame, or, before Go 1.21, `mov %rbp, n(%rsp)` behind `sub $n, %rsp`. */
static void
find_saved_fp(Rows *rows, uint64_t address)
{
    rows->is_framed = true;
    const uint8_t *code = read_code(rows->table, address - 1, 9);
    if (code == NULL)
        return;
    static const uint8_t STORE_8[] = {0x48, 0x89, 0x6c, 0x24};
    static const uint8_t STORE_32[] = {0x48, 0x89, 0xac, 0x24};
    if (code[0] == 0x55)
        rows->fp_saved_from = address;
    else if (memcmp(code + 1, STORE_8, sizeof(STORE_8)) == 0)
        rows->fp_saved_from = address + 5;
    else if (memcmp(code + 1, STORE_32, sizeof(STORE_32)) == 0)
        rows->fp_saved_from = address + 8;
}

static bool
emit_depth(const Rows *rows, uint64_t address, int32_t depth)
{
    struct unwind_rule rule = {.cfa = UNWIND_CFA_SP, .cfa_offset = depth + 8, .ra_offset = -8};
    if (depth > 0 && address >= rows->fp_saved_from) {
        rule.fp = UNWIND_FP_CFA;
        rule.fp_offset = -16;
    }
    if (depth > 0 && address >= rows->switch_address && rows->kind == KIND_SWITCH) {
        rule.cfa = UNWIND_CFA_FP;
        rule.cfa_offset = 16;
        rule.flags = UNWIND_RULE_SWITCHES_STACK;
    } else if (address >= rows->switch_address && rows->kind == KIND_SWITCH && !rows->is_framed) {
        /* Before Go 1.21 systemstack saved no rbp: it still is the caller's, whose own return
         * address is the next one known. */
        rule = (struct unwind_rule){.cfa = UNWIND_CFA_FRAME_POINTER,
                                    .fp = UNWIND_FP_CFA,
                                    .cfa_offset = 16,
                                    .fp_offset = -16,
                                    .ra_offset = -8};
    } else if (address >= rows->switch_address && rows->kind == KIND_LEAVE) {
        rule = (struct unwind_rule){.cfa = UNWIND_CFA_STOP};
    }
    return rows->on_row(rows->data, address, &rule);
}

/* Splits a row where something changes inside it. */
static bool
on_depth(void *data, uint64_t address, int32_t depth)
{
    Rows *rows = data;
    if (depth < 0 || depth > INT32_MAX - 8)
        return rows->on_row(rows->data, address, &(struct unwind_rule){.cfa = UNWIND_CFA_NONE});
    if (depth > 0 && !rows->is_framed && address > 0)
        find_saved_fp(rows, address);
    return emit_depth(rows, address, depth);
}

typedef struct {
    Rows *rows;
    uint64_t address; /* of the row that is not handed out yet */
    int32_t depth;
    bool has_row;
} Splitter;

static bool
flush_row(Splitter *splitter, uint64_t end)
{
    Rows *rows = splitter->rows;
    if (!splitter->has_row || splitter->address >= end)
        return true;
    if (!on_depth(rows, splitter->address, splitter->depth))
        return false;
    uint64_t places[] = {rows->fp_saved_from, rows->switch_address};
    if (places[0] > places[1]) {
        places[0] = rows->switch_address;
        places[1] = rows->fp_saved_from;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        if (places[i] > splitter->address && places[i] < end &&
            !on_depth(rows, places[i], splitter->depth))
            return false;
    return true;
}

static bool
on_step(void *data, uint64_t address, int32_t depth)
{
    Splitter *splitter = data;
    if (!flush_row(splitter, address))
        return false;
    splitter->address = address;
    splitter->depth = depth;
    splitter->has_row = true;
    return true;
}

bool
go_table_range(GoTable *table, size_t index, uint64_t *ret_start, uint64_t *ret_end)
{
    GoFunction function;
    if (!gopclntab_function(table->pclntab, index, &function))
        return false;
    /* A handler returns to the first instruction of sigreturn, and return addresses are looked up
     * one byte earlier. */
    bool is_signal = classify(table, &function) == KIND_SIGNAL;
    *ret_start = function.start - (is_signal && function.start > 0 ? 1 : 0);
    *ret_end = function.end;
    return function.stack_table != 0 || is_signal;
}

bool
go_table_rows(GoTable *table, size_t index, UnwindRowFunc on_row, void *data)
{
    GoFunction function;
    if (!gopclntab_function(table->pclntab, index, &function))
        return false;
    Rows rows = {.table = table,
                 .kind = classify(table, &function),
                 .end = function.end,
                 .switch_address = UINT64_MAX,
                 .fp_saved_from = UINT64_MAX,
                 .on_row = on_row,
                 .data = data};
    if (rows.kind == KIND_STOP) {
        on_row(data, function.start, &(struct unwind_rule){.cfa = UNWIND_CFA_STOP});
        return true;
    }
    if (rows.kind == KIND_SIGNAL) {
        uint64_t start = function.start - (function.start > 0 ? 1 : 0);
        on_row(data, start, &(struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL});
        return true;
    }
    if (rows.kind != KIND_PLAIN)
        rows.switch_address = find_switch(table, &function);
    Splitter splitter = {.rows = &rows};
    bool is_good = gopclntab_stack_rows(table->pclntab, &function, on_step, &splitter);
    flush_row(&splitter, function.end);
    return is_good;
}
