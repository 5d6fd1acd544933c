#include "lib/symbol/symbol_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/symbol/debug_file.h"
#include "lib/symbol/dwarf_lines.h"
#include "lib/symbol/function_starts.h"
#include "lib/symbol/gopclntab.h"
#include "lib/symbol/symbol_table.h"

struct SymbolFile {
    Elf *elf;
    char *path;
    int root_fd;
    bool is_image, no_inlines;
    bool has_debug_elf, has_table, has_dwarf; /* tried already */
    int debug_fd;
    Elf *debug_elf; /* separate debug file, or NULL */
    GBytes *minidebug;
    Elf *minidebug_elf;
    SymbolTable *table;
    DwarfLines *dwarf;
    FunctionStarts starts;
    GStringChunk *names; /* made up of function starts; NULL until needed */
    ElfFile *go_elf;     /* of a Go program */
    Gopclntab *go;
};

static void
open_go(SymbolFile *file, int fd)
{
    file->go_elf = elf_file_open(fd, NULL);
    if (file->go_elf != NULL && elf_file_is_go(file->go_elf))
        file->go = gopclntab_open(file->go_elf, NULL);
    if (file->go == NULL)
        g_clear_pointer(&file->go_elf, elf_file_free);
}

SymbolFile *
symbol_file_new(const SymbolFileOptions *options, GError **error)
{
    elf_version(EV_CURRENT);
    Elf *elf = options->image != NULL
                   ? elf_memory((char *)(uintptr_t)options->image, options->image_size)
                   : elf_begin(options->fd, ELF_C_READ_MMAP, NULL);
    GElf_Ehdr header;
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == NULL) {
        elf_end(elf);
        if (options->root_fd >= 0)
            close(options->root_fd);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: not a readable ELF file",
                  options->path);
        return NULL;
    }
    SymbolFile *file = g_new0(SymbolFile, 1);
    file->elf = elf;
    file->path = g_strdup(options->path);
    file->root_fd = options->root_fd;
    file->is_image = options->image != NULL;
    file->no_inlines = options->no_inlines;
    file->debug_fd = -1;
    function_starts_init(&file->starts, elf);
    if (options->image == NULL)
        open_go(file, options->fd);
    return file;
}

void
symbol_file_free(SymbolFile *file)
{
    if (file == NULL)
        return;
    gopclntab_free(file->go);
    elf_file_free(file->go_elf);
    dwarf_lines_free(file->dwarf);
    symbol_table_free(file->table);
    elf_end(file->minidebug_elf);
    g_clear_pointer(&file->minidebug, g_bytes_unref);
    elf_end(file->debug_elf);
    if (file->debug_fd >= 0)
        close(file->debug_fd);
    if (file->root_fd >= 0)
        close(file->root_fd);
    elf_end(file->elf);
    g_clear_pointer(&file->names, g_string_chunk_free);
    g_free(file->path);
    g_free(file);
}

static Elf *
debug_elf(SymbolFile *file)
{
    if (file->has_debug_elf)
        return file->debug_elf;
    file->has_debug_elf = true;
    file->debug_fd = debug_file_find(file->elf, file->path, file->root_fd);
    if (file->debug_fd >= 0)
        file->debug_elf = elf_begin(file->debug_fd, ELF_C_READ_MMAP, NULL);
    return file->debug_elf;
}

static void
add_minidebug(SymbolFile *file)
{
    file->minidebug = debug_file_unpack_minidebug(file->elf);
    if (file->minidebug == NULL)
        return;
    size_t size;
    char *bytes = (char *)(uintptr_t)g_bytes_get_data(file->minidebug, &size);
    file->minidebug_elf = elf_memory(bytes, size);
    if (file->minidebug_elf != NULL)
        symbol_table_add(file->table, file->minidebug_elf, SHT_SYMTAB);
}

static const SymbolTable *
load_table(SymbolFile *file)
{
    if (file->has_table)
        return file->table;
    file->has_table = true;
    file->table = symbol_table_new();
    bool is_full =
        symbol_table_add(file->table, file->elf, SHT_SYMTAB) ||
        (debug_elf(file) != NULL && symbol_table_add(file->table, file->debug_elf, SHT_SYMTAB));
    if (!is_full) {
        add_minidebug(file);
        symbol_table_add(file->table, file->elf, SHT_DYNSYM);
    }
    symbol_table_finish(file->table);
    return file->table;
}

static DwarfLines *
load_dwarf(SymbolFile *file)
{
    /* Of a Go program, its own table has said everything; its DWARF is large and compressed. */
    if (file->has_dwarf || file->no_inlines || file->go != NULL)
        return file->dwarf;
    file->has_dwarf = true;
    file->dwarf = dwarf_lines_new(file->elf);
    if (file->dwarf == NULL && debug_elf(file) != NULL)
        file->dwarf = dwarf_lines_new(file->debug_elf);
    return file->dwarf;
}

/* "libfoo.so+0x1230", where the function begins that has no name; NULL when that is not known. */
static const char *
name_by_start(SymbolFile *file, uint64_t address)
{
    uint64_t start;
    if (!function_starts_find(&file->starts, address, &start))
        return NULL;
    if (file->names == NULL)
        file->names = g_string_chunk_new(4096);
    g_autofree char *base = g_path_get_basename(file->path);
    g_autofree char *name = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", base, start);
    return g_string_chunk_insert_const(file->names, name);
}

size_t
symbol_file_find(SymbolFile *file, uint64_t address, SymbolLine lines[SYMBOL_LINES_MAX])
{
    size_t n_go =
        file->go != NULL ? gopclntab_lines(file->go, address, lines, SYMBOL_LINES_MAX) : 0;
    if (n_go > 0)
        return n_go;
    size_t n = load_dwarf(file) != NULL ? dwarf_lines_find(file->dwarf, address, lines) : 0;
    if (n > 0 && lines[n - 1].name != NULL)
        return n;
    uint64_t start;
    const char *name = symbol_table_find(load_table(file), address, &start);
    if (name == NULL)
        name = name_by_start(file, address);
    if (name == NULL)
        return n > 1 ? n - 1 : 0;
    if (n == 0)
        lines[n++] = (SymbolLine){.file = ""};
    lines[n - 1].name = name;
    return n;
}

static void
trim_elf(Elf *elf)
{
    size_t size = 0;
    char *start = elf != NULL ? elf_rawfile(elf, &size) : NULL;
    if (start != NULL && (uintptr_t)start % 4096 == 0)
        (void)madvise(start, size, MADV_DONTNEED);
}

void
symbol_file_trim(SymbolFile *file)
{
    if (!file->is_image)
        trim_elf(file->elf);
    trim_elf(file->debug_elf);
}
