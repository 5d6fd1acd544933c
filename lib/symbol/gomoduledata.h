/* The few words of Go's runtime.firstmoduledata that the pclntab needs and does not hold itself:
 * where the text starts and where function data lies. Found by its first words, which point into
 * the pclntab, so no symbol is needed; pointers of a position-independent file are taken from its
 * relocations where the file itself holds zeros. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "lib/symbol/elf_file.h"

typedef struct {
    uint64_t text_start, text_end; /* virtual addresses of Go's text */
    uint64_t function_data;        /* go:func.*, what funcdata offsets count from; 0 before 1.18 */
} GoModuledata;

/* `pclntab_address` is where the pclntab lies, `names_offset` where its names start in it, and
 * `n_words_before_function_data` says the layout: 38 in Go 1.18 and 1.19, 40 later, 0 when there
 * is no such field. False when no such structure is found. */
bool gomoduledata_find(const ElfFile *elf, uint64_t pclntab_address, uint64_t names_offset,
                       unsigned n_words_before_function_data, GoModuledata *ret_moduledata);
