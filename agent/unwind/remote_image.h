/* What unwinding in user space keeps of one executable: its ELF headers, where its .eh_frame_hdr
 * search table lies, and, once it was needed, its unwind table. File contents are read through a
 * small cache of blocks. One thread at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/process/executable.h"
#include "agent/unwind/table.h"

typedef struct RemoteImage RemoteImage;

/* The search table of .eh_frame_hdr, when it has the form that linkers write: pairs of 32-bit
 * (start, FDE) offsets from the header's own address. */
typedef struct {
    uint64_t header_address, table_address; /* virtual addresses */
    uint32_t n_entries;
} RemoteSearchTable;

/* Never fails: an executable that cannot be read is remembered as such. */
RemoteImage *remote_image_new(const Executable *executable);
void remote_image_free(RemoteImage *image);

uint64_t remote_image_id(const RemoteImage *image);
/* Copies bytes at a virtual address out of segments that processes cannot have changed. */
bool remote_image_read(RemoteImage *image, uint64_t address, void *buffer, size_t size);
/* NULL when there is none. */
const RemoteSearchTable *remote_image_search_table(const RemoteImage *image);
/* The rule at a virtual address; builds the unwind table on the first call. */
struct unwind_rule remote_image_rule(RemoteImage *image, UnwindRules *rules, uint64_t address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteImage, remote_image_free)
