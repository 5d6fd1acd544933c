/* What an ELF file says of itself in notes and small sections; the rest of elf_file.h is in
 * elf_file.c. */
#include <string.h>

#include "lib/symbol/elf_file.h"

#define NOTES_MAX     (64u << 10)
#define DEBUGLINK_MAX 4096

/* Finds the note of `type` whose name is the 4 bytes `name` in one block of notes. */
static bool
find_note(const uint8_t *data, size_t size, const char *name, uint32_t type,
          const uint8_t **ret_desc, size_t *ret_size)
{
    while (size >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, data, sizeof(note));
        data += sizeof(note);
        size -= sizeof(note);
        uint64_t name_padded = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
        uint64_t desc_padded = ((uint64_t)note.n_descsz + 3) & ~UINT64_C(3);
        if (name_padded > size || note.n_descsz > size - name_padded)
            return false;
        if (note.n_type == type && note.n_namesz == 4 && memcmp(data, name, 4) == 0) {
            *ret_desc = data + name_padded;
            *ret_size = note.n_descsz;
            return true;
        }
        uint64_t step = MIN(name_padded + desc_padded, size);
        data += step;
        size -= step;
    }
    return false;
}

/* Where place `i` among all segments and then all sections is in the file, if it holds notes. */
static bool
note_place(const ElfFile *elf, size_t i, uint64_t *ret_offset, uint64_t *ret_size)
{
    size_t n_segments = elf_file_n_segments(elf);
    if (i < n_segments) {
        const ElfSegment *segment = elf_file_segment(elf, i);
        *ret_offset = segment->offset;
        *ret_size = segment->file_size;
        return segment->type == PT_NOTE;
    }
    const ElfSection *section = elf_file_section(elf, i - n_segments);
    *ret_offset = section->offset;
    *ret_size = section->size;
    return section->type == SHT_NOTE;
}

/* Copies the description of a note into `buffer`; returns its size, 0 when there is none. */
static size_t
read_note(const ElfFile *elf, const char *name, uint32_t type, uint8_t *buffer, size_t max_size)
{
    g_autofree uint8_t *data = g_malloc(NOTES_MAX);
    size_t n_places = elf_file_n_segments(elf) + elf_file_n_sections(elf);
    for (size_t i = 0; i < n_places; i++) {
        uint64_t offset, size;
        if (!note_place(elf, i, &offset, &size))
            continue;
        size = MIN(size, NOTES_MAX);
        const uint8_t *desc;
        size_t desc_size;
        if (!elf_file_read(elf, offset, data, size, NULL) ||
            !find_note(data, size, name, type, &desc, &desc_size) || desc_size > max_size)
            continue;
        memcpy(buffer, desc, desc_size);
        return desc_size;
    }
    return 0;
}

size_t
elf_file_build_id(const ElfFile *elf, uint8_t ret_id[ELF_FILE_BUILD_ID_MAX])
{
    size_t size = read_note(elf, "GNU", NT_GNU_BUILD_ID, ret_id, ELF_FILE_BUILD_ID_MAX);
    if (size > 0)
        return size;
    uint8_t text[512];
    size = read_note(elf, "Go\0\0", 4, text, sizeof(text)); /* cmd/internal/buildid: note type 4 */
    if (size == 0)
        return 0;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, text, (gssize)size);
    size = ELF_FILE_BUILD_ID_MAX;
    g_checksum_get_digest(checksum, ret_id, &size);
    return size;
}

bool
elf_file_debuglink(const ElfFile *elf, char **ret_name, uint32_t *ret_crc)
{
    const ElfSection *section = elf_file_find_section(elf, ".gnu_debuglink");
    if (section == NULL)
        return false;
    g_autoptr(GBytes) bytes = elf_file_read_section(elf, section, DEBUGLINK_MAX, NULL);
    if (bytes == NULL)
        return false;
    size_t size;
    const char *data = g_bytes_get_data(bytes, &size);
    size_t length = strnlen(data, size);
    size_t crc_offset = (length + 4) & ~(size_t)3; /* behind the NUL, rounded up to 4 */
    if (length == 0 || crc_offset > size || size - crc_offset < 4)
        return false;
    memcpy(ret_crc, data + crc_offset, 4);
    *ret_name = g_strndup(data, length);
    return true;
}

bool
elf_file_is_go(const ElfFile *elf)
{
    static const char *const NAMES[] = {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo",
                                        ".note.go.buildid"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++)
        if (elf_file_find_section(elf, NAMES[i]) != NULL)
            return true;
    uint8_t text[512];
    return read_note(elf, "Go\0\0", 4, text, sizeof(text)) > 0;
}
