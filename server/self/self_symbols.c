#include "server/self/self_symbols.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lib/symbol/demangle.h"
#include "lib/symbol/elf_file.h"
#include "lib/symbol/symbol_file.h"

enum { ADDRESSES_MAX = 20000 };

/* One executable mapping, and its file while that is open. */
typedef struct {
    uint64_t start, end, offset;
    char *path;
    int fd;
    bool is_tried;
    ElfFile *elf;
    SymbolFile *file;
} Module;

struct SelfSymbols {
    GPtrArray *modules;    /* Module; empty: not read */
    GHashTable *addresses; /* uint64_t → SelfAddress */
    GStringChunk *strings;
    GString *scratch;
};

static void
module_free(Module *module)
{
    symbol_file_free(module->file);
    elf_file_free(module->elf);
    if (module->fd >= 0)
        close(module->fd);
    g_free(module->path);
    g_free(module);
}

static void
address_free(SelfAddress *address)
{
    g_free((SelfLine *)(uintptr_t)address->lines);
    g_free(address);
}

SelfSymbols *
self_symbols_new(void)
{
    SelfSymbols *symbols = g_new0(SelfSymbols, 1);
    symbols->modules = g_ptr_array_new_with_free_func((GDestroyNotify)module_free);
    symbols->addresses =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)address_free);
    symbols->strings = g_string_chunk_new(16 * 1024);
    symbols->scratch = g_string_new(NULL);
    return symbols;
}

void
self_symbols_free(SelfSymbols *symbols)
{
    if (symbols == NULL)
        return;
    g_ptr_array_unref(symbols->modules);
    g_hash_table_unref(symbols->addresses);
    g_string_chunk_free(symbols->strings);
    g_string_free(symbols->scratch, TRUE);
    g_free(symbols);
}

static void
read_modules(SelfSymbols *symbols)
{
    g_autofree char *maps = NULL;
    if (!g_file_get_contents("/proc/self/maps", &maps, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++) {
        unsigned long start, end, offset;
        char rights[5];
        int path_at = 0;
        if (sscanf(lines[i], "%lx-%lx %4s %lx %*s %*s %n", &start, &end, rights, &offset,
                   &path_at) < 4 ||
            rights[2] != 'x' || path_at == 0)
            continue;
        Module *module = g_new0(Module, 1);
        *module = (Module){.start = start,
                           .end = end,
                           .offset = offset,
                           .path = g_strdup(lines[i] + path_at),
                           .fd = -1};
        g_ptr_array_add(symbols->modules, module);
    }
}

static Module *
find_module(SelfSymbols *symbols, uint64_t address)
{
    if (symbols->modules->len == 0)
        read_modules(symbols);
    for (guint i = 0; i < symbols->modules->len; i++) {
        Module *module = symbols->modules->pdata[i];
        if (address >= module->start && address < module->end)
            return module;
    }
    return NULL;
}

static void
open_module(Module *module)
{
    module->is_tried = true;
    SymbolFileOptions options = {.fd = -1, .path = module->path, .root_fd = -1};
    if (strcmp(module->path, "[vdso]") == 0) {
        options.image = (const void *)getauxval(AT_SYSINFO_EHDR);
        options.image_size = module->end - module->start;
        module->elf = elf_file_open_memory(options.image, options.image_size, NULL);
    } else {
        module->fd = open(module->path, O_RDONLY | O_CLOEXEC);
        options.fd = module->fd;
        if (module->fd >= 0)
            module->elf = elf_file_open(module->fd, NULL);
    }
    if (module->elf != NULL)
        module->file = symbol_file_new(&options, NULL);
}

static const char *
keep(SelfSymbols *symbols, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return g_string_chunk_insert_const(symbols->strings, valid);
}

static SelfAddress *
answer_new(SelfSymbols *symbols, const Module *module, const SymbolLine *lines, size_t n)
{
    SelfAddress *answer = g_new0(SelfAddress, 1);
    SelfLine *kept = g_new0(SelfLine, n);
    for (size_t i = 0; i < n; i++) {
        kept[i] = (SelfLine){.name = keep(symbols, demangle_name(lines[i].name, symbols->scratch)),
                             .system_name = keep(symbols, lines[i].name),
                             .file = keep(symbols, lines[i].file),
                             .line = lines[i].line,
                             .start_line = lines[i].start_line};
    }
    *answer = (SelfAddress){.path = module != NULL ? keep(symbols, module->path) : "",
                            .lines = kept,
                            .n_lines = (uint32_t)n};
    return answer;
}

static SelfAddress *
resolve(SelfSymbols *symbols, uint64_t address)
{
    SymbolLine lines[SYMBOL_LINES_MAX];
    Module *module = find_module(symbols, address);
    uint64_t in_file = address;
    size_t n = 0;
    if (module != NULL && !module->is_tried)
        open_module(module);
    if (module != NULL && module->elf != NULL &&
        elf_file_offset_to_address(module->elf, address - module->start + module->offset, PF_X,
                                   &in_file) &&
        module->file != NULL)
        n = symbol_file_find(module->file, in_file, lines);
    g_autofree char *name = NULL;
    if (n == 0) {
        g_autofree char *base = g_path_get_basename(module != NULL ? module->path : "[unknown]");
        name = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", base, in_file);
        lines[n++] = (SymbolLine){.name = name, .file = ""};
    }
    return answer_new(symbols, module, lines, n);
}

const SelfAddress *
self_symbols_find(SelfSymbols *symbols, uint64_t address)
{
    SelfAddress *known = g_hash_table_lookup(symbols->addresses, &address);
    if (known == NULL) {
        known = resolve(symbols, address);
        g_hash_table_insert(symbols->addresses, g_memdup2(&address, sizeof(address)), known);
    }
    return known;
}

void
self_symbols_close(SelfSymbols *symbols)
{
    g_ptr_array_set_size(symbols->modules, 0);
    if (g_hash_table_size(symbols->addresses) <= ADDRESSES_MAX)
        return;
    g_hash_table_remove_all(symbols->addresses);
    g_string_chunk_clear(symbols->strings);
}
