#include "agent/sample/copied.h"

#include <string.h>

#include "agent/process/executable_private.h"
#include "agent/process/mapping.h"
#include "bpf/unwind.bpf.h"

/* A slab, or the mapping block that is made of the process's mappings. */
typedef struct {
    const uint64_t *words;
    uint32_t n_words;
} View;

typedef struct {
    struct unwind_state state; /* first, so that the pointers convert */
    const CopiedStack *stack;
    const struct unwind_rule *rules;
    size_t n_rules;
    View mappings, slabs[2]; /* one search looks at two slabs at a time */
} Unwinding;

enum { MAPPINGS_SLAB = 0xffff }; /* no slab has this number */

/* Reads what the file of a mapping holds at an address of the process. */
static long
read_code(const Unwinding *unwinding, uint64_t address, void *to, uint32_t size)
{
    const Mapping *mapping = mapping_list_find(unwinding->stack->mappings, address);
    if (mapping == NULL || mapping->executable == NULL || mapping->executable->fd < 0)
        return -1;
    return executable_read(mapping->executable, address - mapping->bias, to, size) ? 0 : -1;
}

UNWIND_INLINE long
unwind_memory(struct unwind_state *state, uint64_t address, void *to, uint32_t size)
{
    const struct event_copy *copy = ((Unwinding *)state)->stack->copy;
    uint64_t at = address - copy->registers[UNWIND_RSP];
    if (at >= copy->stack_bytes || copy->stack_bytes - at < size)
        return read_code((Unwinding *)state, address, to, size);
    memcpy(to, copy->stack + at, size);
    return 0;
}

UNWIND_INLINE void *
unwind_slab(struct unwind_state *state, uint32_t number)
{
    Unwinding *unwinding = (Unwinding *)state;
    if (number == MAPPINGS_SLAB)
        return &unwinding->mappings;
    View *view = &unwinding->slabs[unwinding->slabs[0].words != NULL];
    view->words = slab_store_words(unwinding->stack->slabs, number);
    view->n_words = SLAB_WORDS;
    return view->words != NULL ? view : NULL;
}

UNWIND_INLINE const uint64_t *
unwind_word(void *slab, uint32_t index)
{
    const View *view = slab;
    return index < view->n_words ? view->words + index : NULL;
}

UNWIND_INLINE const struct unwind_rule *
unwind_rule(struct unwind_state *state, uint32_t index)
{
    const Unwinding *unwinding = (const Unwinding *)state;
    return index < unwinding->n_rules ? unwinding->rules + index : NULL;
}

/* The mapping block as the BPF side would have it. */
static GArray *
mapping_words(const CopiedStack *stack)
{
    GArray *words =
        g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), stack->mappings->len * MAPPING_WORDS);
    for (guint i = 0; i < stack->mappings->len; i++) {
        const Mapping *mapping = &g_array_index(stack->mappings, Mapping, i);
        uint64_t entry[MAPPING_WORDS] = {mapping->start, mapping->end, mapping->bias};
        entry[3] = mapping->executable != NULL
                       ? table_store_word(stack->tables, mapping->executable)
                       : MAPPING_WORD(MAPPING_NO_TABLE, 0, 0);
        g_array_append_vals(words, entry, MAPPING_WORDS);
    }
    return words;
}

static enum unwind_stop
unwind_by_tables(CopiedStack *stack)
{
    g_autoptr(GArray) words = mapping_words(stack);
    Unwinding unwinding = {.stack = stack};
    unwinding.rules = table_store_rules(stack->tables, &unwinding.n_rules);
    unwinding.mappings = (View){(const uint64_t *)words->data, words->len};
    struct unwind_state *state = &unwinding.state;
    memcpy(state->registers, stack->copy->registers, sizeof state->registers);
    state->table = (struct process_table){.slab = MAPPINGS_SLAB, .count = stack->mappings->len};
    state->is_exact = state->has_registers = state->has_frame_pointer = 1;
    stack->n_frames = 0;
    do {
        if (stack->n_frames == SAMPLE_USER_FRAMES_MAX)
            return UNWIND_STOP_DEPTH;
        uint64_t exact = state->is_exact ? SAMPLE_EXACT : 0;
        stack->frames[stack->n_frames++] = state->registers[UNWIND_RIP] | exact;
        unwinding.slabs[0].words = NULL;
    } while (!unwind_step(state));
    return (enum unwind_stop)state->stop;
}

static enum unwind_stop
unwind_by_library(CopiedStack *stack)
{
    const struct event_copy *copy = stack->copy;
    RemoteStack remote = {
        .stack_address = copy->registers[UNWIND_RSP],
        .stack = copy->stack,
        .stack_size = copy->stack_bytes,
        .mappings = (const Mapping *)stack->mappings->data,
        .n_mappings = stack->mappings->len,
    };
    size_t n_frames;
    memcpy(remote.registers, copy->registers, sizeof remote.registers);
    enum unwind_stop stop = remote_unwinder_run(stack->unwinder, &remote, stack->frames,
                                                SAMPLE_USER_FRAMES_MAX, &n_frames);
    stack->n_frames = (uint32_t)n_frames;
    return stop;
}

enum unwind_stop
copied_stack_unwind(CopiedStack *stack)
{
    enum unwind_stop stop = unwind_by_tables(stack);
    switch (stop) {
    case UNWIND_STOP_COMPLEX:
    case UNWIND_STOP_REGISTER:
        return unwind_by_library(stack);
    case UNWIND_STOP_MEMORY: /* of the process there was more than was copied */
        return stack->copy->stack_bytes > 0 ? UNWIND_STOP_COPY_LIMIT : stop;
    default:
        return stop;
    }
}
