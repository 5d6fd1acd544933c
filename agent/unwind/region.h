/* The executable regions of an ELF file, and what holds in them where there is no CFI. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/unwind/rules.h"
#include "lib/symbol/elf_file.h"

typedef struct {
    uint64_t start, end;  /* virtual addresses */
    const char *name;     /* of the section; "" for a segment; belongs to the ElfFile */
    uint32_t n_functions; /* with CFI that start in it; counted by the table builder */
} Region;

/* The executable sections that are loaded, or the executable segments of a file without section
 * headers: sorted, overlaps cut off, empty ones left out. */
GArray *region_list_new(const ElfFile *elf);
/* The region that holds `address`, or NULL. */
Region *region_list_find(GArray *regions, uint64_t address);

/* True for linkage tables and the .init and .fini of the C runtime, whose code is always the same.
 */
bool region_is_known(const Region *region);
/* Hands the rows of such a region without any CFI to `on_row`. */
void region_rows(const Region *region, const ElfFile *elf, UnwindRowFunc on_row, void *data);
