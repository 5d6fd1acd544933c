#include "agent/symbolize/symbolizer.h"

#include <stdatomic.h>
#include <string.h>

#include "lib/symbolize/child.h"

enum {
    CACHE_BYTES_DEFAULT = 6 * 1024 * 1024,
    STRIKES_MAX = 2, /* failures after which a file is left alone */
};

/* Cache keys of what is no file; executables count from 1. */
#define KERNEL_ID UINT64_MAX

struct Symbolizer {
    SymbolizeChild child;
    LineCache *cache;
    GHashTable *strikes;           /* file id (uint64_t) → count */
    GPtrArray *missing, *repeated; /* SymbolQuery, borrowed during one call */
    GArray *addresses;             /* uint64_t of one request */
    atomic_ullong hits, misses, starts, failures, bad_files, cache_bytes;
    atomic_uint child_pid;
};

Symbolizer *
symbolizer_new(const SymbolizerConfig *config)
{
    Symbolizer *symbolizer = g_new0(Symbolizer, 1);
    SymbolizeChildConfig child = {.program = (char *)(uintptr_t)config->program,
                                  .deadline_ms = config->deadline_ms};
    symbolize_child_init(&symbolizer->child, &child);
    symbolizer->cache =
        line_cache_new(config->cache_bytes > 0 ? config->cache_bytes : CACHE_BYTES_DEFAULT);
    symbolizer->strikes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    symbolizer->missing = g_ptr_array_new();
    symbolizer->repeated = g_ptr_array_new();
    symbolizer->addresses = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    return symbolizer;
}

void
symbolizer_free(Symbolizer *symbolizer)
{
    if (symbolizer == NULL)
        return;
    symbolize_child_clear(&symbolizer->child);
    line_cache_free(symbolizer->cache);
    g_hash_table_unref(symbolizer->strikes);
    g_ptr_array_unref(symbolizer->missing);
    g_ptr_array_unref(symbolizer->repeated);
    g_array_unref(symbolizer->addresses);
    g_free(symbolizer);
}

/* What the address is looked up in. JIT code: one id per process, above all ids of files. */
static uint64_t
query_file(const SymbolQuery *query)
{
    if (query->kind == FRAME_KERNEL)
        return KERNEL_ID;
    return query->kind == FRAME_FILE ? query->executable->id : 1ull << 63 | query->pid;
}

static int
compare_queries(const void *left, const void *right)
{
    const SymbolQuery *a = *(SymbolQuery *const *)left, *b = *(SymbolQuery *const *)right;
    uint64_t file_a = query_file(a), file_b = query_file(b);
    if (file_a != file_b)
        return file_a < file_b ? -1 : 1;
    return a->address < b->address ? -1 : a->address > b->address;
}

static uint32_t
strikes_of(const Symbolizer *symbolizer, uint64_t file)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(symbolizer->strikes, &file));
}

static void
add_strike(Symbolizer *symbolizer, uint64_t file)
{
    uint32_t strikes = strikes_of(symbolizer, file) + 1;
    symbolizer->bad_files += strikes == STRIKES_MAX;
    g_hash_table_replace(symbolizer->strikes, g_memdup2(&file, sizeof(file)),
                         GUINT_TO_POINTER(strikes));
}

static uint32_t
take_string(Symbolizer *symbolizer, const MessageReply *reply, uint32_t offset)
{
    /* The symbolizer sends valid UTF-8; one that was taken over may not. */
    const char *text = reply->strings + offset;
    size_t length = strlen(text);
    if (G_LIKELY(g_utf8_validate(text, (gssize)length, NULL)))
        return line_cache_string(symbolizer->cache, text, length);
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);
    return line_cache_string(symbolizer->cache, valid, strlen(valid));
}

static void
take_reply(Symbolizer *symbolizer, const MessageReply *reply, SymbolQuery **queries)
{
    const MessageLine *lines = reply->lines;
    for (uint32_t i = 0; i < reply->n_addresses; i++) {
        SymbolQuery *query = queries[i];
        query->lines = (CachedLines){line_cache_position(symbolizer->cache), reply->line_counts[i]};
        for (uint32_t k = 0; k < reply->line_counts[i]; k++, lines++) {
            CachedLine line = {take_string(symbolizer, reply, lines->name),
                               take_string(symbolizer, reply, lines->system_name),
                               take_string(symbolizer, reply, lines->file), lines->line,
                               lines->start_line};
            line_cache_append(symbolizer->cache, &line);
        }
        /* JIT code moves: the map is read again each time. */
        if (query->kind != FRAME_ANON)
            line_cache_add(symbolizer->cache, query_file(query), query->address, query->lines);
    }
}

static MessageKind
message_kind(const SymbolQuery *query)
{
    if (query->kind == FRAME_KERNEL)
        return MESSAGE_KERNEL;
    if (query->kind == FRAME_ANON)
        return MESSAGE_PERF_MAP;
    return query->executable->fd >= 0 ? MESSAGE_FILE : MESSAGE_VDSO;
}

/* Asks for `n` addresses of one file; after a failure once more. */
static void
ask(Symbolizer *symbolizer, MessageRequest *request, SymbolQuery **queries)
{
    while (strikes_of(symbolizer, request->file_id) < STRIKES_MAX) {
        g_autoptr(GError) error = NULL;
        MessageReply reply;
        bool is_answered = symbolize_child_call(&symbolizer->child, request, &reply, &error);
        symbolizer->starts = symbolizer->child.n_starts;
        symbolizer->child_pid = (unsigned)MAX(symbolizer->child.pid, 0);
        if (is_answered) {
            take_reply(symbolizer, &reply, queries);
            return;
        }
        symbolizer->failures++;
        g_debug("%s (%s)", error->message, request->path != NULL ? request->path : "kernel");
        if (symbolizer->child.n_starts == 0)
            return; /* the process cannot be started: no fault of the file */
        add_strike(symbolizer, request->file_id);
    }
}

/* Asks for addresses of one file, all different. */
static void
ask_in_portions(Symbolizer *symbolizer, SymbolQuery **queries, guint n)
{
    const SymbolQuery *first = queries[0];
    bool is_file = first->kind == FRAME_FILE;
    for (guint done = 0; done < n;) {
        guint portion = MIN(n - done, MESSAGE_ADDRESSES_MAX);
        g_array_set_size(symbolizer->addresses, 0);
        for (guint i = 0; i < portion; i++)
            g_array_append_val(symbolizer->addresses, queries[done + i]->address);
        MessageRequest request = {.kind = message_kind(first),
                                  .file_id = query_file(first),
                                  .pid = first->pid,
                                  .namespace_pid = first->namespace_pid,
                                  .fd = is_file ? first->executable->fd : -1,
                                  .path = is_file ? first->executable->path : NULL,
                                  .addresses =
                                      (const uint64_t *)(const void *)symbolizer->addresses->data,
                                  .n_addresses = portion};
        ask(symbolizer, &request, queries + done);
        done += portion;
    }
}

/* Takes the queries that repeat an address out of a sorted group and returns how many different
 * ones remain. */
static guint
part_repeated(Symbolizer *symbolizer, SymbolQuery **group, guint n)
{
    guint n_different = 1;
    g_ptr_array_set_size(symbolizer->repeated, 0);
    for (guint i = 1; i < n; i++) {
        if (group[i]->address == group[n_different - 1]->address)
            g_ptr_array_add(symbolizer->repeated, group[i]);
        else
            group[n_different++] = group[i];
    }
    return n_different;
}

static void
resolve_group(Symbolizer *symbolizer, SymbolQuery **group, guint n)
{
    guint n_different = part_repeated(symbolizer, group, n);
    symbolizer->misses += n_different;
    ask_in_portions(symbolizer, group, n_different);
    for (guint i = 0; i < symbolizer->repeated->len; i++) {
        SymbolQuery *query = symbolizer->repeated->pdata[i];
        (void)line_cache_find(symbolizer->cache, query_file(query), query->address, &query->lines);
    }
}

void
symbolizer_begin(Symbolizer *symbolizer)
{
    line_cache_begin(symbolizer->cache);
}

void
symbolizer_resolve(Symbolizer *symbolizer, SymbolQuery *queries, size_t n)
{
    GPtrArray *missing = symbolizer->missing;
    g_ptr_array_set_size(missing, 0);
    for (size_t i = 0; i < n; i++) {
        SymbolQuery *query = &queries[i];
        query->lines = (CachedLines){0, 0};
        if (query->kind == FRAME_FILE && query->executable == NULL)
            continue;
        if (query->kind == FRAME_ANON ||
            !line_cache_find(symbolizer->cache, query_file(query), query->address, &query->lines))
            g_ptr_array_add(missing, query);
    }
    symbolizer->hits += n - missing->len;
    g_ptr_array_sort(missing, compare_queries);
    for (guint first = 0, end; first < missing->len; first = end) {
        SymbolQuery **group = (SymbolQuery **)missing->pdata + first;
        for (end = first + 1; end < missing->len; end++)
            if (query_file(missing->pdata[end]) != query_file(group[0]))
                break;
        resolve_group(symbolizer, group, end - first);
    }
    symbolizer->cache_bytes = line_cache_bytes(symbolizer->cache);
}

const CachedLine *
symbolizer_line(const Symbolizer *symbolizer, CachedLines lines, uint32_t i)
{
    return line_cache_lines(symbolizer->cache) + lines.first + i;
}

const char *
symbolizer_text(const Symbolizer *symbolizer, uint32_t string, size_t *ret_length)
{
    return line_cache_text(symbolizer->cache, string, ret_length);
}

void
symbolizer_get_counts(Symbolizer *symbolizer, SymbolizerCounts *ret_counts)
{
    *ret_counts = (SymbolizerCounts){.hits = symbolizer->hits,
                                     .misses = symbolizer->misses,
                                     .starts = symbolizer->starts,
                                     .failures = symbolizer->failures,
                                     .bad_files = symbolizer->bad_files,
                                     .cache_bytes = symbolizer->cache_bytes};
}

uint32_t
symbolizer_child_pid(Symbolizer *symbolizer)
{
    return symbolizer->child_pid;
}
