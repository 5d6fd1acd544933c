/* The function symbols of one executable, sorted by address: 16 bytes each, the names stay in the
 * mapped string tables.
 *
 * Of several symbols at one address one is kept: a function before an untyped label, global before
 * weak before local, the longer range, fewer leading underscores, the longer name (as perf chooses,
 * so that the tools agree). A symbol without a size reaches to the next one. */
#pragma once
#include <gelf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct SymbolTable SymbolTable;

SymbolTable *symbol_table_new(void);
void symbol_table_free(SymbolTable *table);

/* Adds the functions of section type `type` (SHT_SYMTAB or SHT_DYNSYM) of `elf`, which must outlive
 * the table. False when there is no such section or it cannot be read; a symbol whose name lies
 * outside the string table is left out. At most four sections. */
bool symbol_table_add(SymbolTable *table, Elf *elf, uint32_t type);
/* Sorts; to be called once after the last add. */
void symbol_table_finish(SymbolTable *table);

/* Returns the name of the function that holds `address` and its start, or NULL. */
const char *symbol_table_find(const SymbolTable *table, uint64_t address, uint64_t *ret_start);
size_t symbol_table_count(const SymbolTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SymbolTable, symbol_table_free)
