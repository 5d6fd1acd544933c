#include "lib/symbol/kernel_symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "lib/base/error.h"

enum {
    BLOCK_SYMBOLS = 256,    /* names per compressed block, about 8 KB */
    READ_SIZE = 256 * 1024, /* per read: the kernel fills at most a few pages each time */
    TEXT_MAX = 64 * 1024 * 1024,
    NAME_MAX_BYTES = 512,       /* KSYM_NAME_LEN of Linux 6.1 and later */
    LAST_SYMBOL_SIZE = 1 << 20, /* what lies further behind the last symbol is not it */
};

/* While reading: an address and where its "name\0module\0" stands in the text pool. */
typedef struct {
    uint64_t address;
    uint32_t text;
    uint8_t rank;
} Entry;

typedef struct {
    GArray *entries; /* Entry */
    GByteArray *pool;
} Reader;

struct KernelSymbols {
    uint64_t base;
    GArray *offsets; /* uint32_t from base, ascending */
    GArray *blocks;  /* uint32_t offset in packed of every block, and of the end */
    GByteArray *packed;
    GByteArray *open_block; /* unpacked text of block open_index */
    guint open_index;
    uint64_t modules_hash;
};

static uint64_t
hash_modules(void)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    if (!g_file_get_contents("/proc/modules", &text, &size, NULL))
        return 0;
    /* Use counts change all the time; names and addresses (first and last field) do not. */
    uint64_t hash = 1;
    for (char *line = text, *end; line != NULL && *line != '\0'; line = end) {
        end = strchr(line, '\n');
        size_t length = end != NULL ? (size_t)(end++ - line) : strlen(line);
        hash = XXH3_64bits_withSeed(line, strcspn(line, " "), hash);
        const char *last = g_strrstr_len(line, (gssize)length, " 0x");
        if (last != NULL)
            hash = XXH3_64bits_withSeed(last, length - (size_t)(last - line), hash);
    }
    return hash;
}

/* Among symbols at one address: global, then weak, then local; then the one with fewer underscores
 * in front. 0: not code. */
static uint8_t
symbol_rank(char type, const char *name)
{
    uint8_t rank;
    if (type == 'T')
        rank = 200;
    else if (type == 'W' || type == 'w')
        rank = 150;
    else if (type == 't')
        rank = 100;
    else
        return 0;
    return rank - (uint8_t)MIN(strspn(name, "_"), (size_t)20);
}

static void
take_line(Reader *reader, char *line)
{
    char *rest;
    uint64_t address = g_ascii_strtoull(line, &rest, 16);
    if (address == 0 || rest == line || rest[0] != ' ' || rest[1] == '\0' || rest[2] != ' ')
        return;
    char *name = rest + 3, *module = strchr(name, '\t');
    if (module != NULL) {
        *module++ = '\0';
        module[strcspn(module, "]")] = '\0';
        module += module[0] == '[' ? 1 : 0;
    }
    uint8_t rank = symbol_rank(rest[1], name);
    /* __pfx_ names the padding in front of a function, $x marks instruction sets. */
    if (rank == 0 || name[0] == '$' || name[0] == '\0' || g_str_has_prefix(name, "__pfx_") ||
        strlen(name) > NAME_MAX_BYTES || (module != NULL && strlen(module) > NAME_MAX_BYTES))
        return;
    Entry entry = {address, reader->pool->len, rank};
    g_array_append_val(reader->entries, entry);
    g_byte_array_append(reader->pool, (const guint8 *)name, (guint)strlen(name) + 1);
    const char *kept = module != NULL ? module : "";
    g_byte_array_append(reader->pool, (const guint8 *)kept, (guint)strlen(kept) + 1);
}

/* Takes whole lines of `text`, which is changed, and returns how many bytes that were. */
static size_t
take_lines(Reader *reader, char *text, size_t size)
{
    size_t taken = 0;
    for (char *newline; (newline = memchr(text + taken, '\n', size - taken)) != NULL;) {
        *newline = '\0';
        take_line(reader, text + taken);
        taken = (size_t)(newline - text) + 1;
    }
    return taken;
}

static int
compare_entries(const void *left, const void *right)
{
    const Entry *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    return a->text < b->text ? -1 : a->text > b->text;
}

/* Sorts, and keeps the best entry of every address that a 32-bit offset reaches. */
static void
sort_entries(GArray *entries)
{
    g_array_sort(entries, compare_entries);
    guint n = 0;
    for (guint i = 0; i < entries->len; i++) {
        Entry *entry = &g_array_index(entries, Entry, i);
        Entry *kept = &g_array_index(entries, Entry, n > 0 ? n - 1 : 0);
        if (n > 0 && (kept->address == entry->address ||
                      entry->address - g_array_index(entries, Entry, 0).address > UINT32_MAX))
            continue;
        g_array_index(entries, Entry, n++) = *entry;
    }
    g_array_set_size(entries, n);
}

static void
pack_block(KernelSymbols *symbols, ZSTD_CCtx *context, const GByteArray *plain)
{
    guint before = symbols->packed->len;
    size_t bound = ZSTD_compressBound(plain->len);
    g_byte_array_set_size(symbols->packed, before + (guint)bound);
    size_t size = ZSTD_compressCCtx(context, symbols->packed->data + before, bound, plain->data,
                                    plain->len, 5);
    g_byte_array_set_size(symbols->packed, before + (guint)(ZSTD_isError(size) ? 0 : size));
    g_array_append_val(symbols->blocks, symbols->packed->len);
}

static void
pack(KernelSymbols *symbols, const Reader *reader)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    g_autoptr(GByteArray) plain = g_byte_array_new();
    guint n = reader->entries->len;
    g_array_append_val(symbols->blocks, symbols->packed->len);
    for (guint i = 0; i < n; i++) {
        const Entry *entry = &g_array_index(reader->entries, Entry, i);
        uint32_t offset = (uint32_t)(entry->address - symbols->base);
        g_array_append_val(symbols->offsets, offset);
        const guint8 *text = reader->pool->data + entry->text;
        size_t name = strlen((const char *)text) + 1;
        size_t module = strlen((const char *)text + name) + 1;
        g_byte_array_append(plain, text, (guint)(name + module));
        if (i % BLOCK_SYMBOLS == BLOCK_SYMBOLS - 1 || i + 1 == n) {
            pack_block(symbols, context, plain);
            g_byte_array_set_size(plain, 0);
        }
    }
    ZSTD_freeCCtx(context);
}

static KernelSymbols *
symbols_new(Reader *reader, GError **error)
{
    sort_entries(reader->entries);
    if (reader->entries->len == 0) {
        error_set(error, CRESSET_ERROR_PERMISSION_DENIED,
                  "no kernel symbols: /proc/kallsyms hides the addresses without CAP_SYSLOG or "
                  "with kernel.kptr_restrict = 2");
        return NULL;
    }
    KernelSymbols *symbols = g_new0(KernelSymbols, 1);
    symbols->base = g_array_index(reader->entries, Entry, 0).address;
    symbols->offsets = g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), reader->entries->len);
    symbols->blocks = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    symbols->packed = g_byte_array_new();
    symbols->open_block = g_byte_array_new();
    symbols->open_index = G_MAXUINT;
    pack(symbols, reader);
    guint size = symbols->packed->len;
    guint8 *trimmed = g_memdup2(symbols->packed->data, size);
    g_byte_array_unref(symbols->packed);
    symbols->packed = g_byte_array_new_take(trimmed, size);
    return symbols;
}

static void
reader_init(Reader *reader)
{
    reader->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    reader->pool = g_byte_array_new();
}

static void
reader_clear(Reader *reader)
{
    g_array_unref(reader->entries);
    g_byte_array_unref(reader->pool);
}

KernelSymbols *
kernel_symbols_new_text(const char *text, size_t size, GError **error)
{
    Reader reader;
    reader_init(&reader);
    g_autofree char *copy = g_malloc(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\n';
    take_lines(&reader, copy, size + 1);
    KernelSymbols *symbols = symbols_new(&reader, error);
    reader_clear(&reader);
    return symbols;
}

static bool
read_all(Reader *reader, int fd, GError **error)
{
    g_autofree char *buffer = g_malloc(READ_SIZE);
    size_t kept = 0, total = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + kept, READ_SIZE - kept);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "reading /proc/kallsyms");
        total += (size_t)got;
        if (got == 0 || total > TEXT_MAX)
            return true;
        size_t size = kept + (size_t)got;
        size_t taken = take_lines(reader, buffer, size);
        kept = size - taken;
        if (kept == READ_SIZE)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "/proc/kallsyms has a line longer than %d bytes", READ_SIZE);
        memmove(buffer, buffer + taken, kept);
    }
}

KernelSymbols *
kernel_symbols_new(GError **error)
{
    uint64_t modules_hash = hash_modules();
    int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, errno, "opening /proc/kallsyms");
        return NULL;
    }
    Reader reader;
    reader_init(&reader);
    KernelSymbols *symbols = read_all(&reader, fd, error) ? symbols_new(&reader, error) : NULL;
    reader_clear(&reader);
    close(fd);
    if (symbols != NULL)
        symbols->modules_hash = modules_hash;
    return symbols;
}

void
kernel_symbols_free(KernelSymbols *symbols)
{
    if (symbols == NULL)
        return;
    g_array_unref(symbols->offsets);
    g_array_unref(symbols->blocks);
    g_byte_array_unref(symbols->packed);
    g_byte_array_unref(symbols->open_block);
    g_free(symbols);
}

static bool
open_block(KernelSymbols *symbols, guint index)
{
    if (symbols->open_index == index)
        return true;
    uint32_t start = g_array_index(symbols->blocks, uint32_t, index);
    uint32_t end = g_array_index(symbols->blocks, uint32_t, index + 1);
    g_byte_array_set_size(symbols->open_block, BLOCK_SYMBOLS * 2 * (NAME_MAX_BYTES + 1));
    size_t size = ZSTD_decompress(symbols->open_block->data, symbols->open_block->len,
                                  symbols->packed->data + start, end - start);
    symbols->open_index = ZSTD_isError(size) ? G_MAXUINT : index;
    return !ZSTD_isError(size);
}

bool
kernel_symbols_find(KernelSymbols *symbols, uint64_t address, const char **ret_name,
                    const char **ret_module)
{
    if (address < symbols->base || address - symbols->base > UINT32_MAX)
        return false;
    uint32_t offset = (uint32_t)(address - symbols->base);
    guint low = 0, high = symbols->offsets->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(symbols->offsets, uint32_t, middle) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    guint index = low - 1;
    bool is_last = low == symbols->offsets->len;
    if (is_last && offset - g_array_index(symbols->offsets, uint32_t, index) > LAST_SYMBOL_SIZE)
        return false;
    if (!open_block(symbols, index / BLOCK_SYMBOLS))
        return false;
    const char *text = (const char *)symbols->open_block->data;
    for (guint i = 0; i < index % BLOCK_SYMBOLS * 2; i++)
        text += strlen(text) + 1;
    *ret_name = text;
    *ret_module = text + strlen(text) + 1;
    return true;
}

bool
kernel_symbols_is_stale(const KernelSymbols *symbols)
{
    return symbols->modules_hash != hash_modules();
}

size_t
kernel_symbols_count(const KernelSymbols *symbols)
{
    return symbols->offsets->len;
}

size_t
kernel_symbols_bytes(const KernelSymbols *symbols)
{
    return symbols->offsets->len * sizeof(uint32_t) + symbols->blocks->len * sizeof(uint32_t) +
           symbols->packed->len + symbols->open_block->len;
}
