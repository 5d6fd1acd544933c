#include "agent/sample/clocks.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/error.h"

typedef struct {
    guint cpu;
    int fd;
    struct bpf_link *link;
    bool is_online;
} Clock;

struct Clocks {
    struct bpf_program *program;
    GArray *clocks; /* Clock */
    double rate_hz;
};

GArray *
clocks_parse_cpus(const char *text)
{
    GArray *cpus = g_array_new(FALSE, FALSE, sizeof(guint));
    while (g_ascii_isdigit(*text)) {
        char *end;
        guint first = (guint)strtoul(text, &end, 10), last = first;
        if (*end == '-')
            last = (guint)strtoul(end + 1, &end, 10);
        for (guint cpu = first; cpu <= last && cpus->len < 65536; cpu++)
            g_array_append_val(cpus, cpu);
        text = *end == ',' ? end + 1 : end;
    }
    return cpus;
}

static GArray *
online_cpus(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/sys/devices/system/cpu/online", &text, NULL, NULL))
        text = g_strdup_printf("0-%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
    return clocks_parse_cpus(text);
}

/* Up to a tenth off the rate's period: two clocks, or a clock and a timer of the program under
 * test, drift apart within a second. */
static uint64_t
draw_period(const Clocks *clocks)
{
    return (uint64_t)(1e9 / clocks->rate_hz * g_random_double_range(0.9, 1.1));
}

static int
open_event(const Clocks *clocks, guint cpu)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = draw_period(clocks),
        .disabled = 1,
        .exclude_idle = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static void
clock_clear(gpointer pointer)
{
    Clock *clock = pointer;
    bpf_link__destroy(clock->link);
    close(clock->fd);
}

static bool
add_clock(Clocks *clocks, guint cpu, GError **error)
{
    Clock clock = {.cpu = cpu, .fd = open_event(clocks, cpu), .is_online = true};
    if (clock.fd < 0)
        return error_set_errno(error, errno,
                               "open the software clock of CPU %u (needs CAP_PERFMON, or "
                               "kernel.perf_event_paranoid below 1)",
                               cpu);
    clock.link = bpf_program__attach_perf_event(clocks->program, clock.fd);
    if (clock.link == NULL) {
        int saved = errno;
        close(clock.fd);
        return error_set_errno(error, saved, "attach to the software clock of CPU %u", cpu);
    }
    g_array_append_val(clocks->clocks, clock);
    return true;
}

Clocks *
clocks_new(struct bpf_program *program, double rate_hz, GError **error)
{
    g_autoptr(Clocks) clocks = g_new0(Clocks, 1);
    clocks->program = program;
    clocks->rate_hz = rate_hz;
    clocks->clocks = g_array_new(FALSE, FALSE, sizeof(Clock));
    g_array_set_clear_func(clocks->clocks, clock_clear);
    g_autoptr(GArray) cpus = online_cpus();
    for (guint i = 0; i < cpus->len; i++) {
        if (!add_clock(clocks, g_array_index(cpus, guint, i), error))
            return NULL;
    }
    return g_steal_pointer(&clocks);
}

void
clocks_free(Clocks *clocks)
{
    if (clocks == NULL)
        return;
    g_array_unref(clocks->clocks);
    g_free(clocks);
}

static bool
set_period(const Clocks *clocks, const Clock *clock, GError **error)
{
    uint64_t period = draw_period(clocks);
    if (ioctl(clock->fd, PERF_EVENT_IOC_PERIOD, &period) != 0)
        return error_set_errno(error, errno, "set the sampling period of CPU %u", clock->cpu);
    return true;
}

bool
clocks_set_rate(Clocks *clocks, double rate_hz, GError **error)
{
    clocks->rate_hz = rate_hz;
    for (guint i = 0; i < clocks->clocks->len; i++) {
        if (!set_period(clocks, &g_array_index(clocks->clocks, Clock, i), error))
            return false;
    }
    return true;
}

static Clock *
find_clock(Clocks *clocks, guint cpu)
{
    for (guint i = 0; i < clocks->clocks->len; i++) {
        Clock *clock = &g_array_index(clocks->clocks, Clock, i);
        if (clock->cpu == cpu)
            return clock;
    }
    return NULL;
}

void
clocks_adjust(Clocks *clocks)
{
    g_autoptr(GArray) cpus = online_cpus();
    for (guint i = 0; i < clocks->clocks->len; i++)
        g_array_index(clocks->clocks, Clock, i).is_online = false;
    for (guint i = 0; i < cpus->len; i++) {
        guint cpu = g_array_index(cpus, guint, i);
        Clock *clock = find_clock(clocks, cpu);
        g_autoptr(GError) error = NULL;
        if (clock != NULL)
            clock->is_online = true;
        if (clock != NULL ? !set_period(clocks, clock, &error) : !add_clock(clocks, cpu, &error))
            g_debug("%s", error->message);
    }
    for (guint i = clocks->clocks->len; i-- > 0;) {
        if (!g_array_index(clocks->clocks, Clock, i).is_online)
            g_array_remove_index_fast(clocks->clocks, i);
    }
}
