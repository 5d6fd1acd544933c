#include "lib/symbol/symbol_table.h"

#include <string.h>

enum {
    SOURCES_MAX = 4,
    SIZE_MAX_BYTES = (1 << 28) - 1, /* no function is larger; keeps a symbol at 16 bytes */
    NAME_OFFSET_MAX = (1 << 30) - 1,
    NESTING_MAX = 32, /* symbols looked at backwards for one that encloses the address */
};

typedef struct {
    uint64_t address;
    uint32_t size : 28, rank : 4;
    uint32_t name : 30, source : 2;
} Symbol;

typedef struct {
    const char *data;
    size_t size;
} Strings;

struct SymbolTable {
    GArray *symbols; /* Symbol */
    Strings sources[SOURCES_MAX];
    uint32_t n_sources;
};

SymbolTable *
symbol_table_new(void)
{
    SymbolTable *table = g_new0(SymbolTable, 1);
    table->symbols = g_array_new(FALSE, FALSE, sizeof(Symbol));
    return table;
}

void
symbol_table_free(SymbolTable *table)
{
    if (table == NULL)
        return;
    g_array_unref(table->symbols);
    g_free(table);
}

static const char *
symbol_name(const SymbolTable *table, const Symbol *symbol)
{
    return table->sources[symbol->source].data + symbol->name;
}

/* 0 means: not a function. */
static uint32_t
symbol_rank(const GElf_Sym *sym)
{
    uint32_t type = GELF_ST_TYPE(sym->st_info), binding = GELF_ST_BIND(sym->st_info);
    if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS || sym->st_value == 0)
        return 0;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
        return 0;
    uint32_t rank = type == STT_NOTYPE ? 1 : 5;
    if (binding == STB_GLOBAL || binding == STB_GNU_UNIQUE)
        return rank + 2;
    return rank + (binding == STB_WEAK ? 1 : 0);
}

/* Untyped labels are functions only where code is. */
static bool
is_code_section(Elf *elf, const GElf_Sym *sym)
{
    GElf_Shdr header;
    Elf_Scn *section = elf_getscn(elf, sym->st_shndx);
    return section != NULL && gelf_getshdr(section, &header) != NULL &&
           (header.sh_flags & SHF_EXECINSTR) != 0;
}

static bool
is_label_name(const char *name)
{
    /* Mapping symbols ($x, $d), local labels and empty names say nothing. */
    return name[0] == '\0' || name[0] == '$' || strncmp(name, ".L", 2) == 0;
}

static Elf_Scn *
find_section(Elf *elf, uint32_t type, GElf_Shdr *ret_header)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;)
        if (gelf_getshdr(section, ret_header) != NULL && ret_header->sh_type == type)
            return section;
    return NULL;
}

static void
table_add_symbol(SymbolTable *table, Elf *elf, const GElf_Sym *sym, uint32_t source)
{
    const Strings *strings = &table->sources[source];
    uint32_t rank = symbol_rank(sym);
    if (rank == 0 || sym->st_name >= strings->size || sym->st_name > NAME_OFFSET_MAX)
        return;
    const char *name = strings->data + sym->st_name;
    if (is_label_name(name) || (rank < 5 && !is_code_section(elf, sym)))
        return;
    Symbol symbol = {.address = sym->st_value,
                     .size = (uint32_t)MIN(sym->st_size, SIZE_MAX_BYTES),
                     .rank = rank,
                     .name = sym->st_name,
                     .source = source};
    g_array_append_val(table->symbols, symbol);
}

bool
symbol_table_add(SymbolTable *table, Elf *elf, uint32_t type)
{
    GElf_Shdr header, strings_header;
    Elf_Scn *section = find_section(elf, type, &header);
    Elf_Scn *strings = section != NULL ? elf_getscn(elf, header.sh_link) : NULL;
    if (strings == NULL || table->n_sources == SOURCES_MAX ||
        gelf_getshdr(strings, &strings_header) == NULL || strings_header.sh_type != SHT_STRTAB)
        return false;
    Elf_Data *data = elf_getdata(section, NULL), *text = elf_getdata(strings, NULL);
    if (data == NULL || text == NULL || text->d_buf == NULL || text->d_size == 0)
        return false;
    /* The names are read as C strings later: nothing may run over the end of the table. */
    const char *bytes = text->d_buf;
    size_t size = text->d_size;
    while (size > 0 && bytes[size - 1] != '\0')
        size--;
    uint32_t source = table->n_sources++;
    table->sources[source] = (Strings){bytes, size};
    size_t entry = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
    int n = (int)MIN(entry > 0 ? data->d_size / entry : 0, G_MAXINT);
    for (int i = 0; i < n; i++) {
        GElf_Sym sym;
        if (gelf_getsym(data, i, &sym) != NULL)
            table_add_symbol(table, elf, &sym, source);
    }
    return true;
}

static int
compare_names(const char *a, const char *b)
{
    size_t underscores_a = strspn(a, "_"), underscores_b = strspn(b, "_");
    if (underscores_a != underscores_b)
        return underscores_a < underscores_b ? -1 : 1;
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a != length_b)
        return length_a > length_b ? -1 : 1;
    return strcmp(a, b);
}

/* By address; at one address the best symbol comes first. */
static int
compare_symbols(const void *left, const void *right, void *data)
{
    const Symbol *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return compare_names(symbol_name(data, a), symbol_name(data, b));
}

void
symbol_table_finish(SymbolTable *table)
{
    GArray *symbols = table->symbols;
    g_array_sort_with_data(symbols, compare_symbols, table);
    guint n = 0;
    for (guint i = 0; i < symbols->len; i++) {
        Symbol *symbol = &g_array_index(symbols, Symbol, i);
        if (n > 0 && g_array_index(symbols, Symbol, n - 1).address == symbol->address)
            continue;
        g_array_index(symbols, Symbol, n++) = *symbol;
    }
    g_array_set_size(symbols, n);
    for (guint i = 0; i + 1 < n; i++) {
        Symbol *symbol = &g_array_index(symbols, Symbol, i);
        if (symbol->size == 0)
            symbol->size = (uint32_t)MIN(symbol[1].address - symbol->address, SIZE_MAX_BYTES);
    }
}

const char *
symbol_table_find(const SymbolTable *table, uint64_t address, uint64_t *ret_start)
{
    guint low = 0, high = table->symbols->len;
    const Symbol *symbols = (const Symbol *)(void *)table->symbols->data;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (guint i = low; i > 0 && low - i < NESTING_MAX; i--) {
        const Symbol *symbol = &symbols[i - 1];
        uint64_t size = symbol->size;
        if (size == 0) /* only the last one: up to the end of its page */
            size = 4096 - symbol->address % 4096;
        if (address - symbol->address < size) {
            *ret_start = symbol->address;
            return symbol_name(table, symbol);
        }
    }
    return NULL;
}

size_t
symbol_table_count(const SymbolTable *table)
{
    return table->symbols->len;
}
