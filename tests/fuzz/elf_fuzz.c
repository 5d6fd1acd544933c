/* The ELF reader: whatever opens can be read in every part without a fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/symbol/elf_file.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum { SECTION_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_sections(const ElfFile *elf)
{
    for (size_t i = 0; i < elf_file_n_sections(elf) && i < 256; i++) {
        const ElfSection *section = elf_file_section(elf, i);
        (void)strlen(section->name);
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = elf_file_read_section(elf, section, SECTION_BYTES_MAX, &error);
        CHECK((bytes != NULL) == (error == NULL));
        CHECK(bytes == NULL || g_bytes_get_size(bytes) <= SECTION_BYTES_MAX);
        uint64_t address;
        if (elf_file_offset_to_address(elf, section->offset, 0, &address))
            (void)elf_file_is_executable(elf, address);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(ElfFile) elf = elf_file_open_memory(data, size, NULL);
    if (elf == NULL)
        return 0;
    read_sections(elf);
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    CHECK(elf_file_build_id(elf, id) <= sizeof(id));
    g_autofree char *name = NULL;
    uint32_t crc;
    if (elf_file_debuglink(elf, &name, &crc))
        CHECK(name[0] != '\0');
    (void)elf_file_is_go(elf);
    uint64_t entry = elf_file_entry(elf), offset;
    uint8_t code[16];
    if (elf_file_address_to_offset(elf, entry, &offset) &&
        elf_file_read_address(elf, entry, code, sizeof(code), NULL))
        CHECK(offset <= size && sizeof(code) <= size - offset);
    return 0;
}
