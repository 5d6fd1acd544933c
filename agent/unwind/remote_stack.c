#include "agent/unwind/remote_stack.h"

#include <libunwind.h>
#include <string.h>

#include "agent/unwind/remote_image.h"

/* Exported by libunwind for remote unwinders, but in none of its headers. */
extern int
    UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *info,
                                       unw_proc_info_t *proc, int need_unwind_info, void *arg);

/* Executables whose headers are kept, the last used first. */
#define IMAGES_MAX 24
/* Words that libunwind may read for one stack; a frame needs some 100. */
#define READS_MAX 400000
/* From the stack pointer at the return into the restorer to the saved r8: the kernel's struct
 * ucontext (arch/x86/include/uapi/asm/sigcontext.h). */
#define SIGCONTEXT_OFFSET 40

struct RemoteUnwinder {
    unw_addr_space_t space;
    UnwindRules *rules;
    GQueue images; /* RemoteImage, the last used first */
    /* Of the run: */
    const RemoteStack *stack;
    uint64_t registers[UNWIND_REGISTERS];
    bool is_exact;
    const Mapping *mapping; /* of the current frame; NULL: none */
    RemoteImage *image;     /* NULL: anonymous memory */
    uint64_t lookup;        /* the address that the current frame is looked up by */
    size_t n_reads;
    bool has_info;       /* there is an FDE for the current frame */
    bool is_beyond_copy; /* a read went behind the copied stack */
};

static RemoteImage *
find_image(RemoteUnwinder *unwinder, const Executable *executable)
{
    for (GList *link = unwinder->images.head; link != NULL; link = link->next) {
        if (remote_image_id(link->data) != executable->id)
            continue;
        g_queue_unlink(&unwinder->images, link);
        g_queue_push_head_link(&unwinder->images, link);
        return link->data;
    }
    if (unwinder->images.length == IMAGES_MAX)
        remote_image_free(g_queue_pop_tail(&unwinder->images));
    RemoteImage *image = remote_image_new(executable);
    g_queue_push_head(&unwinder->images, image);
    return image;
}

static const Mapping *
find_mapping(const RemoteStack *stack, uint64_t address)
{
    size_t low = 0, high = stack->n_mappings;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const Mapping *mapping = &stack->mappings[middle];
        if (address < mapping->start)
            high = middle;
        else if (address >= mapping->end)
            low = middle + 1;
        else
            return mapping;
    }
    return NULL;
}

static bool
read_stack(RemoteUnwinder *unwinder, uint64_t address, uint64_t *ret_value)
{
    const RemoteStack *stack = unwinder->stack;
    uint64_t into = address - stack->stack_address;
    if (address < stack->stack_address || into >= stack->stack_size ||
        stack->stack_size - into < sizeof(*ret_value)) {
        /* Within the 8 MiB of a usual stack, so this is where it goes on. */
        unwinder->is_beyond_copy =
            address >= stack->stack_address && into < stack->stack_size + (8u << 20);
        return false;
    }
    memcpy(ret_value, stack->stack + into, sizeof(*ret_value));
    return true;
}

static int
access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int is_write,
              void *arg)
{
    (void)space;
    RemoteUnwinder *unwinder = arg;
    if (is_write || unwinder->n_reads++ >= READS_MAX)
        return -UNW_EINVAL;
    uint64_t word = 0;
    if (unwinder->image != NULL &&
        remote_image_read(unwinder->image, address - unwinder->mapping->bias, &word,
                          sizeof(word))) {
        *value = word;
        return 0;
    }
    if (!read_stack(unwinder, address, &word))
        return -UNW_EINVAL;
    *value = word;
    return 0;
}

static int
access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int is_write,
                void *arg)
{
    (void)space;
    const RemoteUnwinder *unwinder = arg;
    if (is_write || number < 0 || number >= UNWIND_REGISTERS)
        return -UNW_EBADREG;
    /* libunwind takes the address that it starts from for exact; a return address is looked up one
     * byte earlier. */
    *value = number == UNWIND_RIP ? unwinder->lookup : unwinder->registers[number];
    return 0;
}

static int
find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need, void *arg)
{
    RemoteUnwinder *unwinder = arg;
    const RemoteSearchTable *table =
        unwinder->image != NULL ? remote_image_search_table(unwinder->image) : NULL;
    if (table == NULL || ip < unwinder->mapping->start || ip >= unwinder->mapping->end)
        return -UNW_ENOINFO;
    uint64_t bias = unwinder->mapping->bias;
    unw_dyn_info_t search = {.start_ip = unwinder->mapping->start,
                             .end_ip = unwinder->mapping->end,
                             .format = UNW_INFO_FORMAT_REMOTE_TABLE};
    search.u.rti.segbase = bias + table->header_address;
    search.u.rti.table_data = bias + table->table_address;
    search.u.rti.table_len = (unw_word_t)table->n_entries * 8 / sizeof(unw_word_t);
    int status = UNW_OBJ(dwarf_search_unwind_table)(space, ip, &search, info, need, arg);
    unwinder->has_info = status == 0;
    return status;
}

static void
put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
    (void)space;
    (void)info;
    (void)arg;
}

static int
get_dyn_info_list(unw_addr_space_t space, unw_word_t *address, void *arg)
{
    (void)space;
    (void)address;
    (void)arg;
    return -UNW_ENOINFO;
}

static int
access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int is_write,
             void *arg)
{
    (void)space;
    (void)number;
    (void)value;
    (void)is_write;
    (void)arg;
    return -UNW_EBADREG;
}

static int
resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
    (void)space;
    (void)cursor;
    (void)arg;
    return -UNW_EINVAL;
}

static int
get_proc_name(unw_addr_space_t space, unw_word_t ip, char *name, size_t size, unw_word_t *offset,
              void *arg)
{
    (void)space;
    (void)ip;
    (void)name;
    (void)size;
    (void)offset;
    (void)arg;
    return -UNW_ENOINFO;
}

RemoteUnwinder *
remote_unwinder_new(void)
{
    static unw_accessors_t accessors = {.find_proc_info = find_proc_info,
                                        .put_unwind_info = put_unwind_info,
                                        .get_dyn_info_list_addr = get_dyn_info_list,
                                        .access_mem = access_memory,
                                        .access_reg = access_register,
                                        .access_fpreg = access_float,
                                        .resume = resume,
                                        .get_proc_name = get_proc_name};
    RemoteUnwinder *unwinder = g_new0(RemoteUnwinder, 1);
    unwinder->space = unw_create_addr_space(&accessors, 0);
    /* Its cache is keyed by address only, and every stack may be of another process. */
    unw_set_caching_policy(unwinder->space, UNW_CACHE_NONE);
    unwinder->rules = unwind_rules_new();
    g_queue_init(&unwinder->images);
    return unwinder;
}

void
remote_unwinder_free(RemoteUnwinder *unwinder)
{
    if (unwinder == NULL)
        return;
    g_queue_clear_full(&unwinder->images, (GDestroyNotify)remote_image_free);
    unwind_rules_free(unwinder->rules);
    unw_destroy_addr_space(unwinder->space);
    g_free(unwinder);
}

/* The stop reason of memory that could not be read. */
static enum unwind_stop
memory_stop(const RemoteUnwinder *unwinder)
{
    return unwinder->is_beyond_copy ? UNWIND_STOP_COPY_LIMIT : UNWIND_STOP_MEMORY;
}

/* Moves to a caller. */
static enum unwind_stop
move_to(RemoteUnwinder *unwinder, uint64_t stack_pointer, uint64_t address)
{
    if (stack_pointer <= unwinder->registers[UNWIND_RSP])
        return UNWIND_STOP_STACK_POINTER;
    unwinder->registers[UNWIND_RSP] = stack_pointer;
    unwinder->registers[UNWIND_RIP] = address;
    unwinder->is_exact = false;
    return address == 0 ? UNWIND_STOP_ROOT : UNWIND_RUNNING;
}

static enum unwind_stop
step_signal(RemoteUnwinder *unwinder)
{
    static const uint8_t ORDER[] = {UNWIND_R8,  UNWIND_R9,  UNWIND_R10, UNWIND_R11, UNWIND_R12,
                                    UNWIND_R13, UNWIND_R14, UNWIND_R15, UNWIND_RDI, UNWIND_RSI,
                                    UNWIND_RBP, UNWIND_RBX, UNWIND_RDX, UNWIND_RAX, UNWIND_RCX,
                                    UNWIND_RSP, UNWIND_RIP};
    uint64_t at = unwinder->registers[UNWIND_RSP] + SIGCONTEXT_OFFSET;
    uint64_t saved[UNWIND_REGISTERS];
    for (size_t i = 0; i < G_N_ELEMENTS(ORDER); i++)
        if (!read_stack(unwinder, at + i * 8, &saved[ORDER[i]]))
            return memory_stop(unwinder);
    memcpy(unwinder->registers, saved, sizeof(saved));
    unwinder->is_exact = true;
    return UNWIND_RUNNING;
}

/* [rbp] is the caller's rbp, [rbp + 8] the return address. */
static enum unwind_stop
step_frame_pointer(RemoteUnwinder *unwinder)
{
    uint64_t fp = unwinder->registers[UNWIND_RBP], saved, address;
    if (fp < unwinder->registers[UNWIND_RSP] || fp % 8 != 0)
        return UNWIND_STOP_FRAME_POINTER;
    if (!read_stack(unwinder, fp, &saved) || !read_stack(unwinder, fp + 8, &address))
        return memory_stop(unwinder);
    unwinder->registers[UNWIND_RBP] = saved;
    return move_to(unwinder, fp + 16, address);
}

/* Computes the CFA of a rule that has one. */
static bool
rule_cfa(RemoteUnwinder *unwinder, const struct unwind_rule *rule, uint64_t *ret_cfa)
{
    const uint64_t *registers = unwinder->registers;
    uint64_t offset = (uint64_t)(int64_t)rule->cfa_offset, value;
    switch (rule->cfa) {
    case UNWIND_CFA_SP:
        *ret_cfa = registers[UNWIND_RSP] + offset;
        return true;
    case UNWIND_CFA_FP:
        *ret_cfa = registers[UNWIND_RBP] + offset;
        return true;
    case UNWIND_CFA_REG:
        *ret_cfa = registers[rule->reg] + offset;
        return true;
    case UNWIND_CFA_PLT:
        *ret_cfa = registers[UNWIND_RSP] + 8 + ((registers[UNWIND_RIP] & 15) >= rule->reg) * 8;
        return true;
    default: /* …_DEREF */
        value = registers[rule->cfa == UNWIND_CFA_SP_DEREF ? UNWIND_RSP : UNWIND_RBP];
        if (!read_stack(unwinder, value + offset, &value))
            return false;
        *ret_cfa = value + (uint64_t)(int64_t)rule->cfa_addend;
        return true;
    }
}

static enum unwind_stop
step_cfa(RemoteUnwinder *unwinder, const struct unwind_rule *rule)
{
    uint64_t cfa, address, fp = unwinder->registers[UNWIND_RBP];
    if (!rule_cfa(unwinder, rule, &cfa) ||
        !read_stack(unwinder, cfa + (uint64_t)(int64_t)rule->ra_offset, &address))
        return memory_stop(unwinder);
    uint64_t fp_offset = (uint64_t)(int64_t)rule->fp_offset;
    if (rule->fp == UNWIND_FP_CFA && !read_stack(unwinder, cfa + fp_offset, &fp))
        return memory_stop(unwinder);
    if (rule->fp == UNWIND_FP_FP && !read_stack(unwinder, fp + fp_offset, &fp))
        return memory_stop(unwinder);
    unwinder->registers[UNWIND_RBP] = fp;
    /* Functions that switch stacks come back to a lower or higher one: only the CFA by rbp. */
    if (rule->cfa == UNWIND_CFA_FP)
        unwinder->registers[UNWIND_RSP] = MIN(unwinder->registers[UNWIND_RSP], cfa - 1);
    return move_to(unwinder, cfa, address);
}

/* By our own table. */
static enum unwind_stop
step_table(RemoteUnwinder *unwinder)
{
    if (unwinder->image == NULL)
        return step_frame_pointer(unwinder);
    struct unwind_rule rule = remote_image_rule(unwinder->image, unwinder->rules,
                                                unwinder->lookup - unwinder->mapping->bias);
    switch (rule.cfa) {
    case UNWIND_CFA_NONE:
        return UNWIND_STOP_NO_ROW;
    case UNWIND_CFA_STOP:
        return UNWIND_STOP_ROOT;
    case UNWIND_CFA_COMPLEX:
        return UNWIND_STOP_COMPLEX;
    case UNWIND_CFA_SIGNAL:
        return step_signal(unwinder);
    case UNWIND_CFA_FRAME_POINTER:
        return step_frame_pointer(unwinder);
    default:
        return step_cfa(unwinder, &rule);
    }
}

/* True at the kernel's signal restorer: mov $15, %rax (or %eax); syscall. */
static bool
is_restorer(RemoteUnwinder *unwinder)
{
    static const uint8_t LONG[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t SHORT[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
    uint8_t code[sizeof(LONG)];
    uint64_t address = unwinder->registers[UNWIND_RIP] - unwinder->mapping->bias;
    return unwinder->image != NULL &&
           remote_image_read(unwinder->image, address, code, sizeof(code)) &&
           (memcmp(code, LONG, sizeof(LONG)) == 0 || memcmp(code, SHORT, sizeof(SHORT)) == 0);
}

/* By libunwind; *ret_is_known is false when it has no information about the address. */
static enum unwind_stop
step_libunwind(RemoteUnwinder *unwinder, bool *ret_is_known)
{
    unw_cursor_t cursor;
    unw_proc_info_t info;
    unwinder->has_info = false;
    /* Without information unw_step would guess, and unw_get_proc_info makes some up. */
    bool is_ready = unw_init_remote(&cursor, unwinder->space, unwinder) == 0 &&
                    unw_get_proc_info(&cursor, &info) == 0;
    *ret_is_known = is_ready && unwinder->has_info;
    if (!*ret_is_known)
        return UNWIND_STOP_NO_ROW;
    int status = unw_step(&cursor);
    if (status == 0)
        return UNWIND_STOP_ROOT;
    if (status < 0)
        return unwinder->n_reads >= READS_MAX ? UNWIND_STOP_INTERNAL : memory_stop(unwinder);
    uint64_t values[UNWIND_REGISTERS];
    for (int i = 0; i < UNWIND_REGISTERS; i++) {
        unw_word_t value = 0;
        if (unw_get_reg(&cursor, i, &value) != 0 &&
            (i == UNWIND_RIP || i == UNWIND_RSP || i == UNWIND_RBP))
            return memory_stop(unwinder);
        values[i] = value;
    }
    uint64_t stack_pointer = values[UNWIND_RSP];
    values[UNWIND_RSP] = unwinder->registers[UNWIND_RSP];
    memcpy(unwinder->registers, values, sizeof(values));
    return move_to(unwinder, stack_pointer, values[UNWIND_RIP]);
}

static enum unwind_stop
step(RemoteUnwinder *unwinder)
{
    uint64_t address = unwinder->registers[UNWIND_RIP];
    unwinder->lookup = unwinder->is_exact ? address : address - 1;
    unwinder->mapping = find_mapping(unwinder->stack, unwinder->lookup);
    unwinder->image = NULL;
    unwinder->is_beyond_copy = false;
    if (unwinder->mapping == NULL)
        return UNWIND_STOP_NO_MAPPING;
    if (unwinder->mapping->executable != NULL)
        unwinder->image = find_image(unwinder, unwinder->mapping->executable);
    if (is_restorer(unwinder))
        return step_signal(unwinder);
    bool is_known;
    enum unwind_stop stop = step_libunwind(unwinder, &is_known);
    return is_known ? stop : step_table(unwinder);
}

enum unwind_stop
remote_unwinder_run(RemoteUnwinder *unwinder, const RemoteStack *stack, uint64_t *ret_frames,
                    size_t max_frames, size_t *ret_n_frames)
{
    unwinder->stack = stack;
    memcpy(unwinder->registers, stack->registers, sizeof(unwinder->registers));
    unwinder->is_exact = true;
    unwinder->n_reads = 0;
    enum unwind_stop stop = UNWIND_RUNNING;
    size_t n = 0;
    while (stop == UNWIND_RUNNING) {
        if (n == max_frames) {
            stop = UNWIND_STOP_DEPTH;
            break;
        }
        ret_frames[n++] = unwinder->registers[UNWIND_RIP] | (unwinder->is_exact ? SAMPLE_EXACT : 0);
        stop = step(unwinder);
    }
    *ret_n_frames = n;
    unwinder->stack = NULL;
    return stop;
}
