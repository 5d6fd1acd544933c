/* The growing symbol tables of one dataset in the live head: what symbols.h views, plus the indexes
 * that intern into it.
 *
 * One writer; readers take a view of a published count (see column.h). A location with lines is
 * stored without its address and its mapping without the address range: the addresses of one source
 * line, in every process, are one location. */
#pragma once
#include "server/store/column.h"
#include "server/store/hash_index.h"
#include "server/store/symbols.h"
#include "server/store/wire.h"

typedef struct {
    uint32_t n_string_bytes, n_strings, n_functions, n_lines, n_mappings, n_locations;
    uint32_t n_nodes, n_function_nodes;
} SymbolCounts;

typedef struct {
    ColumnGuard *guard;
    Column string_bytes, string_offset, functions, lines, mappings, locations;
    Column node_parent, node_location, function_of_node, function_parent, function_name;
    HashIndex strings_by_hash, functions_by_hash, mappings_by_hash, locations_by_hash;
    HashIndex nodes_by_path; /* hash of the location ids from the root → node */
    HashIndex function_nodes_by_edge;
    HashIndex stacks;    /* hash of a stack's location ids → node */
    HashIndex addresses; /* hash of mapping identity, address and names → location */
    uint64_t *paths;     /* the path hashes of the stack in work */
    uint32_t paths_capacity;
    uint64_t seed;
} SymbolTable;

/* Makes an empty table: string 0 is "", node 0 and function node 0 are the roots. */
void symbol_table_init(SymbolTable *table, ColumnGuard *guard);
void symbol_table_clear(SymbolTable *table);
/* Gives the indexes back once nothing is interned any more. */
void symbol_table_freeze(SymbolTable *table);

/* Each returns the id of the entry, made when missing. */
uint32_t symbol_table_string(SymbolTable *table, const char *text, size_t length);
uint32_t symbol_table_function(SymbolTable *table, const SymbolFunction *function);
uint32_t symbol_table_mapping(SymbolTable *table, const SymbolMapping *mapping);
/* first_line of `location` is ignored; n_lines may be 0. */
uint32_t
symbol_table_location(SymbolTable *table, const SymbolLocation *location, const SymbolLine *lines);
/* The node of a stack given as location ids, the leaf first, and its key; between the two calls the
 * memory that the second reads is on its way. */
uint64_t symbol_table_stack_key(const SymbolTable *table, const uint32_t *locations, uint32_t n);
uint32_t
symbol_table_stack(SymbolTable *table, uint64_t key, const uint32_t *locations, uint32_t n);

SymbolCounts symbol_table_counts(const SymbolTable *table);
/* Points `ret_view` at the first `counts` entries. Call under the guard's lock, as a counted
 * reader. */
void symbol_table_view(const SymbolTable *table, const SymbolCounts *counts, SymbolView *ret_view);
size_t symbol_table_size(const SymbolTable *table);

/* Appends everything behind `from` as part of a log frame. */
void symbol_table_write(const SymbolTable *table, const SymbolCounts *from, Wire *wire);
/* Reads what symbol_table_write wrote, behind what is there. False when an id points outside. The
 * table can be read and written afterwards, but no more be interned into. */
bool symbol_table_restore(SymbolTable *table, Scan *scan);
