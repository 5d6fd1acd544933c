/* Where functions begin, from the search table of .eh_frame_hdr: also in a file without symbols, so
 * that the addresses of one function can be called by one name there. Source: the Linux Standard
 * Base, "DWARF Extensions", section 10.6.2. */
#pragma once
#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const uint8_t *table; /* pairs of 32-bit offsets from `base`: function, its FDE; borrowed */
    uint64_t base;        /* address of .eh_frame_hdr */
    uint32_t n;
} FunctionStarts;

/* Fills *ret_starts from `elf`, which must outlive it; without any functions when the file has no
 * such table, or one of a form that no linker writes. */
void function_starts_init(FunctionStarts *ret_starts, Elf *elf);

/* Finds the start of the function that holds `address`. False when there is none within 1 MiB in
 * front of it. */
bool function_starts_find(const FunctionStarts *starts, uint64_t address, uint64_t *ret_start);
