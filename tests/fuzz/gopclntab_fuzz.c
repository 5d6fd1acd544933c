/* The pclntab reader and Go's unwind rows: the input is the pclntab, wrapped into an ELF file whose
 * moduledata points to it, and serves as function data as well. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/unwind/table.h"
#include "lib/symbol/gopclntab.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum {
    TEXT_ADDRESS = 0x400000,
    TEXT_SIZE = 4096,
    TABLE_ADDRESS = 0x500000,
    MODULE_ADDRESS = 0x600000,
    MODULE_WORDS = 64,
    N_SECTIONS = 5,
    INPUT_MAX = 256 * 1024,
};

static const char NAMES[] = "\0.text\0.gopclntab\0.go.module\0.shstrtab";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(uint8_t *image, size_t *at, const void *data, size_t size)
{
    memcpy(image + *at, data, size);
    *at += size;
}

static void
fill_module(uint64_t words[MODULE_WORDS], const uint8_t *data, size_t size)
{
    uint64_t names_offset = 0;
    size_t word = size >= 4 && data[0] == 0xfa ? 3 : 4; /* 1.16 has no text start */
    if (size >= (word + 1) * 8)
        memcpy(&names_offset, data + word * 8, 8);
    words[0] = TABLE_ADDRESS;
    words[1] = TABLE_ADDRESS + names_offset;
    words[22] = TEXT_ADDRESS;
    words[23] = TEXT_ADDRESS + TEXT_SIZE;
    words[38] = words[40] = TABLE_ADDRESS;
}

/* Returns the image, to be freed. */
static uint8_t *
wrap(const uint8_t *data, size_t size, size_t *ret_size)
{
    uint64_t module[MODULE_WORDS] = {0};
    fill_module(module, data, size);
    size_t padded = (size + 7) & ~(size_t)7;
    size_t text_at = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr), table_at = text_at + TEXT_SIZE;
    size_t module_at = table_at + padded, names_at = module_at + sizeof(module);
    size_t headers_at = (names_at + sizeof(NAMES) + 7) & ~(size_t)7;
    *ret_size = headers_at + N_SECTIONS * sizeof(Elf64_Shdr);
    uint8_t *image = calloc(1, *ret_size);
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                         .e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_entry = TEXT_ADDRESS,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 3,
                         .e_shoff = headers_at,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = N_SECTIONS,
                         .e_shstrndx = N_SECTIONS - 1};
    Elf64_Phdr segments[3] = {
        {PT_LOAD, PF_R | PF_X, text_at, TEXT_ADDRESS, 0, TEXT_SIZE, TEXT_SIZE, 8},
        {PT_LOAD, PF_R, table_at, TABLE_ADDRESS, 0, padded, padded, 8},
        {PT_LOAD, PF_R | PF_W, module_at, MODULE_ADDRESS, 0, sizeof(module), sizeof(module), 8}};
    Elf64_Shdr sections[N_SECTIONS] = {
        {0},
        {1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, TEXT_ADDRESS, text_at, TEXT_SIZE, 0, 0, 1, 0},
        {7, SHT_PROGBITS, SHF_ALLOC, TABLE_ADDRESS, table_at, size, 0, 0, 8, 0},
        {18, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, MODULE_ADDRESS, module_at, sizeof(module), 0, 0,
         8, 0},
        {29, SHT_STRTAB, 0, 0, names_at, sizeof(NAMES), 0, 0, 1, 0}};
    size_t at = 0;
    put(image, &at, &header, sizeof(header));
    put(image, &at, segments, sizeof(segments));
    memset(image + text_at, 0x55, TEXT_SIZE);
    memcpy(image + table_at, data, size);
    memcpy(image + module_at, module, sizeof(module));
    memcpy(image + names_at, NAMES, sizeof(NAMES));
    memcpy(image + headers_at, sections, sizeof(sections));
    return image;
}

static bool
check_depth(void *data, uint64_t address, int32_t depth)
{
    (void)depth;
    uint64_t *last = data;
    CHECK(address >= *last);
    *last = address;
    return true;
}

static void
read_functions(Gopclntab *table)
{
    size_t n = MIN(gopclntab_n_functions(table), 512);
    for (size_t i = 0; i < n; i++) {
        GoFunction function, found;
        if (!gopclntab_function(table, i, &function))
            continue;
        CHECK(function.start < function.end);
        (void)strlen(gopclntab_name(table, &function));
        uint64_t last = 0;
        gopclntab_stack_rows(table, &function, check_depth, &last);
        if (gopclntab_find(table, function.start, &found))
            CHECK(found.start <= function.start && function.start < found.end);
        SymbolLine lines[SYMBOL_LINES_MAX];
        size_t n_lines = gopclntab_lines(table, function.start, lines, G_N_ELEMENTS(lines));
        for (size_t j = 0; j < n_lines; j++)
            (void)(strlen(lines[j].name) + strlen(lines[j].file));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    size_t image_size;
    uint8_t *image = wrap(data, size, &image_size);
    ElfFile *elf = elf_file_open_memory(image, image_size, NULL);
    CHECK(elf != NULL);
    Gopclntab *table = gopclntab_open(elf, NULL);
    if (table != NULL)
        read_functions(table);
    gopclntab_free(table);
    UnwindRules *rules = unwind_rules_new();
    unwind_table_free(unwind_table_new(elf, rules, NULL, NULL));
    unwind_rules_free(rules);
    elf_file_free(elf);
    free(image);
    return 0;
}
