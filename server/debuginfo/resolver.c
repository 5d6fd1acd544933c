#include "server/debuginfo/resolver.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/symbol/elf_file.h"
#include "lib/symbolize/child.h"
#include "lib/symbolize/line_cache.h"

#define PAGE_MASK UINT64_C(4095)

enum {
    CACHE_BYTES_DEFAULT = 32 * 1024 * 1024,
    STRIKES_MAX = 2, /* failures after which a file is left alone */
    FILES_MAX = 4096,
};

/* A debug file that has been asked for. Those of debuginfod belong to no tenant: "". */
typedef struct {
    uint64_t id;
    unsigned strikes;
} KnownFile;

struct DebugResolver {
    DebugFiles *files;
    DebugFetcher *fetcher; /* or NULL */
    GMutex lock;           /* of everything below */
    SymbolizeChild child;
    LineCache *cache;
    GHashTable *known; /* owner, inode and time of change -> KnownFile */
    uint64_t next_id;
    uint64_t hits, misses, failures;
};

DebugResolver *
debug_resolver_new(DebugFiles *files, const DebugResolverConfig *config)
{
    DebugResolver *resolver = g_new0(DebugResolver, 1);
    const SymbolizeChildConfig child = {.program = (char *)(uintptr_t)config->program,
                                        .deadline_ms = config->deadline_ms};
    resolver->files = files;
    resolver->fetcher = config->fetcher;
    g_mutex_init(&resolver->lock);
    symbolize_child_init(&resolver->child, &child);
    resolver->cache =
        line_cache_new(config->cache_bytes > 0 ? config->cache_bytes : CACHE_BYTES_DEFAULT);
    resolver->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    resolver->next_id = 1;
    return resolver;
}

void
debug_resolver_free(DebugResolver *resolver)
{
    if (resolver == NULL)
        return;
    symbolize_child_clear(&resolver->child);
    line_cache_free(resolver->cache);
    g_hash_table_unref(resolver->known);
    g_mutex_clear(&resolver->lock);
    g_free(resolver);
}

/* Ids are never used again: a file that is uploaded anew is a new one. */
static KnownFile *
known_file(DebugResolver *resolver, const char *owner, int fd)
{
    struct stat status = {0};
    (void)fstat(fd, &status);
    g_autofree char *key = g_strdup_printf("%s/%" G_GUINT64_FORMAT "/%" G_GINT64_FORMAT ".%09ld",
                                           owner, (guint64)status.st_ino,
                                           (gint64)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
    KnownFile *file = g_hash_table_lookup(resolver->known, key);
    if (file != NULL)
        return file;
    if (g_hash_table_size(resolver->known) >= FILES_MAX)
        g_hash_table_remove_all(resolver->known);
    file = g_new0(KnownFile, 1);
    file->id = resolver->next_id++;
    g_hash_table_insert(resolver->known, g_steal_pointer(&key), file);
    return file;
}

/* The only executable segment of a debug file that has no code, when the mapping is all of it: such
 * files keep where their segments lie in memory, but often not where they were in the file. */
static bool
find_whole_segment(const ElfFile *elf, const DebugMapping *mapping, uint64_t *ret_address)
{
    const ElfSegment *code = NULL;
    uint64_t end;
    for (size_t i = 0; i < elf_file_n_segments(elf); i++) {
        const ElfSegment *segment = elf_file_segment(elf, i);
        if (segment->type != PT_LOAD || (segment->flags & PF_X) == 0)
            continue;
        if (code != NULL)
            return false;
        code = segment;
    }
    if (code == NULL || code->file_size > 0 ||
        __builtin_add_overflow(code->address, code->memory_size + PAGE_MASK, &end))
        return false;
    *ret_address = code->address & ~PAGE_MASK;
    return mapping->limit - mapping->start == (end & ~PAGE_MASK) - *ret_address;
}

/* Where the mapping begins minus the file's virtual address there. False: nowhere. */
static bool
find_bias(int fd, const DebugMapping *mapping, uint64_t *ret_bias)
{
    *ret_bias = 0;
    if (mapping->start == 0)
        return true;
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    uint64_t address;
    if (elf == NULL || (!find_whole_segment(elf, mapping, &address) &&
                        !elf_file_offset_to_address(elf, mapping->offset, PF_X, &address)))
        return false;
    *ret_bias = mapping->start - address;
    return true;
}

static uint32_t
cache_text(DebugResolver *resolver, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return line_cache_string(resolver->cache, valid, strlen(valid));
}

/* Takes a part of a reply into the cache. */
static void
take_reply(DebugResolver *resolver, uint64_t file, const MessageRequest *request,
           const MessageReply *reply)
{
    const MessageLine *line = reply->lines;
    for (uint32_t i = 0; i < reply->n_addresses; i++) {
        CachedLines lines = {line_cache_position(resolver->cache), reply->line_counts[i]};
        for (uint32_t k = 0; k < lines.n; k++, line++) {
            const CachedLine cached = {
                .name = cache_text(resolver, reply->strings + line->name),
                .system_name = cache_text(resolver, reply->strings + line->system_name),
                .file = cache_text(resolver, reply->strings + line->file),
                .line = line->line,
                .start_line = line->start_line,
            };
            line_cache_append(resolver->cache, &cached);
        }
        line_cache_add(resolver->cache, file, request->addresses[i], lines);
    }
}

/* Asks the process for addresses that are not in the cache. */
static void
ask(DebugResolver *resolver, KnownFile *file, const DebugMapping *mapping, int fd,
    const GArray *missing)
{
    const uint64_t *addresses = (const uint64_t *)(const void *)missing->data;
    size_t n = missing->len;
    for (size_t done = 0; done < n && file->strikes < STRIKES_MAX;) {
        MessageReply reply;
        const MessageRequest request = {.kind = MESSAGE_FILE,
                                        .file_id = file->id,
                                        .pid = (uint32_t)getpid(),
                                        .fd = fd,
                                        .path = mapping->filename,
                                        .addresses = addresses + done,
                                        .n_addresses =
                                            (uint32_t)MIN(n - done, (size_t)MESSAGE_ADDRESSES_MAX)};
        if (symbolize_child_call(&resolver->child, &request, &reply, NULL)) {
            take_reply(resolver, file->id, &request, &reply);
            done += request.n_addresses;
        } else {
            resolver->failures++;
            file->strikes++;
        }
    }
}

static char *
cached_text(const DebugResolver *resolver, uint32_t string)
{
    size_t length;
    const char *text = line_cache_text(resolver->cache, string, &length);
    return g_strndup(text, length);
}

/* Copies lines out of the cache. */
static void
copy_lines(const DebugResolver *resolver, CachedLines from, AddressLines *lines, size_t address)
{
    for (uint32_t i = 0; i < from.n; i++) {
        const CachedLine *line = line_cache_lines(resolver->cache) + from.first + i;
        g_autofree char *name = cached_text(resolver, line->name);
        g_autofree char *system_name = cached_text(resolver, line->system_name);
        g_autofree char *filename = cached_text(resolver, line->file);
        const AddressLine copy = {name, system_name, filename, line->line, line->start_line};
        address_lines_append(lines, address, &copy);
    }
}

/* Fills the lines that the cache has, and collects what it does not have. */
static void
look_up(DebugResolver *resolver, uint64_t file, const GArray *addresses, AddressLines *lines,
        GArray *missing)
{
    for (guint i = 0; i < addresses->len; i++) {
        CachedLines cached;
        const AddressLine *known;
        uint64_t address = g_array_index(addresses, uint64_t, i);
        if (address_lines_get(lines, i, &known) > 0)
            continue;
        if (!line_cache_find(resolver->cache, file, address, &cached)) {
            if (missing != NULL)
                g_array_append_val(missing, address);
        } else if (cached.n > 0) {
            copy_lines(resolver, cached, lines, i);
        }
    }
}

/* A debug file that is open. */
typedef struct {
    int fd;
    const char *owner;
} OpenFile;

static void
resolve(DebugResolver *resolver, const DebugMapping *mapping, const OpenFile *open,
        const GArray *addresses, AddressLines *lines)
{
    g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_mutex_lock(&resolver->lock);
    KnownFile *file = known_file(resolver, open->owner, open->fd);
    line_cache_begin(resolver->cache);
    look_up(resolver, file->id, addresses, lines, missing);
    resolver->hits += addresses->len - missing->len;
    resolver->misses += missing->len;
    if (missing->len > 0) {
        ask(resolver, file, mapping, open->fd, missing);
        look_up(resolver, file->id, addresses, lines, NULL);
    }
    g_mutex_unlock(&resolver->lock);
}

AddressLines *
debug_resolver_lines(DebugResolver *resolver, const DebugMapping *mapping,
                     const uint64_t *addresses, size_t n)
{
    uint64_t bias;
    OpenFile open = {debug_files_open(resolver->files, mapping->tenant, mapping->build_id),
                     mapping->tenant};
    if (open.fd < 0 && resolver->fetcher != NULL)
        open = (OpenFile){debug_fetcher_open(resolver->fetcher, mapping->build_id), ""};
    if (open.fd < 0)
        return NULL;
    AddressLines *lines = address_lines_new(n);
    if (find_bias(open.fd, mapping, &bias)) {
        g_autoptr(GArray) of_file = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), (guint)n);
        for (size_t i = 0; i < n; i++) {
            uint64_t address = addresses[i] - bias;
            g_array_append_val(of_file, address);
        }
        resolve(resolver, mapping, &open, of_file, lines);
    }
    close(open.fd);
    return lines;
}

bool
debug_resolver_wait(DebugResolver *resolver, const char *const *build_ids)
{
    return resolver->fetcher != NULL && debug_fetcher_wait(resolver->fetcher, build_ids);
}

void
debug_resolver_write_metrics(DebugResolver *resolver, GString *out)
{
    g_mutex_lock(&resolver->lock);
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } rows[] = {
        {"cache_hits_total", "counter", "Addresses found in the cache.", resolver->hits},
        {"cache_misses_total", "counter", "Addresses asked of the symbolizer process.",
         resolver->misses},
        {"failures_total", "counter", "Requests that the symbolizer process did not answer.",
         resolver->failures},
        {"cache_bytes", "gauge", "Memory of the cache.", line_cache_bytes(resolver->cache)},
    };
    g_mutex_unlock(&resolver->lock);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(out,
                               "# HELP cresset_server_symbolizer_%s %s\n"
                               "# TYPE cresset_server_symbolizer_%s %s\n"
                               "cresset_server_symbolizer_%s %" G_GUINT64_FORMAT "\n",
                               rows[i].name, rows[i].help, rows[i].name, rows[i].kind, rows[i].name,
                               rows[i].value);
}
