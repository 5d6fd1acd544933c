#include "agent/sample/delivery.h"

#include <string.h>
#include <time.h>

#include "agent/process/mapping.h"
#include "agent/process/process_private.h"
#include "agent/sample/copied.h"

enum {
    WAITING_BYTES_MAX = 8 * 1024 * 1024, /* of copied stacks that wait for a table */
};

/* A copied stack that waits for a table, with the mappings as they were. */
typedef struct {
    Process *process;
    GArray *mappings;
    struct event_copy *event;
    size_t bytes;
} Waiting;

struct Delivery {
    ProcessTable *processes;
    SlabStore *slabs;
    TableStore *tables;
    SampleFunc func;
    void *data;
    uint64_t realtime_offset_ns;
    GQueue waiting;
    size_t waiting_bytes;
    DeliveryCounts counts;
    RemoteUnwinder *unwinder;
    CopiedStack copied;
    Frame frames[SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX];
};

/* One stack, from either kind of record. */
typedef struct {
    Process *process;
    const GArray *mappings;
    const struct event_header *header;
    uint64_t period_ns;
    const uint64_t *kernel, *user;
    uint32_t n_kernel, n_user;
    uint8_t stop;
} Stack;

Delivery *
delivery_new(ProcessTable *processes, SlabStore *slabs, TableStore *tables, SampleFunc func,
             void *data)
{
    Delivery *delivery = g_new0(Delivery, 1);
    delivery->processes = processes;
    delivery->slabs = slabs;
    delivery->tables = tables;
    delivery->func = func;
    delivery->data = data;
    delivery->unwinder = remote_unwinder_new();
    g_queue_init(&delivery->waiting);
    delivery_set_clock(delivery);
    return delivery;
}

static void
waiting_free(gpointer pointer)
{
    Waiting *waiting = pointer;
    process_unref(waiting->process);
    g_array_unref(waiting->mappings);
    g_free(waiting->event);
    g_free(waiting);
}

void
delivery_free(Delivery *delivery)
{
    if (delivery == NULL)
        return;
    g_queue_clear_full(&delivery->waiting, waiting_free);
    remote_unwinder_free(delivery->unwinder);
    g_free(delivery);
}

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
delivery_set_clock(Delivery *delivery)
{
    delivery->realtime_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

static Frame
user_frame(const GArray *mappings, uint64_t address)
{
    Frame frame = {.kind = FRAME_ANON, .is_return_address = (address & SAMPLE_EXACT) == 0};
    frame.address = address & ~SAMPLE_EXACT;
    const Mapping *mapping = mapping_list_find(mappings, frame.address - frame.is_return_address);
    if (mapping != NULL && mapping->executable != NULL) {
        frame.kind = FRAME_FILE;
        frame.executable = mapping->executable;
        frame.address -= mapping->bias;
    }
    return frame;
}

static void
hand_over(Delivery *delivery, const Stack *stack)
{
    Frame *frames = delivery->frames;
    uint32_t n = 0;
    for (uint32_t i = 0; i < stack->n_kernel; i++)
        frames[n++] = (Frame){FRAME_KERNEL, i > 0, NULL, stack->kernel[i]};
    for (uint32_t i = 0; i < stack->n_user; i++)
        frames[n++] = user_frame(stack->mappings, stack->user[i]);
    process_identify(stack->process);
    Sample sample = {
        .process = stack->process,
        .thread_id = stack->header->tid,
        .time_ns = stack->header->time_ns + delivery->realtime_offset_ns,
        .period_ns = stack->period_ns,
        .frames = frames,
        .n_frames = n,
        .is_cut = stack->stop != UNWIND_STOP_ROOT && stack->stop != UNWIND_STOP_NO_USER &&
                  stack->stop != UNWIND_STOP_EXEC,
        .stop_reason = stack->stop,
    };
    delivery->counts.samples++;
    delivery->counts.stops[stack->stop]++;
    delivery->func(&sample, delivery->data);
}

/* Finds the process of a record; a new reference. */
static Process *
process_of(Delivery *delivery, const struct event_header *header, const char *comm)
{
    Process *process = process_table_get(delivery->processes, header->pid);
    if (process->comm[0] == '\0')
        memcpy(process->comm, comm, sizeof process->comm - 1);
    if (header->stop == UNWIND_STOP_NO_USER && process->mappings->len == 0 && !process->has_exited)
        process->is_kernel_thread = true;
    return process;
}

void
delivery_sample(Delivery *delivery, const struct event_sample *event)
{
    g_autoptr(Process) process = process_of(delivery, &event->header, event->comm);
    Stack stack = {
        .process = process,
        .mappings = process->mappings,
        .header = &event->header,
        .period_ns = event->period_ns,
        .kernel = event->frames,
        .user = event->frames + MIN(event->n_kernel, SAMPLE_KERNEL_FRAMES_MAX),
        .n_kernel = MIN(event->n_kernel, SAMPLE_KERNEL_FRAMES_MAX),
        .n_user = MIN(event->n_user, SAMPLE_USER_FRAMES_MAX),
        .stop = MIN(event->header.stop, UNWIND_STOP_COUNT - 1),
    };
    hand_over(delivery, &stack);
    if (stack.stop == UNWIND_STOP_NO_MAPPING || stack.stop == UNWIND_STOP_NO_ROW)
        process_table_reread(delivery->processes, process);
}

static void
hurry_tables(Delivery *delivery, const GArray *mappings)
{
    for (guint i = 0; i < mappings->len; i++) {
        Executable *executable = g_array_index(mappings, Mapping, i).executable;
        if (executable != NULL)
            table_store_hurry(delivery->tables, executable);
    }
}

/* Unwinds a copied stack and hands it over; false when it waits for a table and `is_last` is not
 * set. */
static bool
deliver_copy(Delivery *delivery, Process *process, const GArray *mappings,
             const struct event_copy *event, bool is_last)
{
    CopiedStack *copied = &delivery->copied;
    copied->copy = event;
    copied->mappings = mappings;
    copied->slabs = delivery->slabs;
    copied->tables = delivery->tables;
    copied->unwinder = delivery->unwinder;
    enum unwind_stop stop = copied_stack_unwind(copied);
    if (stop == UNWIND_STOP_PENDING && !is_last) {
        hurry_tables(delivery, mappings);
        return false;
    }
    Stack stack = {
        .process = process,
        .mappings = mappings,
        .header = &event->header,
        .period_ns = event->period_ns,
        .kernel = event->kernel_frames,
        .user = copied->frames,
        .n_kernel = MIN(event->n_kernel, SAMPLE_KERNEL_FRAMES_MAX),
        .n_user = copied->n_frames,
        .stop = (uint8_t)stop,
    };
    delivery->counts.copied++;
    hand_over(delivery, &stack);
    return true;
}

static size_t
size_of(const struct event_copy *event)
{
    return offsetof(struct event_copy, stack) + MIN(event->stack_bytes, COPY_STACK_BYTES_MAX);
}

void
delivery_copy(Delivery *delivery, const struct event_copy *event)
{
    g_autoptr(Process) process = process_of(delivery, &event->header, event->comm);
    if (event->header.stop == UNWIND_STOP_NO_MAPPING)
        process_table_reread(delivery->processes, process);
    delivery->counts.copies[MIN(event->header.stop, UNWIND_STOP_COUNT - 1)]++;
    size_t bytes = size_of(event);
    bool is_last = delivery->waiting_bytes + bytes > WAITING_BYTES_MAX;
    if (is_last)
        delivery->counts.dropped_copies++;
    if (deliver_copy(delivery, process, process->mappings, event, is_last))
        return;
    Waiting *waiting = g_new0(Waiting, 1);
    waiting->process = g_steal_pointer(&process);
    waiting->mappings = g_array_ref(waiting->process->mappings);
    waiting->event = g_memdup2(event, bytes);
    waiting->bytes = bytes;
    delivery->waiting_bytes += bytes;
    g_queue_push_tail(&delivery->waiting, waiting);
}

void
delivery_retry(Delivery *delivery, bool is_last)
{
    for (guint n = delivery->waiting.length; n > 0; n--) {
        Waiting *waiting = g_queue_pop_head(&delivery->waiting);
        if (deliver_copy(delivery, waiting->process, waiting->mappings, waiting->event, is_last)) {
            delivery->waiting_bytes -= waiting->bytes;
            waiting_free(waiting);
        } else {
            g_queue_push_tail(&delivery->waiting, waiting);
        }
    }
}

const DeliveryCounts *
delivery_counts(const Delivery *delivery)
{
    return &delivery->counts;
}
