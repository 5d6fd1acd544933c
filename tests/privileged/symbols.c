#include "tests/privileged/symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/symbol/elf_file.h"

enum { TABLE_BYTES_MAX = 64 * 1024 * 1024 };

struct Symbols {
    GArray *functions; /* Elf64_Sym, sorted by value */
    GBytes *names;
};

static gint
by_value(gconstpointer a, gconstpointer b)
{
    uint64_t left = ((const Elf64_Sym *)a)->st_value, right = ((const Elf64_Sym *)b)->st_value;
    return left < right ? -1 : left > right;
}

static void
read_table(Symbols *symbols, const ElfFile *elf)
{
    const ElfSection *table = elf_file_find_section_type(elf, SHT_SYMTAB);
    if (table == NULL)
        table = elf_file_find_section_type(elf, SHT_DYNSYM);
    if (table == NULL || table->link >= elf_file_n_sections(elf))
        return;
    g_autoptr(GBytes) rows = elf_file_read_section(elf, table, TABLE_BYTES_MAX, NULL);
    symbols->names =
        elf_file_read_section(elf, elf_file_section(elf, table->link), TABLE_BYTES_MAX, NULL);
    if (rows == NULL || symbols->names == NULL)
        return;
    gsize size;
    const Elf64_Sym *row = g_bytes_get_data(rows, &size);
    for (gsize i = 0; i < size / sizeof *row; i++) {
        if (ELF64_ST_TYPE(row[i].st_info) == STT_FUNC && row[i].st_value != 0)
            g_array_append_val(symbols->functions, row[i]);
    }
    g_array_sort(symbols->functions, by_value);
}

Symbols *
symbols_read(Executable *executable, const char *other_path)
{
    Symbols *symbols = g_new0(Symbols, 1);
    symbols->functions = g_array_new(FALSE, FALSE, sizeof(Elf64_Sym));
    int fd = other_path != NULL ? open(other_path, O_RDONLY | O_CLOEXEC) : executable->fd;
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    if (elf != NULL)
        read_table(symbols, elf);
    if (other_path != NULL)
        close(fd);
    return symbols;
}

void
symbols_free(Symbols *symbols)
{
    g_array_unref(symbols->functions);
    g_clear_pointer(&symbols->names, g_bytes_unref);
    g_free(symbols);
}

const char *
symbols_find(const Symbols *symbols, uint64_t address)
{
    guint low = 0, high = symbols->functions->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(symbols->functions, Elf64_Sym, middle).st_value <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    gsize size;
    const char *names = g_bytes_get_data(symbols->names, &size);
    uint32_t name = g_array_index(symbols->functions, Elf64_Sym, low - 1).st_name;
    return name < size ? names + name : NULL;
}
