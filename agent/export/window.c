#include "agent/export/window.h"

#include <string.h>
#include <xxhash.h>

#include "cresset/event.h"

enum {
    SLOTS_MIN = 64,
    FRAMES_PER_STACK_MAX = SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX,
};

Window *
window_new(int64_t start_ns)
{
    Window *window = g_new0(Window, 1);
    window->start_ns = start_ns;
    window->processes = g_ptr_array_new();
    window->by_process = g_hash_table_new(NULL, NULL);
    return window;
}

static void
process_free(WindowProcess *process)
{
    for (guint i = 0; i < process->frames->len; i++) {
        WindowFrame *frame = &g_array_index(process->frames, WindowFrame, i);
        if (frame->executable != NULL)
            executable_unref(frame->executable);
    }
    g_array_unref(process->frames);
    g_array_unref(process->stacks);
    g_array_unref(process->stack_frames);
    g_free(process->frame_slots);
    g_free(process->stack_slots);
    g_free(process->executable_path);
    cgroup_clear(&process->cgroup);
    g_free(process);
}

void
window_free(Window *window)
{
    if (window == NULL)
        return;
    if (window->by_process != NULL)
        window_seal(window, window->start_ns);
    for (guint i = 0; i < window->processes->len; i++)
        process_free(window->processes->pdata[i]);
    g_ptr_array_unref(window->processes);
    g_free(window);
}

static WindowProcess *
process_new(Window *window, Process *process)
{
    WindowProcess *added = g_new0(WindowProcess, 1);
    added->process = process_ref(process);
    added->pid = process->pid;
    added->frames = g_array_new(FALSE, FALSE, sizeof(WindowFrame));
    added->stacks = g_array_new(FALSE, FALSE, sizeof(WindowStack));
    added->stack_frames = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_ptr_array_add(window->processes, added);
    g_hash_table_insert(window->by_process, process, added);
    window->bytes += sizeof(*added) + 512;
    return added;
}

static WindowProcess *
find_process(Window *window, Process *process)
{
    if (window->last != NULL && window->last->process == process)
        return window->last;
    WindowProcess *found = g_hash_table_lookup(window->by_process, process);
    window->last = found != NULL ? found : process_new(window, process);
    return window->last;
}

static uint32_t
frame_hash(const WindowFrame *frame)
{
    uint64_t key[2] = {frame->address, (uint64_t)(uintptr_t)frame->executable + frame->kind};
    return (uint32_t)XXH3_64bits(key, sizeof(key));
}

static void
grow_frame_slots(WindowProcess *process)
{
    g_free(process->frame_slots);
    process->n_frame_slots = MAX(process->n_frame_slots * 2, SLOTS_MIN);
    process->frame_slots = g_new0(uint32_t, process->n_frame_slots);
    uint32_t mask = process->n_frame_slots - 1;
    for (uint32_t i = 0; i < process->frames->len; i++) {
        uint32_t at = frame_hash(&g_array_index(process->frames, WindowFrame, i)) & mask;
        while (process->frame_slots[at] != 0)
            at = (at + 1) & mask;
        process->frame_slots[at] = i + 1;
    }
}

/* The position of the frame, added when it is new. */
static uint32_t
intern_frame(Window *window, WindowProcess *process, const WindowFrame *frame)
{
    if (process->frames->len >= process->n_frame_slots / 4 * 3)
        grow_frame_slots(process);
    uint32_t mask = process->n_frame_slots - 1, at = frame_hash(frame) & mask;
    for (; process->frame_slots[at] != 0; at = (at + 1) & mask) {
        uint32_t i = process->frame_slots[at] - 1;
        const WindowFrame *known = &g_array_index(process->frames, WindowFrame, i);
        if (known->address == frame->address && known->executable == frame->executable &&
            known->kind == frame->kind)
            return i;
    }
    process->frame_slots[at] = process->frames->len + 1;
    g_array_append_val(process->frames, *frame);
    if (frame->executable != NULL)
        executable_ref(frame->executable);
    window->bytes += sizeof(WindowFrame) + 8;
    return process->frames->len - 1;
}

static void
grow_stack_slots(WindowProcess *process)
{
    g_free(process->stack_slots);
    process->n_stack_slots = MAX(process->n_stack_slots * 2, SLOTS_MIN);
    process->stack_slots = g_new0(uint32_t, process->n_stack_slots);
    uint32_t mask = process->n_stack_slots - 1;
    for (uint32_t i = 0; i < process->stacks->len; i++) {
        uint32_t at = g_array_index(process->stacks, WindowStack, i).hash & mask;
        while (process->stack_slots[at] != 0)
            at = (at + 1) & mask;
        process->stack_slots[at] = i + 1;
    }
}

static WindowStack *
intern_stack(Window *window, WindowProcess *process, const uint32_t *frames, uint32_t n,
             uint8_t cut_reason)
{
    if (process->stacks->len >= process->n_stack_slots / 4 * 3)
        grow_stack_slots(process);
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(frames, n * sizeof(*frames), cut_reason);
    uint32_t mask = process->n_stack_slots - 1, at = hash & mask;
    const uint32_t *all = (const uint32_t *)(const void *)process->stack_frames->data;
    for (; process->stack_slots[at] != 0; at = (at + 1) & mask) {
        WindowStack *known =
            &g_array_index(process->stacks, WindowStack, process->stack_slots[at] - 1);
        if (known->hash == hash && known->n == n && known->cut_reason == cut_reason &&
            memcmp(all + known->first, frames, n * sizeof(*frames)) == 0)
            return known;
    }
    WindowStack stack = {process->stack_frames->len, n, cut_reason, hash, 0};
    g_array_append_vals(process->stack_frames, frames, n);
    g_array_append_val(process->stacks, stack);
    process->stack_slots[at] = process->stacks->len;
    window->bytes += sizeof(WindowStack) + 8 + n * sizeof(*frames);
    return &g_array_index(process->stacks, WindowStack, process->stacks->len - 1);
}

void
window_add(Window *window, const Sample *sample)
{
    uint32_t frames[FRAMES_PER_STACK_MAX];
    uint32_t n = MIN(sample->n_frames, FRAMES_PER_STACK_MAX);
    WindowProcess *process = find_process(window, sample->process);
    for (uint32_t i = 0; i < n; i++) {
        const Frame *frame = &sample->frames[i];
        WindowFrame kept = {.address = frame->address - (frame->is_return_address ? 1 : 0),
                            .kind = frame->kind};
        if (frame->kind == FRAME_FILE)
            kept.executable = frame->executable;
        frames[i] = intern_frame(window, process, &kept);
    }
    uint8_t cut_reason = sample->is_cut ? MAX(sample->stop_reason, 1) : 0;
    intern_stack(window, process, frames, n, cut_reason)->value_ns += (int64_t)sample->period_ns;
    process->n_samples++;
    window->n_samples++;
}

/* A process that is ending looks like a kernel thread: it has no executable any more. */
static bool
has_user_frames(const WindowProcess *process)
{
    for (guint i = 0; i < process->frames->len; i++)
        if (g_array_index(process->frames, WindowFrame, i).kind != FRAME_KERNEL)
            return true;
    return false;
}

void
window_seal(Window *window, int64_t end_ns)
{
    window->end_ns = end_ns;
    for (guint i = 0; i < window->processes->len; i++) {
        WindowProcess *sealed = window->processes->pdata[i];
        Process *process = g_steal_pointer(&sealed->process);
        if (process == NULL)
            continue;
        sealed->namespace_pid = process->namespace_pid;
        sealed->is_kernel_thread = process->is_kernel_thread && !has_user_frames(sealed);
        sealed->executable_path = g_strdup(process->executable_path);
        cgroup_copy(&process->cgroup, &sealed->cgroup);
        memcpy(sealed->comm, process->comm, sizeof(process->comm));
        g_clear_pointer(&sealed->frame_slots, g_free);
        g_clear_pointer(&sealed->stack_slots, g_free);
        process_unref(process);
    }
    window->last = NULL;
    g_clear_pointer(&window->by_process, g_hash_table_unref);
}

const char *
window_cut_reason(uint8_t reason)
{
    static const char *const texts[] = {[UNWIND_RUNNING] = "unknown",
#define X(name, label, text) [UNWIND_STOP_##name] = text,
                                        UNWIND_STOPS(X)
#undef X
    };
    return reason < G_N_ELEMENTS(texts) && texts[reason] != NULL ? texts[reason] : "unknown";
}
