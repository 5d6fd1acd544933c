#include "agent/sample/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/sample/clocks.h"
#include "cresset/event.h"
#include "lib/base/error.h"
#include "sampler.skel.h"

enum {
    RING_BYTES_PER_CPU = 256 * 1024,
    RING_BYTES_MIN = 1024 * 1024,
    RING_BYTES_MAX = 16 * 1024 * 1024,
    COPIES_PER_SECOND_AND_CPU = 256, /* above the usual rates: a burst of new processes is whole */
    PROCESSES_MAX = 32768,
    F_NO_PREALLOC = 1, /* BPF_F_NO_PREALLOC */
};

struct Programs {
    struct sampler_bpf *skeleton;
    Clocks *clocks;
    MapSource map_source;
    bool is_loop;
    int statistics_fd;
};

/* major * 1000 + minor, for example 5017. */
static int
kernel_version(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return 0;
    return major * 1000 + minor;
}

static int
drop_message(enum libbpf_print_level level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED,
             va_list args G_GNUC_UNUSED)
{
    return 0;
}

static uint32_t
ring_bytes(const SamplerConfig *config)
{
    if (config->ring_bytes != 0)
        return config->ring_bytes;
    uint32_t bytes = RING_BYTES_MIN,
             wanted = (uint32_t)libbpf_num_possible_cpus() * RING_BYTES_PER_CPU;
    while (bytes < wanted && bytes < RING_BYTES_MAX)
        bytes *= 2;
    return bytes;
}

/* Chooses what is loaded, before loading. */
static void
choose(Programs *programs, const SamplerConfig *config)
{
    struct sampler_bpf *skeleton = programs->skeleton;
    int kernel = kernel_version();
    programs->is_loop = config->variant == SAMPLER_VARIANT_LOOP ||
                        (config->variant == SAMPLER_VARIANT_AUTO && kernel >= 5017);
    bpf_program__set_autoload(skeleton->progs.sample_by_loop, programs->is_loop);
    bpf_program__set_autoload(skeleton->progs.sample_by_tail_call, !programs->is_loop);
    bpf_program__set_autoload(skeleton->progs.sample_next, !programs->is_loop);
    bool is_tree = programs->map_source == MAP_SOURCE_TREE;
    bool is_function = programs->map_source == MAP_SOURCE_FUNCTION;
    bpf_program__set_autoload(skeleton->progs.on_tree_write, is_tree);
    bpf_program__set_autoload(skeleton->progs.on_map, is_function);
    bpf_program__set_autoload(skeleton->progs.on_unmap, is_function);

    skeleton->rodata->has_map_events = is_tree || is_function;
    skeleton->rodata->has_task_pt_regs = kernel >= 5015;
    skeleton->rodata->with_kernel_stacks = !config->without_kernel_stacks;
    skeleton->rodata->wakeup_bytes = ring_bytes(config) / 4;
    skeleton->rodata->copy_waiting_bytes = ring_bytes(config) / 2;
    if (config->copy_bytes != 0)
        skeleton->rodata->copy_pages =
            MIN((config->copy_bytes + 4095) / 4096, COPY_STACK_BYTES_MAX / 4096u);
    skeleton->rodata->copies_per_second =
        config->copies_per_second != 0
            ? config->copies_per_second
            : (uint32_t)libbpf_num_possible_cpus() * COPIES_PER_SECOND_AND_CPU;
    skeleton->rodata->process_copies_per_second = MAX(skeleton->rodata->copies_per_second / 2, 1);
    bpf_map__set_max_entries(skeleton->maps.events, ring_bytes(config));
    bpf_map__set_max_entries(skeleton->maps.scratches, (uint32_t)libbpf_num_possible_cpus());
    if (kernel >= 6001) {
        /* Entries are allocated when they are used; older kernels cannot from these contexts. */
        bpf_map__set_map_flags(skeleton->maps.processes, F_NO_PREALLOC);
        bpf_map__set_map_flags(skeleton->maps.states, F_NO_PREALLOC);
        bpf_map__set_max_entries(skeleton->maps.processes, PROCESSES_MAX);
        bpf_map__set_max_entries(skeleton->maps.states, PROCESSES_MAX);
    }
}

static bool
try_load(Programs *programs, const SamplerConfig *config, MapSource source, GError **error)
{
    programs->map_source = source;
    programs->skeleton = sampler_bpf__open();
    if (programs->skeleton == NULL)
        return error_set_errno(error, errno, "open the BPF programs");
    choose(programs, config);
    int status = sampler_bpf__load(programs->skeleton);
    if (status == 0)
        return true;
    g_clear_pointer(&programs->skeleton, sampler_bpf__destroy);
    return error_set_errno(error, -status, "load the BPF programs");
}

/* Sets the program that tail calls go to. */
static bool
set_tail_call(Programs *programs, GError **error)
{
    uint32_t zero = 0;
    int fd = bpf_program__fd(programs->skeleton->progs.sample_next);
    if (programs->is_loop ||
        bpf_map_update_elem(bpf_map__fd(programs->skeleton->maps.next_programs), &zero, &fd,
                            BPF_ANY) == 0)
        return true;
    return error_set_errno(error, errno, "set the tail call");
}

static bool
load_any(Programs *programs, const SamplerConfig *config, GError **error)
{
    if (config->without_map_events)
        return try_load(programs, config, MAP_SOURCE_NONE, error);
    MapSource first = kernel_version() >= 6001 ? MAP_SOURCE_TREE : MAP_SOURCE_FUNCTION;
    return try_load(programs, config, first, NULL) ||
           (first == MAP_SOURCE_TREE && try_load(programs, config, MAP_SOURCE_FUNCTION, NULL)) ||
           try_load(programs, config, MAP_SOURCE_NONE, error);
}

Programs *
programs_load(const SamplerConfig *config, GError **error)
{
    g_autoptr(Programs) programs = g_new0(Programs, 1);
    programs->statistics_fd = -1;
    libbpf_print_fn_t old_print = libbpf_set_print(drop_message);
    bool is_loaded = load_any(programs, config, error);
    libbpf_set_print(old_print);
    if (!is_loaded || !set_tail_call(programs, error))
        return NULL;
    if (config->with_statistics)
        programs->statistics_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
    malloc_trim(0); /* the kernel's type information took some 10 MB */
    return g_steal_pointer(&programs);
}

void
programs_free(Programs *programs)
{
    if (programs == NULL)
        return;
    programs_detach(programs);
    g_clear_pointer(&programs->skeleton, sampler_bpf__destroy);
    if (programs->statistics_fd >= 0)
        close(programs->statistics_fd);
    g_free(programs);
}

static struct bpf_program *
sampling_program(const Programs *programs)
{
    return programs->is_loop ? programs->skeleton->progs.sample_by_loop
                             : programs->skeleton->progs.sample_by_tail_call;
}

/* Attaches one program that is bound to a place in the kernel, when it was loaded. */
static bool
attach_one(struct bpf_program *program, struct bpf_link **link, GError **error)
{
    if (!bpf_program__autoload(program))
        return true;
    *link = bpf_program__attach(program);
    if (*link == NULL)
        return error_set_errno(error, errno, "attach to %s", bpf_program__section_name(program));
    return true;
}

bool
programs_attach(Programs *programs, double rate_hz, GError **error)
{
    struct sampler_bpf *skeleton = programs->skeleton;
    if (!attach_one(skeleton->progs.on_tree_write, &skeleton->links.on_tree_write, error) ||
        !attach_one(skeleton->progs.on_map, &skeleton->links.on_map, error) ||
        !attach_one(skeleton->progs.on_unmap, &skeleton->links.on_unmap, error) ||
        !attach_one(skeleton->progs.on_exit, &skeleton->links.on_exit, error) ||
        !attach_one(skeleton->progs.on_exec, &skeleton->links.on_exec, error) ||
        !attach_one(skeleton->progs.on_fork, &skeleton->links.on_fork, error))
        return false;
    programs->clocks = clocks_new(sampling_program(programs), rate_hz, error);
    return programs->clocks != NULL;
}

void
programs_detach(Programs *programs)
{
    g_clear_pointer(&programs->clocks, clocks_free);
    if (programs->skeleton != NULL)
        sampler_bpf__detach(programs->skeleton);
}

bool
programs_set_rate(Programs *programs, double rate_hz, GError **error)
{
    return programs->clocks == NULL || clocks_set_rate(programs->clocks, rate_hz, error);
}

void
programs_adjust_clocks(Programs *programs)
{
    if (programs->clocks != NULL)
        clocks_adjust(programs->clocks);
}

int
programs_slabs_fd(const Programs *programs)
{
    return bpf_map__fd(programs->skeleton->maps.slabs);
}

int
programs_rules_fd(const Programs *programs)
{
    return bpf_map__fd(programs->skeleton->maps.rules);
}

int
programs_events_fd(const Programs *programs)
{
    return bpf_map__fd(programs->skeleton->maps.events);
}

int
programs_processes_fd(const Programs *programs)
{
    return bpf_map__fd(programs->skeleton->maps.processes);
}

int
programs_states_fd(const Programs *programs)
{
    return bpf_map__fd(programs->skeleton->maps.states);
}

bool
programs_is_loop(const Programs *programs)
{
    return programs->is_loop;
}

MapSource
programs_map_source(const Programs *programs)
{
    return programs->map_source;
}

void
programs_begin_reading(Programs *programs)
{
    __atomic_store_n(&programs->skeleton->bss->is_woken, 0, __ATOMIC_SEQ_CST);
}

uint64_t
programs_counter(const Programs *programs, uint32_t counter)
{
    int cpus = libbpf_num_possible_cpus();
    g_autofree uint64_t *values = g_new0(uint64_t, (gsize)MAX(cpus, 1));
    if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.counters), &counter, values) != 0)
        return 0;
    uint64_t sum = 0;
    for (int i = 0; i < cpus; i++)
        sum += values[i];
    return sum;
}

/* The kernel tells the memory of a map in the fdinfo of its descriptor. */
static uint64_t
memory_of_map(int fd)
{
    char path[48];
    g_autofree char *text = NULL;
    g_snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    const char *line = strstr(text, "\nmemlock:");
    return line != NULL ? g_ascii_strtoull(line + strlen("\nmemlock:"), NULL, 10) : 0;
}

uint64_t
programs_map_bytes(const Programs *programs)
{
    uint64_t sum = 0;
    struct bpf_map *map;
    bpf_object__for_each_map(map, programs->skeleton->obj) sum += memory_of_map(bpf_map__fd(map));
    return sum;
}

void
programs_run_time(const Programs *programs, uint64_t *ret_ns, uint64_t *ret_runs)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof info;
    *ret_ns = *ret_runs = 0;
    /* What tail calls do counts as the program that was entered. */
    if (bpf_obj_get_info_by_fd(bpf_program__fd(sampling_program(programs)), &info, &size) == 0) {
        *ret_ns = info.run_time_ns;
        *ret_runs = info.run_cnt;
    }
}
