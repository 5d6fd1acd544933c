/* A reader of DWARF call frame information: .eh_frame (LSB 5.0, with or without its .eh_frame_hdr)
 * and .debug_frame (DWARF versions 2 to 5: CIE versions 1, 3, 4).
 *
 * A section is a list of entries: CIEs, which say how to read, and FDEs, one per function, which
 * refer back to a CIE. FDEs stand in link order, not in address order. Nothing is allocated per
 * entry; parsed CIEs are kept in a small cache. The section's bytes are borrowed and not trusted.
 * One thread at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind/cfi_rule.h"
#include "agent/unwind/rules.h"
#include "lib/symbol/elf_file.h"

typedef struct {
    const uint8_t *data;
    size_t size;
    uint64_t address; /* virtual address of data[0]; 0 for .debug_frame */
    bool is_debug_frame;
    uint64_t text_address, data_address; /* bases of DW_EH_PE_textrel and DW_EH_PE_datarel */
    const ElfFile *elf;                  /* where DW_EH_PE_indirect looks; may be NULL */
} CfiSection;

/* Of a CIE. */
typedef struct {
    uint64_t offset; /* of the CIE in the section, ~0 in a free cache slot */
    const uint8_t *program;
    size_t program_size;
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t personality; /* 0: none */
    uint32_t return_register;
    uint8_t pointer_encoding, lsda_encoding, address_size;
    bool has_augmentation, is_signal_frame, is_good;
    CfiState initial; /* after the CIE's own program */
} CfiCommon;

/* Of an FDE. */
typedef struct {
    uint64_t offset;     /* of the FDE in the section */
    uint64_t start, end; /* virtual addresses, [start, end) */
    uint64_t lsda;       /* 0: none */
    const uint8_t *program;
    size_t program_size;
    const CfiCommon *common; /* valid until the next call that reads an entry */
} CfiEntry;

typedef struct CfiReader CfiReader;

CfiReader *cfi_reader_new(const CfiSection *section);
void cfi_reader_free(CfiReader *reader);

/* Goes to the FDE at or behind *offset (0 at first) and moves *offset behind it. False at the end.
 * Entries that make no sense are left out and counted. */
bool cfi_reader_next(CfiReader *reader, uint64_t *offset, CfiEntry *ret_entry);
/* Reads the FDE at an offset that cfi_reader_next, or an .eh_frame_hdr, gave. */
bool cfi_reader_read(CfiReader *reader, uint64_t offset, CfiEntry *ret_entry);
size_t cfi_reader_n_malformed(const CfiReader *reader);

/* Runs the entry's program: hands each row whose rule differs from the row before to `on_row`, the
 * first one at entry->start. False when the program is malformed; the rows up to the fault have
 * been handed out, and the one at the fault is UNWIND_CFA_NONE. */
bool cfi_entry_rows(const CfiEntry *entry, UnwindRowFunc on_row, void *data);

/* Reads the .eh_frame (or .debug_frame) of a file: `ret_section` points into the result, which the
 * caller frees last. Without section headers .eh_frame is found by PT_GNU_EH_FRAME. NULL with
 * NOT_FOUND when there is none, RESOURCE_EXHAUSTED when it has more than `max_bytes`. */
GBytes *cfi_section_read(const ElfFile *elf, bool is_debug_frame, size_t max_bytes,
                         CfiSection *ret_section, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CfiReader, cfi_reader_free)
