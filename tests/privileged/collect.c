#include "tests/privileged/collect.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/privileged/symbols.h"

enum { RUN_SECONDS = 60 };

extern char **environ;

struct Collector {
    Sampler *sampler;
    GPtrArray *stacks;      /* CollectedStack * */
    GHashTable *pids;       /* pids to keep */
    GHashTable *comms;      /* comms to keep */
    GHashTable *symbols;    /* Executable id -> Symbols * */
    GHashTable *other_file; /* path -> path of the file that has its symbols */
    GArray *running;        /* pid_t */
    GMainLoop *loop;
    guint wanted;
};

static void
stack_free(gpointer pointer)
{
    CollectedStack *stack = pointer;
    g_ptr_array_unref(stack->names);
    g_free(stack);
}

static Symbols *
symbols_of(Collector *collector, Executable *executable)
{
    gpointer key = GSIZE_TO_POINTER(executable->id);
    Symbols *symbols = g_hash_table_lookup(collector->symbols, key);
    if (symbols == NULL) {
        const char *other = g_hash_table_lookup(collector->other_file, executable->path);
        symbols = symbols_read(executable, other);
        g_hash_table_insert(collector->symbols, key, symbols);
    }
    return symbols;
}

static const char *
name_of(Collector *collector, const Frame *frame)
{
    if (frame->kind == FRAME_KERNEL)
        return "[kernel]";
    if (frame->kind == FRAME_ANON)
        return "[anon]";
    const char *name = symbols_find(symbols_of(collector, frame->executable),
                                    frame->address - frame->is_return_address);
    return name != NULL ? name : "[file]";
}

static void
on_sample(const Sample *sample, void *data)
{
    Collector *collector = data;
    if (!g_hash_table_contains(collector->pids, GUINT_TO_POINTER(sample->process->pid)) &&
        !g_hash_table_contains(collector->comms, sample->process->comm))
        return;
    CollectedStack *stack = g_new0(CollectedStack, 1);
    stack->names = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < sample->n_frames; i++)
        g_ptr_array_add(stack->names, g_strdup(name_of(collector, &sample->frames[i])));
    stack->pid = sample->process->pid;
    stack->namespace_pid = sample->process->namespace_pid;
    stack->period_ns = sample->period_ns;
    stack->stop_reason = sample->stop_reason;
    stack->is_cut = sample->is_cut;
    g_ptr_array_add(collector->stacks, stack);
    if (collector->stacks->len >= collector->wanted)
        g_main_loop_quit(collector->loop);
}

/* Until the processes that run already are known and their tables built. */
static gboolean
has_settled(gpointer data)
{
    Collector *collector = data;
    SamplerCounts counts;
    sampler_get_counts(collector->sampler, &counts);
    if (counts.tables == 0 || counts.tables_pending > 0)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(collector->loop);
    return G_SOURCE_REMOVE;
}

void
collector_settle(Collector *collector)
{
    collector->wanted = G_MAXUINT;
    g_timeout_add(50, has_settled, collector);
    g_main_loop_run(collector->loop);
}

Collector *
collector_new(const SamplerConfig *config, GError **error)
{
    Collector *collector = g_new0(Collector, 1);
    collector->stacks = g_ptr_array_new_with_free_func(stack_free);
    collector->pids = g_hash_table_new(NULL, NULL);
    collector->comms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    collector->symbols = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)symbols_free);
    collector->other_file = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    collector->running = g_array_new(FALSE, FALSE, sizeof(pid_t));
    collector->loop = g_main_loop_new(NULL, FALSE);
    collector->sampler = sampler_new(config, on_sample, collector, error);
    if (collector->sampler == NULL || !sampler_start(collector->sampler, error)) {
        collector_free(collector);
        return NULL;
    }
    collector_settle(collector);
    return collector;
}

void
collector_free(Collector *collector)
{
    while (collector->running->len > 0)
        collector_stop_process(collector, g_array_index(collector->running, pid_t, 0));
    sampler_free(collector->sampler);
    g_main_loop_unref(collector->loop);
    g_ptr_array_unref(collector->stacks);
    g_hash_table_unref(collector->pids);
    g_hash_table_unref(collector->comms);
    g_hash_table_unref(collector->symbols);
    g_hash_table_unref(collector->other_file);
    g_array_unref(collector->running);
    g_free(collector);
}

Sampler *
collector_sampler(Collector *collector)
{
    return collector->sampler;
}

void
collector_set_symbols(Collector *collector, const char *path, const char *symbols)
{
    g_hash_table_insert(collector->other_file, g_strdup(path), g_strdup(symbols));
}

void
collector_want_comm(Collector *collector, const char *comm)
{
    g_hash_table_add(collector->comms, g_strdup(comm));
}

pid_t
collector_spawn(Collector *collector, const char *const *argv)
{
    pid_t pid;
    if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)argv, environ) != 0)
        return -1;
    g_hash_table_add(collector->pids, GINT_TO_POINTER(pid));
    g_array_append_val(collector->running, pid);
    return pid;
}

static void
forget(Collector *collector, pid_t pid)
{
    for (guint i = 0; i < collector->running->len; i++) {
        if (g_array_index(collector->running, pid_t, i) == pid)
            g_array_remove_index_fast(collector->running, i);
    }
}

static uint64_t
reap(Collector *collector, pid_t pid)
{
    struct rusage usage = {0};
    while (wait4(pid, NULL, 0, &usage) < 0 && errno == EINTR)
        continue;
    forget(collector, pid);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

uint64_t
collector_stop_process(Collector *collector, pid_t pid)
{
    kill(pid, SIGKILL);
    return reap(collector, pid);
}

/* Looks every millisecond whether the process has ended, so that the loop runs meanwhile. */
static gboolean
has_ended(gpointer data)
{
    void **both = data;
    Collector *collector = both[0];
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)GPOINTER_TO_INT(both[1]), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(collector->loop);
    return G_SOURCE_REMOVE;
}

uint64_t
collector_await_process(Collector *collector, pid_t pid)
{
    void *both[2] = {collector, GINT_TO_POINTER(pid)};
    collector->wanted = G_MAXUINT;
    g_timeout_add(1, has_ended, both);
    g_main_loop_run(collector->loop);
    sampler_drain(collector->sampler);
    return reap(collector, pid);
}

static gboolean
on_time_out(gpointer data)
{
    Collector *collector = data;
    fprintf(stderr, "only %u of %u stacks within %d seconds\n", collector->stacks->len,
            collector->wanted, RUN_SECONDS);
    g_main_loop_quit(collector->loop);
    return G_SOURCE_CONTINUE;
}

void
collector_run(Collector *collector, guint n)
{
    collector->wanted = n;
    guint timer = g_timeout_add_seconds(RUN_SECONDS, on_time_out, collector);
    if (collector->stacks->len < n)
        g_main_loop_run(collector->loop);
    g_source_remove(timer);
}

GPtrArray *
collector_take(Collector *collector)
{
    GPtrArray *taken = collector->stacks;
    collector->stacks = g_ptr_array_new_with_free_func(stack_free);
    return taken;
}

int
collected_find(const CollectedStack *stack, const char *name)
{
    for (guint i = 0; i < stack->names->len; i++) {
        if (strcmp(stack->names->pdata[i], name) == 0)
            return (int)i;
    }
    return -1;
}

bool
collected_has_chain(const CollectedStack *stack, const char *const *chain)
{
    int at = collected_find(stack, chain[0]);
    if (at < 0)
        return false;
    for (guint i = 0; chain[i] != NULL; i++) {
        guint position = (guint)at + i;
        if (position >= stack->names->len || strcmp(stack->names->pdata[position], chain[i]) != 0)
            return false;
    }
    return true;
}

void
collected_print(const CollectedStack *stack)
{
    fprintf(stderr, "stop %u:", stack->stop_reason);
    for (guint i = 0; i < stack->names->len; i++)
        fprintf(stderr, " %s", (const char *)stack->names->pdata[i]);
    fputc('\n', stderr);
}
