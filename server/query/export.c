#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "server/query/location_lines.h"
#include "server/query/query.h"
#include "server/query/retry.h"
#include "server/query/select.h"
#include "server/query/stack_filter.h"

#define NS_PER_MS INT64_C(1000000)

typedef struct {
    const Query *query;
    PprofBuilder *builder;
    int64_t period; /* of all rows, 0 before the first, -1 when they differ */
} Export;

/* From the ids of one dataset to those of the builder, each translated once. */
typedef struct {
    const SymbolView *symbols;
    const LocationLines *resolved; /* or NULL */
    PprofBuilder *builder;
    uint32_t *strings, *functions, *mappings, *locations; /* id + 1, 0 is not yet */
    uint32_t *leaves;      /* the same for locations without the line of the innermost function */
    GArray *lines, *stack; /* PprofLine, uint32_t: of the one in work */
} Translation;

static uint32_t
translate_string(Translation *translation, uint32_t string)
{
    uint32_t *cached = &translation->strings[string], length;
    if (*cached == 0) {
        const char *text = symbol_string(translation->symbols, string, &length);
        *cached = pprof_builder_string(translation->builder, text, length) + 1;
    }
    return *cached - 1;
}

static uint32_t
translate_function(Translation *translation, uint32_t id)
{
    uint32_t *cached = &translation->functions[id];
    if (*cached == 0) {
        const SymbolFunction *from = &translation->symbols->functions[id];
        PprofFunction function = {
            .name = translate_string(translation, from->name),
            .system_name = translate_string(translation, from->system_name),
            .filename = translate_string(translation, from->filename),
            .start_line = from->start_line,
        };
        *cached = pprof_builder_function(translation->builder, &function);
    }
    return *cached;
}

static uint32_t
translate_mapping(Translation *translation, uint32_t id)
{
    uint32_t *cached = &translation->mappings[id];
    if (*cached == 0) {
        const SymbolMapping *from = &translation->symbols->mappings[id];
        uint32_t flags = from->flags | location_lines_flags(translation->resolved, id);
        PprofMapping mapping = {
            .start = from->start,
            .limit = from->limit,
            .offset = from->offset,
            .filename = translate_string(translation, from->filename),
            .build_id = translate_string(translation, from->build_id),
            .has_functions = (flags & SYMBOL_HAS_FUNCTIONS) != 0,
            .has_filenames = (flags & SYMBOL_HAS_FILENAMES) != 0,
            .has_line_numbers = (flags & SYMBOL_HAS_LINE_NUMBERS) != 0,
            .has_inline_frames = (flags & SYMBOL_HAS_INLINE_FRAMES) != 0,
        };
        *cached = pprof_builder_mapping(translation->builder, &mapping);
    }
    return *cached;
}

/* Readers look up the mapping of each location: those that came without one share this, as with
 * Pyroscope. It says that functions are known, so that nobody looks for its file. */
static uint32_t
stub_mapping(const Translation *translation)
{
    const PprofMapping stub = {.has_functions = true};
    return pprof_builder_mapping(translation->builder, &stub);
}

static void
add_stored_lines(Translation *translation, const SymbolLocation *from)
{
    for (uint32_t i = 0; i < from->n_lines; i++) {
        const SymbolLine *line = &translation->symbols->lines[from->first_line + i];
        PprofLine translated = {translate_function(translation, line->function), line->line};
        g_array_append_val(translation->lines, translated);
    }
}

static void
add_resolved_lines(Translation *translation, const AddressLine *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const PprofFunction function = {
            .name = pprof_builder_text(translation->builder, lines[i].name),
            .system_name = pprof_builder_text(translation->builder, lines[i].system_name),
            .filename = pprof_builder_text(translation->builder, lines[i].filename),
            .start_line = lines[i].start_line,
        };
        PprofLine line = {pprof_builder_function(translation->builder, &function), lines[i].line};
        g_array_append_val(translation->lines, line);
    }
}

/* Without the line, the locations of one function are one, so those that were resolved lose their
 * address too. */
static uint32_t
translate_location(Translation *translation, uint32_t id, bool without_line)
{
    uint32_t *cached = without_line ? &translation->leaves[id] : &translation->locations[id];
    if (*cached != 0)
        return *cached;
    const SymbolLocation *from = &translation->symbols->locations[id];
    const AddressLine *resolved;
    size_t n_resolved = location_lines_get(translation->resolved, id, &resolved);
    g_array_set_size(translation->lines, 0);
    if (n_resolved > 0)
        add_resolved_lines(translation, resolved, n_resolved);
    else
        add_stored_lines(translation, from);
    if (without_line && translation->lines->len > 0)
        g_array_index(translation->lines, PprofLine, 0).line = 0;
    PprofLocation location = {
        .mapping = from->mapping != 0 ? translate_mapping(translation, from->mapping - 1)
                                      : stub_mapping(translation),
        .address = without_line && n_resolved > 0 ? 0 : from->address,
        .lines = (const PprofLine *)translation->lines->data,
        .n_lines = translation->lines->len,
        .is_folded = from->is_folded != 0,
    };
    return *cached = pprof_builder_location(translation->builder, &location);
}

static void
add_stack(const Query *query, Translation *translation, uint32_t node, int64_t value)
{
    GArray *stack = translation->stack;
    g_array_set_size(stack, 0);
    for (; node != 0; node = translation->symbols->node_parent[node]) {
        if (query->keep_locations > 0 && stack->len == query->keep_locations)
            break;
        bool without_line = query->aggregate_callees && stack->len == 0;
        uint32_t location = translate_location(
            translation, translation->symbols->node_location[node], without_line);
        g_array_append_val(stack, location);
    }
    PprofSample sample = {
        .locations = (const uint32_t *)stack->data, .n_locations = stack->len, .values = &value};
    pprof_builder_sample(translation->builder, &sample);
}

static bool
add_stacks(const Export *export, const StoreDataset *dataset, const int64_t *totals, GError **error)
{
    const SymbolView *symbols = dataset->symbols;
    g_autoptr(LocationLines) resolved = location_lines_new(export->query, dataset, totals);
    g_autofree uint8_t *marks = NULL;
    if (!stack_filter_mark(export->query, symbols, resolved, &marks, error))
        return false;
    size_t n_ids = (size_t)symbols->n_strings + symbols->n_functions + symbols->n_mappings +
                   2 * (size_t)symbols->n_locations;
    g_autofree uint32_t *ids = g_new0(uint32_t, n_ids + 1);
    g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(PprofLine));
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Translation translation = {.symbols = symbols,
                               .resolved = resolved,
                               .builder = export->builder,
                               .strings = ids,
                               .lines = lines,
                               .stack = stack};
    translation.functions = translation.strings + symbols->n_strings;
    translation.mappings = translation.functions + symbols->n_functions;
    translation.locations = translation.mappings + symbols->n_mappings;
    translation.leaves = translation.locations + symbols->n_locations;
    for (uint32_t i = 0; i < symbols->n_nodes; i++) {
        if (totals[i] != 0 && (marks == NULL || marks[i]))
            add_stack(export->query, &translation, i, totals[i]);
        if (pprof_builder_size(export->builder) > QUERY_PPROF_BYTES_MAX)
            return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                             "the merged profile is larger than %d bytes: select a shorter range "
                             "or fewer series",
                             QUERY_PPROF_BYTES_MAX);
    }
    return true;
}

static bool
export_dataset(const Selection *selection, void *data, GError **error)
{
    Export *export = data;
    const StoreDataset *dataset = selection->dataset;
    g_autofree int64_t *totals = g_new0(int64_t, (size_t)dataset->symbols->n_nodes + 1);
    if (!select_accumulate(export->query, dataset, selection->rows, selection->n_rows, totals,
                           error))
        return false;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        int64_t period = dataset->rows[selection->rows[i]].period;
        if (export->period == 0)
            export->period = period > 0 ? period : -1;
        else if (period != export->period)
            export->period = -1;
    }
    return add_stacks(export, dataset, totals, error);
}

/* The period that the profiles say when they agree; else what Pyroscope says for the type. */
static int64_t
choose_period(const Export *export, const char *name)
{
    if (export->period > 0)
        return export->period;
    if (strcmp(name, "process_cpu") == 0)
        return 1000000000;
    return strcmp(name, "memory") == 0 ? 524288 : 1;
}

static void *
attempt(const Query *query, const void *data, GError **error)
{
    (void)data;
    g_auto(ProfileType) type = {0};
    if (query->profile_type == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a profile type is needed");
        return NULL;
    }
    if (!profile_type_parse(query->profile_type, &type, error))
        return NULL;
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, type.parts[1], type.parts[2]);
    Export export = {.query = query, .builder = builder};
    if (!select_visit(query, query->start_ns, query->end_ns, select_detail(query), export_dataset,
                      &export, error))
        return NULL;
    pprof_builder_period(builder, type.parts[3], type.parts[4],
                         choose_period(&export, type.parts[0]));
    pprof_builder_default_sample_type(builder, type.parts[1]);
    pprof_builder_time(builder, query->end_ns - query->end_ns % NS_PER_MS, 0);
    return g_byte_array_free_to_bytes(pprof_builder_finish(builder));
}

static void
free_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

GBytes *
query_pprof(const Query *query, GError **error)
{
    return query_retry(query, attempt, NULL, free_bytes, error);
}
