/* A bounded reader of ELF64 little-endian files.
 *
 * Nothing in the file is trusted: every offset and size is checked against the size of the input
 * before it is used, sums are checked for overflow, and every allocation has a cap. A file that
 * lies is an error of this file, never a crash.
 *
 * The file is read by pread into capped buffers and never mapped: another process may truncate it
 * at any time, and a page fault beyond the new end of a mapped file kills the reader by SIGBUS,
 * while pread merely comes back short. Headers are read once, at opening; contents are read when
 * asked for, and nothing is cached. One thread at a time; the handle borrows the descriptor or the
 * memory it was opened on. */
#pragma once
#include <elf.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest build-id that is understood; longer ones are treated as absent. */
#define ELF_FILE_BUILD_ID_MAX 64
/* ch_type of a section compressed with zstd (gABI); the elf.h of glibc 2.36 does not name it. */
#define ELF_COMPRESS_ZSTD 2

typedef struct ElfFile ElfFile;

typedef struct {
    const char *name; /* belongs to the ElfFile; "" when the name table is missing or lies */
    uint32_t type;    /* SHT_… */
    uint32_t link, info;
    uint64_t flags; /* SHF_… */
    uint64_t address, offset, size, entry_size;
} ElfSection;

typedef struct {
    uint32_t type, flags; /* PT_…, PF_… */
    uint64_t offset, address, file_size, memory_size;
} ElfSegment;

/* Opens the ELF file behind `fd`, which must stay open as long as the result. NULL with
 * INVALID_ARGUMENT when it is not a 64-bit little-endian ELF file or its headers are malformed,
 * RESOURCE_EXHAUSTED when it has more than 4096 segments or 65536 sections, and the errno's code
 * when reading fails. A file without section headers opens; it just has no sections. */
ElfFile *elf_file_open(int fd, GError **error);
/* The same for `size` bytes of memory, for example the vDSO; borrowed, must stay valid. */
ElfFile *elf_file_open_memory(const void *data, size_t size, GError **error);
/* Opens this process's own vDSO, which is every process's of the same word size; NOT_FOUND when the
 * kernel maps none. */
ElfFile *elf_file_open_vdso(GError **error);
/* NULL is allowed. */
void elf_file_free(ElfFile *elf);

/* ET_EXEC, ET_DYN, … / EM_X86_64, … / virtual address of the entry point, 0 for none. */
uint16_t elf_file_type(const ElfFile *elf);
uint16_t elf_file_machine(const ElfFile *elf);
uint64_t elf_file_entry(const ElfFile *elf);
/* Bytes of the file when it was opened. */
uint64_t elf_file_size(const ElfFile *elf);

size_t elf_file_n_sections(const ElfFile *elf);
/* `index` must be below elf_file_n_sections. */
const ElfSection *elf_file_section(const ElfFile *elf, size_t index);
/* The first section of that name or type, or NULL. */
const ElfSection *elf_file_find_section(const ElfFile *elf, const char *name);
const ElfSection *elf_file_find_section_type(const ElfFile *elf, uint32_t type);
size_t elf_file_n_segments(const ElfFile *elf);
const ElfSegment *elf_file_segment(const ElfFile *elf, size_t index);
const ElfSegment *elf_file_find_segment_type(const ElfFile *elf, uint32_t type);

/* Reads exactly `size` bytes at file offset `offset`. OUT_OF_RANGE beyond the end of the file,
 * DATA_LOSS when the file has become shorter. */
bool elf_file_read(const ElfFile *elf, uint64_t offset, void *buffer, size_t size, GError **error);
/* The same for a virtual address; the bytes must lie in the file part of one PT_LOAD segment. */
bool elf_file_read_address(const ElfFile *elf, uint64_t address, void *buffer, size_t size,
                           GError **error);
/* Returns the contents of a section, decompressed when it is SHF_COMPRESSED (zlib or zstd) or a
 * GNU .zdebug_ section. RESOURCE_EXHAUSTED when it has more than `max_bytes`; a SHT_NOBITS section
 * is NOT_FOUND. Over memory opened by elf_file_open_memory, nothing is copied. */
GBytes *elf_file_read_section(const ElfFile *elf, const ElfSection *section, size_t max_bytes,
                              GError **error);

/* Translates a file offset by the PT_LOAD segments that have all of `flags` (PF_X for the offset of
 * an executable mapping: one page of the file may belong to two segments). A mapping starts at a
 * page, a segment need not, so the rest of a segment's first and last page counts as the segment's.
 * False when no such segment holds it. */
bool elf_file_offset_to_address(const ElfFile *elf, uint64_t offset, uint32_t flags,
                                uint64_t *ret_address);
/* False when the address lies in the file part of no PT_LOAD segment. */
bool elf_file_address_to_offset(const ElfFile *elf, uint64_t address, uint64_t *ret_offset);
/* True when `address` lies in an executable PT_LOAD segment. */
bool elf_file_is_executable(const ElfFile *elf, uint64_t address);

/* Copies the GNU build-id, or the SHA-256 of Go's own build id text when there is only that, and
 * returns its size; 0 when there is none. */
size_t elf_file_build_id(const ElfFile *elf, uint8_t ret_id[ELF_FILE_BUILD_ID_MAX]);
/* Reads .gnu_debuglink: the file name (to be freed) and the CRC-32 of the debug file. */
bool elf_file_debuglink(const ElfFile *elf, char **ret_name, uint32_t *ret_crc);
/* True when the file was linked by the Go tool chain (stripped or not). */
bool elf_file_is_go(const ElfFile *elf);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ElfFile, elf_file_free)
