#include "lib/symbol/gomoduledata.h"

#include <string.h>

/* Data sections of large programs have a few MiB. */
#define SECTION_BYTES_MAX (64u << 20)
/* Words of moduledata that are looked at: text is word 22, the last wanted one word 40. */
#define WORDS 41

typedef struct {
    const ElfFile *elf;
    uint64_t pclntab_address, names_offset;
} Search;

/* Calls `on_relocation` for every R_X86_64_RELATIVE of the file until it returns true. */
typedef bool (*RelocationFunc)(uint64_t address, uint64_t value, void *data);

static bool
visit_relocations(const ElfFile *elf, RelocationFunc on_relocation, void *data)
{
    for (size_t i = 0; i < elf_file_n_sections(elf); i++) {
        const ElfSection *section = elf_file_section(elf, i);
        if (section->type != SHT_RELA)
            continue;
        g_autoptr(GBytes) bytes = elf_file_read_section(elf, section, SECTION_BYTES_MAX, NULL);
        gsize size = 0;
        const uint8_t *at = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
        for (; size >= sizeof(Elf64_Rela); size -= sizeof(Elf64_Rela), at += sizeof(Elf64_Rela)) {
            Elf64_Rela entry;
            memcpy(&entry, at, sizeof(entry));
            if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE &&
                on_relocation(entry.r_offset, (uint64_t)entry.r_addend, data))
                return true;
        }
    }
    return false;
}

typedef struct {
    uint64_t address;
    uint64_t *words;
} Patch;

static bool
patch_word(uint64_t address, uint64_t value, void *data)
{
    const Patch *patch = data;
    uint64_t into = address - patch->address;
    if (address >= patch->address && into % 8 == 0 && into / 8 < WORDS)
        patch->words[into / 8] = value;
    return false;
}

/* Word 1 points to the function names, which the header says are at names_offset. */
static bool
read_words(const Search *search, uint64_t address, uint64_t words[WORDS])
{
    if (!elf_file_read_address(search->elf, address, words, WORDS * 8, NULL))
        return false;
    uint64_t names = search->pclntab_address + search->names_offset;
    if (words[0] == search->pclntab_address && words[1] == names)
        return true;
    Patch patch = {.address = address, .words = words};
    visit_relocations(search->elf, patch_word, &patch);
    return words[0] == search->pclntab_address && words[1] == names;
}

static bool
find_in_section(const Search *search, const ElfSection *section, uint64_t words[WORDS])
{
    g_autoptr(GBytes) bytes = elf_file_read_section(search->elf, section, SECTION_BYTES_MAX, NULL);
    if (bytes == NULL)
        return false;
    size_t size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    for (size_t at = (0 - section->address) & 7; size >= 8 && at <= size - 8; at += 8)
        if (memcmp(data + at, &search->pclntab_address, 8) == 0 &&
            read_words(search, section->address + at, words))
            return true;
    return false;
}

typedef struct {
    const Search *search;
    uint64_t *words;
    size_t n_tried;
} Candidate;

static bool
try_relocation(uint64_t address, uint64_t value, void *data)
{
    Candidate *candidate = data;
    /* A handful of words point to the pclntab; each try reads all relocations again. */
    if (value != candidate->search->pclntab_address || candidate->n_tried == 16)
        return false;
    candidate->n_tried++;
    return read_words(candidate->search, address, candidate->words);
}

static bool
find_words(const Search *search, uint64_t words[WORDS])
{
    static const char *const NAMES[] = {".go.module", ".noptrdata", ".data", ".data.rel.ro",
                                        ".data.rel.ro.go.module"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        const ElfSection *section = elf_file_find_section(search->elf, NAMES[i]);
        if (section != NULL && find_in_section(search, section, words))
            return true;
    }
    Candidate candidate = {.search = search, .words = words};
    return visit_relocations(search->elf, try_relocation, &candidate);
}

bool
gomoduledata_find(const ElfFile *elf, uint64_t pclntab_address, uint64_t names_offset,
                  unsigned n_words_before_function_data, GoModuledata *ret_moduledata)
{
    Search search = {elf, pclntab_address, names_offset};
    uint64_t words[WORDS];
    if (!find_words(&search, words))
        return false;
    bool has_data = n_words_before_function_data > 0 && n_words_before_function_data < WORDS;
    *ret_moduledata =
        (GoModuledata){.text_start = words[22],
                       .text_end = words[23],
                       .function_data = has_data ? words[n_words_before_function_data] : 0};
    return ret_moduledata->text_start < ret_moduledata->text_end;
}
