#include "lib/symbol/elf_file.h"

#include <errno.h>
#include <libdeflate.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "lib/base/error.h"

/* Linkers make about 10 segments and 40 sections; the ceilings bound what a header may cost. */
#define SEGMENTS_MAX      4096
#define SECTIONS_MAX      65536
#define SECTION_NAMES_MAX (8u << 20)
/* deflate cannot do better than 1032:1 (RFC 1951: 258 bytes from 2 bits). */
#define DEFLATE_RATIO_MAX 1040
#define PAGE_MASK         UINT64_C(4095)

struct ElfFile {
    int fd; /* -1: memory */
    const uint8_t *memory;
    uint64_t size;
    Elf64_Ehdr header;
    ElfSegment *segments;
    ElfSection *sections;
    size_t n_segments, n_sections;
    char *names; /* of sections, NUL behind */
};

static bool
read_descriptor(int fd, uint64_t offset, uint8_t *buffer, size_t size, GError **error)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(error, errno, "cannot read ELF file");
        if (n == 0)
            return error_set(error, CRESSET_ERROR_DATA_LOSS, "ELF file has become shorter");
        done += (size_t)n;
    }
    return true;
}

bool
elf_file_read(const ElfFile *elf, uint64_t offset, void *buffer, size_t size, GError **error)
{
    if (offset > elf->size || size > elf->size - offset)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "ELF file of %" G_GUINT64_FORMAT
                         " bytes has no %zu bytes at %" G_GUINT64_FORMAT,
                         elf->size, size, offset);
    if (elf->memory == NULL)
        return read_descriptor(elf->fd, offset, buffer, size, error);
    if (size > 0)
        memcpy(buffer, elf->memory + offset, size);
    return true;
}

static bool
check_header(ElfFile *elf, GError **error)
{
    if (elf->size < sizeof(Elf64_Ehdr))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "not an ELF file: too short");
    if (!elf_file_read(elf, 0, &elf->header, sizeof(elf->header), error))
        return false;
    const unsigned char *ident = elf->header.e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "not an ELF file: wrong magic");
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "not a 64-bit little-endian ELF file");
    return true;
}

/* Section 0 holds the numbers that do not fit in the header's 16 bits. */
static bool
read_first_section(const ElfFile *elf, Elf64_Shdr *ret_section)
{
    return elf->header.e_shoff != 0 && elf->header.e_shentsize == sizeof(Elf64_Shdr) &&
           elf_file_read(elf, elf->header.e_shoff, ret_section, sizeof(*ret_section), NULL);
}

static bool
read_segments(ElfFile *elf, GError **error)
{
    size_t n = elf->header.e_phnum;
    Elf64_Shdr first;
    if (n == PN_XNUM)
        n = read_first_section(elf, &first) ? first.sh_info : 0;
    if (n == 0)
        return true;
    if (elf->header.e_phentsize != sizeof(Elf64_Phdr))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "ELF e_phentsize is %u",
                         elf->header.e_phentsize);
    if (n > SEGMENTS_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "ELF file has %zu segments", n);
    g_autofree Elf64_Phdr *headers = g_new(Elf64_Phdr, n);
    if (!elf_file_read(elf, elf->header.e_phoff, headers, n * sizeof(*headers), error))
        return false;
    elf->segments = g_new(ElfSegment, n);
    elf->n_segments = n;
    for (size_t i = 0; i < n; i++)
        elf->segments[i] = (ElfSegment){.type = headers[i].p_type,
                                        .flags = headers[i].p_flags,
                                        .offset = headers[i].p_offset,
                                        .address = headers[i].p_vaddr,
                                        .file_size = headers[i].p_filesz,
                                        .memory_size = headers[i].p_memsz};
    return true;
}

/* Names are a help, not a need: a name table that lies leaves every section nameless. */
static void
name_sections(ElfFile *elf, const Elf64_Shdr *headers, size_t names_index)
{
    size_t size = 0;
    if (names_index < elf->n_sections && headers[names_index].sh_type != SHT_NOBITS &&
        headers[names_index].sh_size <= SECTION_NAMES_MAX) {
        size = headers[names_index].sh_size;
        elf->names = g_try_malloc(size + 1);
        if (elf->names == NULL ||
            !elf_file_read(elf, headers[names_index].sh_offset, elf->names, size, NULL))
            size = 0;
    }
    if (elf->names != NULL)
        elf->names[size] = '\0';
    for (size_t i = 0; i < elf->n_sections; i++)
        elf->sections[i].name = headers[i].sh_name < size ? elf->names + headers[i].sh_name : "";
}

static bool
read_sections(ElfFile *elf, GError **error)
{
    Elf64_Shdr first;
    if (!read_first_section(elf, &first))
        return true; /* stripped of its section headers, or they lie beyond the end */
    size_t n = elf->header.e_shnum != 0 ? elf->header.e_shnum : first.sh_size;
    if (n > SECTIONS_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "ELF file has %zu sections", n);
    if (n == 0)
        return true;
    g_autofree Elf64_Shdr *headers = g_new(Elf64_Shdr, n);
    if (!elf_file_read(elf, elf->header.e_shoff, headers, n * sizeof(*headers), NULL))
        return true;
    elf->sections = g_new(ElfSection, n);
    elf->n_sections = n;
    for (size_t i = 0; i < n; i++)
        elf->sections[i] = (ElfSection){.type = headers[i].sh_type,
                                        .link = headers[i].sh_link,
                                        .info = headers[i].sh_info,
                                        .flags = headers[i].sh_flags,
                                        .address = headers[i].sh_addr,
                                        .offset = headers[i].sh_offset,
                                        .size = headers[i].sh_size,
                                        .entry_size = headers[i].sh_entsize};
    bool is_extended = elf->header.e_shstrndx == SHN_XINDEX;
    name_sections(elf, headers, is_extended ? first.sh_link : elf->header.e_shstrndx);
    return true;
}

static ElfFile *
open_input(int fd, const uint8_t *memory, uint64_t size, GError **error)
{
    g_autoptr(ElfFile) elf = g_new0(ElfFile, 1);
    elf->fd = fd;
    elf->memory = memory;
    elf->size = size;
    if (!check_header(elf, error) || !read_segments(elf, error) || !read_sections(elf, error))
        return NULL;
    return g_steal_pointer(&elf);
}

ElfFile *
elf_file_open(int fd, GError **error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot stat ELF file");
        return NULL;
    }
    /* A FIFO would block for ever, a device might never end. */
    if (!S_ISREG(status.st_mode)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "not a regular file");
        return NULL;
    }
    return open_input(fd, NULL, (uint64_t)status.st_size, error);
}

ElfFile *
elf_file_open_memory(const void *data, size_t size, GError **error)
{
    return open_input(-1, data, size, error);
}

ElfFile *
elf_file_open_vdso(GError **error)
{
    const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (image == NULL) {
        error_set(error, CRESSET_ERROR_NOT_FOUND, "the kernel maps no vDSO");
        return NULL;
    }
    /* The kernel's own image: its size is where its section headers or its segment end. */
    Elf64_Ehdr header;
    memcpy(&header, image, sizeof(header));
    size_t size = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, (const uint8_t *)image + header.e_phoff + i * sizeof(segment),
               sizeof(segment));
        if (segment.p_type == PT_LOAD)
            size = MAX(size, segment.p_offset + segment.p_filesz);
    }
    return elf_file_open_memory(image, size, error);
}

void
elf_file_free(ElfFile *elf)
{
    if (elf == NULL)
        return;
    g_free(elf->segments);
    g_free(elf->sections);
    g_free(elf->names);
    g_free(elf);
}

uint16_t
elf_file_type(const ElfFile *elf)
{
    return elf->header.e_type;
}

uint16_t
elf_file_machine(const ElfFile *elf)
{
    return elf->header.e_machine;
}

uint64_t
elf_file_entry(const ElfFile *elf)
{
    return elf->header.e_entry;
}

uint64_t
elf_file_size(const ElfFile *elf)
{
    return elf->size;
}

size_t
elf_file_n_sections(const ElfFile *elf)
{
    return elf->n_sections;
}

const ElfSection *
elf_file_section(const ElfFile *elf, size_t index)
{
    return &elf->sections[index];
}

const ElfSection *
elf_file_find_section(const ElfFile *elf, const char *name)
{
    for (size_t i = 0; i < elf->n_sections; i++)
        if (strcmp(elf->sections[i].name, name) == 0)
            return &elf->sections[i];
    return NULL;
}

const ElfSection *
elf_file_find_section_type(const ElfFile *elf, uint32_t type)
{
    for (size_t i = 0; i < elf->n_sections; i++)
        if (elf->sections[i].type == type)
            return &elf->sections[i];
    return NULL;
}

size_t
elf_file_n_segments(const ElfFile *elf)
{
    return elf->n_segments;
}

const ElfSegment *
elf_file_segment(const ElfFile *elf, size_t index)
{
    return &elf->segments[index];
}

const ElfSegment *
elf_file_find_segment_type(const ElfFile *elf, uint32_t type)
{
    for (size_t i = 0; i < elf->n_segments; i++)
        if (elf->segments[i].type == type)
            return &elf->segments[i];
    return NULL;
}

bool
elf_file_address_to_offset(const ElfFile *elf, uint64_t address, uint64_t *ret_offset)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const ElfSegment *segment = &elf->segments[i];
        if (segment->type != PT_LOAD || address < segment->address ||
            address - segment->address >= segment->file_size)
            continue;
        uint64_t offset;
        if (__builtin_add_overflow(segment->offset, address - segment->address, &offset))
            return false;
        *ret_offset = offset;
        return true;
    }
    return false;
}

bool
elf_file_read_address(const ElfFile *elf, uint64_t address, void *buffer, size_t size,
                      GError **error)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const ElfSegment *segment = &elf->segments[i];
        uint64_t into = address - segment->address;
        uint64_t offset;
        if (segment->type != PT_LOAD || address < segment->address || into > segment->file_size ||
            size > segment->file_size - into ||
            __builtin_add_overflow(segment->offset, into, &offset))
            continue;
        return elf_file_read(elf, offset, buffer, size, error);
    }
    return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                     "no segment holds %zu bytes at address 0x%" G_GINT64_MODIFIER "x", size,
                     address);
}

bool
elf_file_offset_to_address(const ElfFile *elf, uint64_t offset, uint32_t flags,
                           uint64_t *ret_address)
{
    for (int is_rounded = 0; is_rounded <= 1; is_rounded++) {
        for (size_t i = 0; i < elf->n_segments; i++) {
            const ElfSegment *segment = &elf->segments[i];
            uint64_t start = segment->offset, end;
            if (segment->type != PT_LOAD || (segment->flags & flags) != flags ||
                __builtin_add_overflow(start, segment->file_size, &end) ||
                end > UINT64_MAX - PAGE_MASK)
                continue;
            if (is_rounded) {
                start &= ~PAGE_MASK;
                end = (end + PAGE_MASK) & ~PAGE_MASK;
            }
            if (offset < start || offset >= end)
                continue;
            *ret_address = segment->address + (offset - segment->offset);
            return true;
        }
    }
    return false;
}

bool
elf_file_is_executable(const ElfFile *elf, uint64_t address)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const ElfSegment *segment = &elf->segments[i];
        if (segment->type == PT_LOAD && (segment->flags & PF_X) && address >= segment->address &&
            address - segment->address < segment->memory_size)
            return true;
    }
    return false;
}

static GBytes *
decompress(uint32_t type, const uint8_t *data, size_t size, size_t output_size, GError **error)
{
    if (type == ELFCOMPRESS_ZLIB && output_size / DEFLATE_RATIO_MAX > size) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "compressed section lies about its size");
        return NULL;
    }
    g_autofree uint8_t *output = g_try_malloc(output_size > 0 ? output_size : 1);
    if (output == NULL) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory for a compressed section");
        return NULL;
    }
    bool is_good = false;
    if (type == ELFCOMPRESS_ZLIB) {
        struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
        is_good = inflater != NULL &&
                  libdeflate_zlib_decompress(inflater, data, size, output, output_size, NULL) ==
                      LIBDEFLATE_SUCCESS;
        libdeflate_free_decompressor(inflater);
    } else if (type == ELF_COMPRESS_ZSTD) {
        is_good = ZSTD_decompress(output, output_size, data, size) == output_size;
    }
    if (!is_good) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "cannot decompress section");
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&output), output_size);
}

/* Returns the section as it stands in the file. */
static GBytes *
read_raw(const ElfFile *elf, const ElfSection *section, size_t max_bytes, GError **error)
{
    if (section->size > max_bytes) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "section %s has %" G_GUINT64_FORMAT " bytes, at most %zu are read", section->name,
                  section->size, max_bytes);
        return NULL;
    }
    if (section->offset > elf->size || section->size > elf->size - section->offset) {
        error_set(error, CRESSET_ERROR_OUT_OF_RANGE, "section %s lies beyond the end of the file",
                  section->name);
        return NULL;
    }
    if (elf->fd < 0)
        return g_bytes_new_static(elf->memory + section->offset, section->size);
    g_autofree uint8_t *data = g_try_malloc(section->size > 0 ? section->size : 1);
    if (data == NULL) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory for %s", section->name);
        return NULL;
    }
    if (!elf_file_read(elf, section->offset, data, section->size, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&data), section->size);
}

GBytes *
elf_file_read_section(const ElfFile *elf, const ElfSection *section, size_t max_bytes,
                      GError **error)
{
    if (section->type == SHT_NOBITS) {
        error_set(error, CRESSET_ERROR_NOT_FOUND, "section %s has no contents", section->name);
        return NULL;
    }
    g_autoptr(GBytes) raw = read_raw(elf, section, max_bytes, error);
    if (raw == NULL)
        return NULL;
    size_t size;
    const uint8_t *data = g_bytes_get_data(raw, &size);
    uint32_t type = 0;
    uint64_t output_size = 0;
    size_t header_size = 0;
    if (section->flags & SHF_COMPRESSED) {
        Elf64_Chdr header = {0};
        header_size = sizeof(header);
        memcpy(&header, data, MIN(size, sizeof(header)));
        type = header.ch_type;
        output_size = header.ch_size;
    } else if (g_str_has_prefix(section->name, ".zdebug_") && size >= 12 &&
               memcmp(data, "ZLIB", 4) == 0) {
        header_size = 12;
        type = ELFCOMPRESS_ZLIB;
        memcpy(&output_size, data + 4, 8);
        output_size = GUINT64_FROM_BE(output_size);
    } else {
        return g_steal_pointer(&raw);
    }
    if (size < header_size || output_size > max_bytes) {
        error_set(error,
                  size < header_size ? CRESSET_ERROR_INVALID_ARGUMENT
                                     : CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "compressed section %s is malformed or has more than %zu bytes", section->name,
                  max_bytes);
        return NULL;
    }
    return decompress(type, data + header_size, size - header_size, output_size, error);
}
