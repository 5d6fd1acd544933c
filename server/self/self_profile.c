#include "server/self/self_profile.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/table.h"
#include "server/self/self_symbols.h"
#include "server/self/stack_ring.h"

enum { RATE_DEFAULT_HZ = 97, DRAIN_NS = 1000000000, LINES_MAX = 64 };
#define WINDOW_DEFAULT_NS (15 * INT64_C(1000000000))

struct SelfProfile {
    SelfProfileOptions options;
    StackRing ring;
    sem_t wake;
    atomic_bool is_stopping;
    GThread *thread;
    SelfSymbols *symbols;
    PprofTable stacks; /* frames of every different stack of the window */
    GArray *counts;    /* uint64_t per stack */
    uint64_t n_samples;
    int64_t start_ns, start_cpu_ns;
};

/* The handler has no other way to its ring. */
static _Atomic(SelfProfile *) instance;

static void
on_profile_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    int saved_errno = errno;
    SelfProfile *self = atomic_load(&instance);
    if (self != NULL && stack_ring_capture(&self->ring, context) == STACK_RING_SLOTS / 2)
        (void)sem_post(&self->wake);
    errno = saved_errno;
}

static int64_t
clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
begin_window(SelfProfile *self, int64_t start_ns, int64_t cpu_ns)
{
    pprof_table_reset(&self->stacks);
    g_array_set_size(self->counts, 0);
    self->n_samples = 0;
    self->start_ns = start_ns;
    self->start_cpu_ns = cpu_ns;
}

static void
on_stack(const uint64_t *frames, uint32_t n, void *data)
{
    SelfProfile *self = data;
    if (n == 0)
        return;
    uint32_t stack = pprof_table_intern(&self->stacks, frames, n * sizeof(*frames));
    if (stack >= self->counts->len)
        g_array_set_size(self->counts, stack + 1);
    g_array_index(self->counts, uint64_t, stack)++;
    self->n_samples++;
}

static uint32_t
add_location(PprofBuilder *builder, const SelfAddress *found, uint64_t address)
{
    PprofLine lines[LINES_MAX];
    uint32_t n = MIN(found->n_lines, LINES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const SelfLine *line = &found->lines[i];
        PprofFunction function = {.name = pprof_builder_text(builder, line->name),
                                  .system_name = pprof_builder_text(builder, line->system_name),
                                  .filename = pprof_builder_text(builder, line->file),
                                  .start_line = line->start_line};
        lines[i] = (PprofLine){pprof_builder_function(builder, &function), line->line};
    }
    PprofMapping mapping = {.filename = pprof_builder_text(builder, found->path),
                            .has_functions = true};
    PprofLocation location = {
        .mapping = found->path[0] != '\0' ? pprof_builder_mapping(builder, &mapping) : 0,
        .address = address,
        .lines = lines,
        .n_lines = n};
    return pprof_builder_location(builder, &location);
}

static void
add_sample(SelfProfile *self, PprofBuilder *builder, uint32_t stack, int64_t value_ns)
{
    size_t size;
    const uint8_t *bytes = pprof_table_get(&self->stacks, stack, &size);
    uint32_t locations[STACK_RING_FRAMES];
    size_t n = MIN(size / sizeof(uint64_t), STACK_RING_FRAMES);
    for (size_t i = 0; i < n; i++) {
        uint64_t address;
        memcpy(&address, bytes + i * sizeof(address), sizeof(address));
        address -= i > 0; /* into the call, not behind it */
        locations[i] = add_location(builder, self_symbols_find(self->symbols, address), address);
    }
    PprofSample sample = {.locations = locations, .n_locations = n, .values = &value_ns};
    pprof_builder_sample(builder, &sample);
}

/* The timer ticks coarsely; the CPU time that was really used is shared out among the samples. */
static void
write_window(SelfProfile *self, int64_t end_ns, int64_t cpu_ns)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 1000000000 / self->options.rate_hz);
    pprof_builder_time(builder, self->start_ns, end_ns - self->start_ns);
    for (guint i = 0; i < self->counts->len; i++) {
        uint64_t count = g_array_index(self->counts, uint64_t, i);
        double share = (double)count / (double)self->n_samples;
        add_sample(self, builder, i, MAX((int64_t)((double)cpu_ns * share), 1));
    }
    self_symbols_close(self->symbols);
    g_autoptr(GByteArray) pprof = pprof_builder_finish(builder);
    self->options.func(pprof->data, pprof->len, self->options.data);
}

/* CPU time of a window without a sample counts in the next one. */
static void
end_window(SelfProfile *self)
{
    int64_t end_ns = clock_ns(CLOCK_REALTIME), cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    bool has_samples = self->n_samples > 0;
    if (has_samples)
        write_window(self, end_ns, cpu_ns - self->start_cpu_ns);
    begin_window(self, end_ns, has_samples ? cpu_ns : self->start_cpu_ns);
}

static gpointer
worker_run(gpointer data)
{
    SelfProfile *self = data;
    int64_t window_end_ns = clock_ns(CLOCK_MONOTONIC) + self->options.window_ns;
    while (!atomic_load(&self->is_stopping)) {
        int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        int64_t wait_ns = CLAMP(window_end_ns - now_ns, 0, DRAIN_NS);
        int64_t until_ns = clock_ns(CLOCK_REALTIME) + wait_ns;
        struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
        (void)sem_timedwait(&self->wake, &until);
        stack_ring_drain(&self->ring, on_stack, self);
        if (clock_ns(CLOCK_MONOTONIC) >= window_end_ns) {
            end_window(self);
            window_end_ns = clock_ns(CLOCK_MONOTONIC) + self->options.window_ns;
        }
    }
    stack_ring_drain(&self->ring, on_stack, self);
    end_window(self);
    return NULL;
}

static void
set_timer(int64_t interval_us)
{
    struct itimerval timer = {{0, interval_us}, {0, interval_us}};
    (void)setitimer(ITIMER_PROF, &timer, NULL);
}

static void
self_free(SelfProfile *self)
{
    sem_destroy(&self->wake);
    self_symbols_free(self->symbols);
    pprof_table_clear(&self->stacks);
    g_array_unref(self->counts);
    g_free(self);
}

SelfProfile *
self_profile_start(const SelfProfileOptions *options, GError **error)
{
    SelfProfile *self = g_new0(SelfProfile, 1), *none = NULL;
    self->options = *options;
    self->options.rate_hz = CLAMP(options->rate_hz, 0, 1000);
    if (self->options.rate_hz == 0)
        self->options.rate_hz = RATE_DEFAULT_HZ;
    if (options->window_ns <= 0)
        self->options.window_ns = WINDOW_DEFAULT_NS;
    (void)sem_init(&self->wake, 0, 0);
    self->symbols = self_symbols_new();
    self->counts = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    if (!atomic_compare_exchange_strong(&instance, &none, self)) {
        self_free(self);
        error_set(error, CRESSET_ERROR_ALREADY_EXISTS, "the process is being profiled already");
        return NULL;
    }
    struct sigaction action = {.sa_sigaction = on_profile_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGPROF, &action, NULL) != 0) {
        error_set_errno(error, errno, "self profile: taking SIGPROF");
        atomic_store(&instance, NULL);
        self_free(self);
        return NULL;
    }
    begin_window(self, clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    self->thread = g_thread_new("self-profile", worker_run, self);
    set_timer(1000000 / self->options.rate_hz);
    return self;
}

void
self_profile_stop(SelfProfile *self)
{
    if (self == NULL)
        return;
    set_timer(0);
    atomic_store(&self->is_stopping, true);
    (void)sem_post(&self->wake);
    g_thread_join(self->thread);
    /* A signal that is still pending finds no instance; the handler stays, for the default action
     * would end the process. */
    atomic_store(&instance, NULL);
    self_free(self);
}

void
self_profile_write_metrics(SelfProfile *self, GString *out)
{
    static const char *const names[] = {"samples", "dropped"};
    static const char *const helps[] = {"Stacks captured of the server itself.",
                                        "Stacks lost because the ring was full."};
    uint64_t values[] = {atomic_load(&self->ring.n_captured), atomic_load(&self->ring.n_dropped)};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_string_append_printf(out,
                               "# HELP cresset_self_profile_%s_total %s\n"
                               "# TYPE cresset_self_profile_%s_total counter\n"
                               "cresset_self_profile_%s_total %" G_GUINT64_FORMAT "\n",
                               names[i], helps[i], names[i], names[i], values[i]);
}
