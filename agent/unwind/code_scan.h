/* Unwind rows for code without call frame information, from the code itself: musl is built without
 * CFI, and so is much hand-written assembly.
 *
 * The instructions are followed in order of their addresses; push, pop, and arithmetic on rsp say
 * how far the stack pointer is from where it was at the function's start, and direct jumps carry
 * that to where they lead. Functions start where symbols say, where a direct call leads, where an
 * address is taken, and behind the padding after code that does not go on. A place whose state is
 * not known gets UNWIND_CFA_NONE: nothing is guessed. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "agent/unwind/rules.h"
#include "lib/symbol/elf_file.h"

/* A longer piece of code is not scanned. */
#define CODE_SCAN_BYTES_MAX (8u << 20)

/* The addresses of the file's function symbols, sorted uint64_t. */
GArray *code_symbols_new(const ElfFile *elf);

/* Hands out the rows of the code in [start, end). False when it cannot be read or is larger than
 * CODE_SCAN_BYTES_MAX. */
bool code_scan_rows(const ElfFile *elf, const GArray *symbols, uint64_t start, uint64_t end,
                    UnwindRowFunc on_row, void *data);
