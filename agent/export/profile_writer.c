#include "agent/export/profile_writer.h"

#include <stdio.h>
#include <string.h>

#include "cresset/event.h"
#include "lib/pprof/encode.h"
#include "lib/symbol/symbol_line.h"

enum {
    STACK_MAX = SAMPLE_KERNEL_FRAMES_MAX + SAMPLE_USER_FRAMES_MAX + 2,
    REASONS_MAX = UNWIND_STOP_COUNT,
    SIZE_CHECK_EVERY = 64, /* samples between two looks at the encoded size */
};

/* What is said of one file in one profile. */
typedef struct {
    uint64_t limit; /* behind the last address seen */
    bool has_lines, has_inlined;
    uint32_t mapping; /* id in the current part, 0 when not written yet */
} FileInfo;

struct ProfileWriter {
    Symbolizer *symbolizer;
    int64_t period_ns;
    PprofBuilder *builder;
    const WindowProcess *process;
    GArray *queries;   /* SymbolQuery, as WindowProcess.frames */
    GArray *locations; /* uint32_t id of every frame in the current part, 0 when not written yet */
    GHashTable *files; /* Executable → FileInfo */
    uint32_t kernel_mapping;
    uint32_t cut_locations[REASONS_MAX];
};

ProfileWriter *
profile_writer_new(Symbolizer *symbolizer, int64_t period_ns)
{
    ProfileWriter *writer = g_new0(ProfileWriter, 1);
    writer->symbolizer = symbolizer;
    writer->period_ns = period_ns;
    writer->builder = pprof_builder_new();
    writer->queries = g_array_new(FALSE, TRUE, sizeof(SymbolQuery));
    writer->locations = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    writer->files = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return writer;
}

void
profile_writer_free(ProfileWriter *writer)
{
    if (writer == NULL)
        return;
    pprof_builder_free(writer->builder);
    g_array_unref(writer->queries);
    g_array_unref(writer->locations);
    g_hash_table_unref(writer->files);
    g_free(writer);
}

static void
add_query(ProfileWriter *writer, const WindowProcess *process, const WindowFrame *frame)
{
    SymbolQuery query = {.kind = frame->kind,
                         .pid = process->pid,
                         .namespace_pid = process->namespace_pid,
                         .executable = frame->executable,
                         .address = frame->address};
    g_array_append_val(writer->queries, query);
}

static void
resolve_queries(ProfileWriter *writer)
{
    symbolizer_resolve(writer->symbolizer, (SymbolQuery *)(void *)writer->queries->data,
                       writer->queries->len);
}

void
profile_writer_begin(ProfileWriter *writer, const Window *window)
{
    symbolizer_begin(writer->symbolizer);
    g_array_set_size(writer->queries, 0);
    for (guint i = 0; i < window->processes->len; i++) {
        const WindowProcess *process = window->processes->pdata[i];
        for (guint k = 0; k < process->frames->len; k++) {
            const WindowFrame *frame = &g_array_index(process->frames, WindowFrame, k);
            if (frame->kind != FRAME_ANON)
                add_query(writer, process, frame);
        }
    }
    resolve_queries(writer);
}

/* Finds all but JIT code in the cache, where profile_writer_begin has put it. */
static void
resolve(ProfileWriter *writer)
{
    g_array_set_size(writer->queries, 0);
    for (guint i = 0; i < writer->process->frames->len; i++)
        add_query(writer, writer->process, &g_array_index(writer->process->frames, WindowFrame, i));
    resolve_queries(writer);
}

/* Gathers what the mappings say, before the first of them is written. */
static void
survey_files(ProfileWriter *writer)
{
    g_hash_table_remove_all(writer->files);
    for (guint i = 0; i < writer->queries->len; i++) {
        const SymbolQuery *query = &g_array_index(writer->queries, SymbolQuery, i);
        if (query->executable == NULL)
            continue;
        FileInfo *info = g_hash_table_lookup(writer->files, query->executable);
        if (info == NULL) {
            info = g_new0(FileInfo, 1);
            g_hash_table_insert(writer->files, query->executable, info);
        }
        info->limit = MAX(info->limit, (query->address | 4095) + 1);
        info->has_inlined |= query->lines.n > 1;
        for (uint32_t k = 0; k < query->lines.n && !info->has_lines; k++)
            info->has_lines = symbolizer_line(writer->symbolizer, query->lines, k)->line > 0;
    }
}

static uint32_t
kernel_mapping(ProfileWriter *writer)
{
    if (writer->kernel_mapping == 0) {
        PprofMapping mapping = {.filename = pprof_builder_text(writer->builder, "[kernel]"),
                                .has_functions = true};
        writer->kernel_mapping = pprof_builder_mapping(writer->builder, &mapping);
    }
    return writer->kernel_mapping;
}

static uint32_t
file_mapping(ProfileWriter *writer, const Executable *executable)
{
    FileInfo *info = g_hash_table_lookup(writer->files, executable);
    if (info->mapping != 0)
        return info->mapping;
    char id[2 * sizeof(executable->build_id) + 1] = "";
    for (size_t i = 0; i < MIN(executable->build_id_size, sizeof(executable->build_id)); i++)
        snprintf(id + 2 * i, 3, "%02x", executable->build_id[i]);
    g_autofree char *path = g_utf8_make_valid(executable->path, -1);
    PprofMapping mapping = {.limit = info->limit,
                            .filename = pprof_builder_text(writer->builder, path),
                            .build_id = pprof_builder_text(writer->builder, id),
                            .has_functions = true,
                            .has_filenames = info->has_lines,
                            .has_line_numbers = info->has_lines,
                            .has_inline_frames = info->has_inlined};
    info->mapping = pprof_builder_mapping(writer->builder, &mapping);
    return info->mapping;
}

static uint32_t
copy_string(ProfileWriter *writer, uint32_t string)
{
    size_t length;
    const char *text = symbolizer_text(writer->symbolizer, string, &length);
    return pprof_builder_string(writer->builder, text, length);
}

static uint32_t
add_named(ProfileWriter *writer, uint32_t mapping, uint64_t address, const char *name)
{
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    uint32_t text = pprof_builder_text(writer->builder, valid);
    PprofFunction function = {.name = text, .system_name = text};
    PprofLine line = {.function = pprof_builder_function(writer->builder, &function)};
    PprofLocation location = {.mapping = mapping, .address = address, .lines = &line, .n_lines = 1};
    return pprof_builder_location(writer->builder, &location);
}

static uint32_t
add_nameless(ProfileWriter *writer, const SymbolQuery *query, uint32_t mapping)
{
    if (query->kind == FRAME_KERNEL)
        return add_named(writer, mapping, query->address, "[kernel]");
    if (query->executable == NULL)
        return add_named(writer, 0, query->address, "[jit]");
    g_autofree char *base = g_path_get_basename(query->executable->path);
    g_autofree char *name = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", base, query->address);
    return add_named(writer, mapping, query->address, name);
}

static uint32_t
frame_location(ProfileWriter *writer, uint32_t frame)
{
    uint32_t *known = &g_array_index(writer->locations, uint32_t, frame);
    if (*known != 0)
        return *known;
    const SymbolQuery *query = &g_array_index(writer->queries, SymbolQuery, frame);
    uint32_t mapping = 0;
    if (query->kind == FRAME_KERNEL)
        mapping = kernel_mapping(writer);
    else if (query->executable != NULL)
        mapping = file_mapping(writer, query->executable);
    if (query->lines.n == 0) {
        *known = add_nameless(writer, query, mapping);
        return *known;
    }
    PprofLine lines[SYMBOL_LINES_MAX];
    uint32_t n = MIN(query->lines.n, SYMBOL_LINES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const CachedLine *line = symbolizer_line(writer->symbolizer, query->lines, i);
        PprofFunction function = {.name = copy_string(writer, line->name),
                                  .system_name = copy_string(writer, line->system_name),
                                  .filename = copy_string(writer, line->file),
                                  .start_line = line->start_line};
        lines[i] = (PprofLine){pprof_builder_function(writer->builder, &function), line->line};
    }
    PprofLocation location = {
        .mapping = mapping, .address = query->address, .lines = lines, .n_lines = n};
    *known = pprof_builder_location(writer->builder, &location);
    return *known;
}

static uint32_t
cut_location(ProfileWriter *writer, uint8_t reason)
{
    uint32_t *known = &writer->cut_locations[MIN(reason, REASONS_MAX - 1)];
    if (*known == 0) {
        g_autofree char *name = g_strdup_printf("[truncated: %s]", window_cut_reason(reason));
        *known = add_named(writer, 0, 0, name);
    }
    return *known;
}

static void
add_stack(ProfileWriter *writer, const WindowStack *stack)
{
    uint32_t locations[STACK_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < stack->n; i++) {
        uint32_t frame = g_array_index(writer->process->stack_frames, uint32_t, stack->first + i);
        locations[n++] = frame_location(writer, frame);
    }
    if (stack->cut_reason != 0)
        locations[n++] = cut_location(writer, stack->cut_reason);
    if (n == 0)
        locations[n++] = add_named(writer, 0, 0, "[unknown]");
    PprofSample sample = {.locations = locations, .n_locations = n, .values = &stack->value_ns};
    pprof_builder_sample(writer->builder, &sample);
}

/* Nothing of the former part counts in the next one: ids begin anew. */
static void
begin_part(ProfileWriter *writer, const Window *window)
{
    g_array_set_size(writer->locations, 0);
    g_array_set_size(writer->locations, writer->process->frames->len);
    writer->kernel_mapping = 0;
    memset(writer->cut_locations, 0, sizeof(writer->cut_locations));
    GHashTableIter each;
    gpointer info;
    g_hash_table_iter_init(&each, writer->files);
    while (g_hash_table_iter_next(&each, NULL, &info))
        ((FileInfo *)info)->mapping = 0;
    pprof_builder_sample_type(writer->builder, "cpu", "nanoseconds");
    pprof_builder_period(writer->builder, "cpu", "nanoseconds", writer->period_ns);
    pprof_builder_time(writer->builder, window->start_ns, window->end_ns - window->start_ns);
}

static void
finish_part(ProfileWriter *writer, ProfilePartFunc func, void *data)
{
    g_autoptr(GByteArray) pprof = pprof_builder_finish(writer->builder);
    func(pprof->data, pprof->len, data);
}

void
profile_writer_write(ProfileWriter *writer, const Window *window, const WindowProcess *process,
                     ProfilePartFunc func, void *data)
{
    writer->process = process;
    resolve(writer);
    survey_files(writer);
    begin_part(writer, window);
    for (guint i = 0; i < process->stacks->len; i++) {
        size_t n = pprof_builder_n_samples(writer->builder);
        bool is_full = n >= PROFILE_WRITER_SAMPLES_MAX ||
                       (n % SIZE_CHECK_EVERY == SIZE_CHECK_EVERY - 1 &&
                        pprof_builder_size(writer->builder) >= PROFILE_WRITER_BYTES_MAX);
        if (is_full) {
            finish_part(writer, func, data);
            begin_part(writer, window);
        }
        add_stack(writer, &g_array_index(process->stacks, WindowStack, i));
    }
    if (pprof_builder_n_samples(writer->builder) > 0)
        finish_part(writer, func, data);
}
