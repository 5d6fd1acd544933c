#include "agent/sample/sampler_private.h"
#include "cresset/event.h"

static const char *const stop_labels[] = {[UNWIND_RUNNING] = "none",
#define X(name, label, text) [UNWIND_STOP_##name] = #label,
                                          UNWIND_STOPS(X)
#undef X
};

static void
write_head(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP cresset_agent_sampler_%s %s\n", name, help);
    g_string_append_printf(out, "# TYPE cresset_agent_sampler_%s %s\n", name, type);
}

static void
write_one(GString *out, const char *name, const char *type, const char *help, uint64_t value)
{
    write_head(out, name, type, help);
    g_string_append_printf(out, "cresset_agent_sampler_%s %" G_GUINT64_FORMAT "\n", name, value);
}

static void
write_seconds(GString *out, const char *name, const char *help, uint64_t ns)
{
    write_head(out, name, "counter", help);
    g_string_append_printf(out, "cresset_agent_sampler_%s %.9f\n", name, (double)ns / 1e9);
}

static void
write_by_stop(GString *out, const char *name, const char *help, const uint64_t *values)
{
    write_head(out, name, "counter", help);
    for (guint i = 1; i < UNWIND_STOP_COUNT; i++)
        g_string_append_printf(out, "cresset_agent_sampler_%s{stop=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               name, stop_labels[i], values[i]);
}

/* Which of the programs' variants this kernel got: the second ones are slower, the last sources of
 * mappings less complete. */
static void
write_variant(const Programs *programs, GString *out)
{
    static const char *const sources[] = {[MAP_SOURCE_TREE] = "ma_write",
                                          [MAP_SOURCE_FUNCTION] = "perf_event_mmap",
                                          [MAP_SOURCE_NONE] = "proc"};
    write_head(out, "variant_info", "gauge",
               "Which BPF programs run: how they loop, what tells mappings.");
    g_string_append_printf(out,
                           "cresset_agent_sampler_variant_info{loop=\"%s\",mappings=\"%s\"} 1\n",
                           programs_is_loop(programs) ? "bpf_loop" : "tail_calls",
                           sources[programs_map_source(programs)]);
}

void
sampler_write_metrics(Sampler *sampler, GString *out)
{
    SamplerCounts counts;
    TableCounts tables;
    sampler_get_counts(sampler, &counts);
    table_store_get_counts(sampler->tables, &tables);
    sampler_probe_write_metrics(out);
    write_one(out, "samples_total", "counter", "Samples handed over.", counts.samples);
    write_by_stop(out, "stacks_total", "User stacks by the reason why unwinding ended.",
                  counts.stops);
    write_by_stop(out, "copied_stacks_total", "Stacks unwound in user space, by why.",
                  delivery_counts(sampler->delivery)->copies);
    write_one(out, "lost_records_total", "counter", "Records that found the ring buffer full.",
              counts.lost_records);
    write_one(out, "processes", "gauge", "Processes known.", counts.processes);
    write_one(out, "executables", "gauge", "Executables known.", counts.executables);
    write_one(out, "tables", "gauge", "Unwind tables in memory or being built.", counts.tables);
    write_one(out, "table_builds_total", "counter", "Unwind tables built.", tables.built);
    write_one(out, "table_failures_total", "counter", "Executables that gave no unwind table.",
              tables.failed);
    write_seconds(out, "table_build_seconds_total", "Time spent on building tables.",
                  tables.build_ns);
    write_one(out, "table_bytes", "gauge", "Memory of unwind tables and mappings in use.",
              counts.table_bytes);
    write_one(out, "map_bytes", "gauge", "Kernel memory of all BPF maps.", counts.map_bytes);
    write_seconds(out, "bpf_seconds_total",
                  "Run time of the sampling program, while the kernel keeps BPF statistics.",
                  counts.bpf_ns);
    write_one(out, "bpf_runs_total", "counter", "Runs of the sampling program, likewise.",
              counts.bpf_runs);
    write_variant(sampler->programs, out);
}
