/* Function symbols of one ELF file, for tests: enough to name the frames of fixtures. */
#pragma once
#include <stdint.h>

#include "agent/process/executable.h"

typedef struct Symbols Symbols;

/* Reads .symtab, else .dynsym, of the executable or of the file at `other_path`. Never NULL. */
Symbols *symbols_read(Executable *executable, const char *other_path);
void symbols_free(Symbols *symbols);
/* The function that begins at or last before `address`, or NULL. */
const char *symbols_find(const Symbols *symbols, uint64_t address);
