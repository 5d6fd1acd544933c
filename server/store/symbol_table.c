#include "server/store/symbol_table.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "include/cresset/limits.h"

#define AT(table, column, type) ((type *)(table)->column.data)

void
symbol_table_init(SymbolTable *table, ColumnGuard *guard)
{
    *table = (SymbolTable){.guard = guard};
    table->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    column_init(&table->string_bytes, 1);
    column_init(&table->string_offset, sizeof(uint32_t));
    column_init(&table->functions, sizeof(SymbolFunction));
    column_init(&table->lines, sizeof(SymbolLine));
    column_init(&table->mappings, sizeof(SymbolMapping));
    column_init(&table->locations, sizeof(SymbolLocation));
    Column *ids[] = {&table->node_parent, &table->node_location, &table->function_of_node,
                     &table->function_parent, &table->function_name};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        column_init(ids[i], sizeof(uint32_t));
        *(uint32_t *)column_push(ids[i], guard, 1) = 0;
    }
    *(uint32_t *)column_push(&table->string_offset, guard, 1) = 0;
    symbol_table_string(table, "", 0);
}

void
symbol_table_freeze(SymbolTable *table)
{
    HashIndex *indexes[] = {&table->strings_by_hash,  &table->functions_by_hash,
                            &table->mappings_by_hash, &table->locations_by_hash,
                            &table->nodes_by_path,    &table->function_nodes_by_edge,
                            &table->stacks,           &table->addresses};
    for (size_t i = 0; i < G_N_ELEMENTS(indexes); i++)
        hash_index_clear(indexes[i]);
    g_clear_pointer(&table->paths, g_free);
    table->paths_capacity = 0;
}

void
symbol_table_clear(SymbolTable *table)
{
    symbol_table_freeze(table);
    Column *columns[] = {&table->string_bytes,    &table->string_offset, &table->functions,
                         &table->lines,           &table->mappings,      &table->locations,
                         &table->node_parent,     &table->node_location, &table->function_of_node,
                         &table->function_parent, &table->function_name};
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        column_clear(columns[i]);
}

static uint32_t
add_string(SymbolTable *table, const char *text, size_t length)
{
    uint32_t id = table->string_offset.n - 1;
    if (length > 0)
        memcpy(column_push(&table->string_bytes, table->guard, (uint32_t)length), text, length);
    *(uint32_t *)column_push(&table->string_offset, table->guard, 1) = table->string_bytes.n;
    return id;
}

uint32_t
symbol_table_string(SymbolTable *table, const char *text, size_t length)
{
    uint64_t hash = XXH3_64bits_withSeed(text, length, table->seed);
    const HashIndex *index = &table->strings_by_hash;
    uint32_t at = index->n_slots > 0 ? hash_index_start(index, hash) : 0;
    for (uint32_t id; (id = hash_index_next(index, hash, &at)) != HASH_INDEX_NONE;) {
        const uint32_t *offset = AT(table, string_offset, uint32_t) + id;
        if (offset[1] - offset[0] == length &&
            memcmp(AT(table, string_bytes, char) + offset[0], text, length) == 0)
            return id;
    }
    uint32_t id = add_string(table, text, length);
    hash_index_add(&table->strings_by_hash, hash, id);
    return id;
}

/* Finds or adds a fixed-size entry without padding bytes. */
static uint32_t
intern_entry(SymbolTable *table, Column *column, HashIndex *index, const void *entry)
{
    uint32_t size = column->element_size;
    uint64_t hash = XXH3_64bits_withSeed(entry, size, table->seed);
    uint32_t at = index->n_slots > 0 ? hash_index_start(index, hash) : 0;
    for (uint32_t id; (id = hash_index_next(index, hash, &at)) != HASH_INDEX_NONE;) {
        if (memcmp((const char *)column->data + (size_t)id * size, entry, size) == 0)
            return id;
    }
    uint32_t id = column->n;
    memcpy(column_push(column, table->guard, 1), entry, size);
    hash_index_add(index, hash, id);
    return id;
}

_Static_assert(sizeof(SymbolFunction) == 16, "no padding, compared and hashed as bytes");
_Static_assert(sizeof(SymbolLine) == 8, "no padding, compared and hashed as bytes");

uint32_t
symbol_table_function(SymbolTable *table, const SymbolFunction *function)
{
    return intern_entry(table, &table->functions, &table->functions_by_hash, function);
}

uint32_t
symbol_table_mapping(SymbolTable *table, const SymbolMapping *mapping)
{
    SymbolMapping entry;
    memset(&entry, 0, sizeof entry); /* the padding takes part in hash and comparison */
    entry.start = mapping->start;
    entry.limit = mapping->limit;
    entry.offset = mapping->offset;
    entry.filename = mapping->filename;
    entry.build_id = mapping->build_id;
    entry.flags = mapping->flags;
    return intern_entry(table, &table->mappings, &table->mappings_by_hash, &entry);
}

/* The string that stands for a location without lines: "[libc.so.6]" or "[unknown]". */
static uint32_t
placeholder_name(SymbolTable *table, uint32_t mapping)
{
    const char *path = "unknown";
    size_t length = strlen(path);
    if (mapping != 0) {
        uint32_t filename = AT(table, mappings, SymbolMapping)[mapping - 1].filename;
        const uint32_t *offset = AT(table, string_offset, uint32_t) + filename;
        const char *start = AT(table, string_bytes, char) + offset[0];
        const char *slash = memrchr(start, '/', offset[1] - offset[0]);
        const char *base = slash != NULL ? slash + 1 : start;
        if (base < start + (offset[1] - offset[0])) {
            path = base;
            length = (size_t)(start + (offset[1] - offset[0]) - base);
        }
    }
    g_autofree char *name = g_malloc(length + 2);
    name[0] = '[';
    memcpy(name + 1, path, length);
    name[length + 1] = ']';
    bool is_bracketed = length > 2 && path[0] == '[' && path[length - 1] == ']';
    return is_bracketed ? symbol_table_string(table, name + 1, length)
                        : symbol_table_string(table, name, length + 2);
}

static bool
is_location(const SymbolTable *table, uint32_t id, const SymbolLocation *location,
            const SymbolLine *lines)
{
    const SymbolLocation *entry = AT(table, locations, SymbolLocation) + id;
    return entry->address == location->address && entry->mapping == location->mapping &&
           entry->n_lines == location->n_lines && entry->is_folded == location->is_folded &&
           (entry->n_lines == 0 || memcmp(AT(table, lines, SymbolLine) + entry->first_line, lines,
                                          entry->n_lines * sizeof *lines) == 0);
}

uint32_t
symbol_table_location(SymbolTable *table, const SymbolLocation *location, const SymbolLine *lines)
{
    uint64_t head[2] = {location->address, (uint64_t)location->mapping << 32 |
                                               location->n_lines << 1 | location->is_folded};
    uint64_t hash = XXH3_64bits_withSeed(head, sizeof head, table->seed);
    if (location->n_lines > 0)
        hash = XXH3_64bits_withSeed(lines, location->n_lines * sizeof *lines, hash);
    const HashIndex *index = &table->locations_by_hash;
    uint32_t at = index->n_slots > 0 ? hash_index_start(index, hash) : 0;
    for (uint32_t id; (id = hash_index_next(index, hash, &at)) != HASH_INDEX_NONE;) {
        if (is_location(table, id, location, lines))
            return id;
    }
    SymbolLocation entry = *location;
    entry.first_line =
        entry.n_lines > 0 ? table->lines.n : placeholder_name(table, location->mapping);
    if (entry.n_lines > 0)
        memcpy(column_push(&table->lines, table->guard, entry.n_lines), lines,
               entry.n_lines * sizeof *lines);
    uint32_t id = table->locations.n;
    *(SymbolLocation *)column_push(&table->locations, table->guard, 1) = entry;
    hash_index_add(&table->locations_by_hash, hash, id);
    return id;
}

static uint32_t
function_child(SymbolTable *table, uint32_t parent, uint32_t name)
{
    uint64_t edge = (uint64_t)parent << 32 | name;
    uint32_t id = hash_index_get(&table->function_nodes_by_edge, edge);
    if (id != HASH_INDEX_NONE)
        return id;
    id = table->function_parent.n;
    *(uint32_t *)column_push(&table->function_parent, table->guard, 1) = parent;
    *(uint32_t *)column_push(&table->function_name, table->guard, 1) = name;
    hash_index_add(&table->function_nodes_by_edge, edge, id);
    return id;
}

/* The function node that `location` leads to from `node`, inlined lines expanded. */
static uint32_t
function_path(SymbolTable *table, uint32_t node, uint32_t location)
{
    SymbolLocation entry = AT(table, locations, SymbolLocation)[location];
    if (entry.n_lines == 0)
        return function_child(table, node, entry.first_line);
    for (uint32_t i = entry.n_lines; i-- > 0;) {
        uint32_t function = AT(table, lines, SymbolLine)[entry.first_line + i].function;
        node = function_child(table, node, AT(table, functions, SymbolFunction)[function].name);
    }
    return node;
}

static uint32_t
add_node(SymbolTable *table, uint32_t parent, uint32_t location)
{
    uint32_t above = AT(table, function_of_node, uint32_t)[parent];
    uint32_t function_node = function_path(table, above, location);
    uint32_t id = table->node_parent.n;
    *(uint32_t *)column_push(&table->node_parent, table->guard, 1) = parent;
    *(uint32_t *)column_push(&table->node_location, table->guard, 1) = location;
    *(uint32_t *)column_push(&table->function_of_node, table->guard, 1) = function_node;
    return id;
}

/* Hashes the paths from the root to every frame: paths[i] is that of locations[i], paths[n] that of
 * the root. */
static const uint64_t *
hash_paths(SymbolTable *table, const uint32_t *locations, uint32_t n)
{
    if (table->paths_capacity <= n) {
        table->paths_capacity = MAX(n + 1, 256u);
        table->paths = g_renew(uint64_t, table->paths, table->paths_capacity);
    }
    uint64_t hash = table->paths[n] = table->seed;
    for (uint32_t i = n; i-- > 0;) {
        hash = (hash ^ locations[i]) * 0x9E3779B97F4A7C15ull;
        table->paths[i] = hash ^= hash >> 32;
    }
    return table->paths;
}

/* Finds where a new stack leaves the trie and adds what is missing. The search begins at the leaf:
 * stacks share nearly all of their frames, and lookups by path do not wait for each other. */
static uint32_t
add_stack(SymbolTable *table, const uint32_t *locations, uint32_t n)
{
    const uint64_t *paths = hash_paths(table, locations, n);
    uint32_t known = 0, node = HASH_INDEX_NONE;
    while (known < n &&
           (node = hash_index_get(&table->nodes_by_path, paths[known])) == HASH_INDEX_NONE)
        known++;
    if (known == n)
        node = 0;
    for (uint32_t i = known; i-- > 0;) {
        node = add_node(table, node, locations[i]);
        hash_index_add(&table->nodes_by_path, paths[i], node);
    }
    return node;
}

uint64_t
symbol_table_stack_key(const SymbolTable *table, const uint32_t *locations, uint32_t n)
{
    uint64_t key = XXH3_64bits_withSeed(locations, (size_t)n * sizeof *locations, table->seed);
    hash_index_prefetch(&table->stacks, key);
    return key;
}

uint32_t
symbol_table_stack(SymbolTable *table, uint64_t key, const uint32_t *locations, uint32_t n)
{
    if (n == 0)
        return 0;
    uint32_t node = hash_index_get(&table->stacks, key);
    if (node == HASH_INDEX_NONE) {
        node = add_stack(table, locations, n);
        hash_index_add(&table->stacks, key, node);
    }
    return node;
}

SymbolCounts
symbol_table_counts(const SymbolTable *table)
{
    return (SymbolCounts){
        .n_string_bytes = table->string_bytes.n,
        .n_strings = table->string_offset.n - 1,
        .n_functions = table->functions.n,
        .n_lines = table->lines.n,
        .n_mappings = table->mappings.n,
        .n_locations = table->locations.n,
        .n_nodes = table->node_parent.n,
        .n_function_nodes = table->function_parent.n,
    };
}

void
symbol_table_view(const SymbolTable *table, const SymbolCounts *counts, SymbolView *ret_view)
{
    *ret_view = (SymbolView){
        .string_bytes = table->string_bytes.data,
        .string_offset = table->string_offset.data,
        .functions = table->functions.data,
        .lines = table->lines.data,
        .mappings = table->mappings.data,
        .locations = table->locations.data,
        .node_parent = table->node_parent.data,
        .node_location = table->node_location.data,
        .function_of_node = table->function_of_node.data,
        .function_parent = table->function_parent.data,
        .function_name = table->function_name.data,
        .n_strings = counts->n_strings,
        .n_functions = counts->n_functions,
        .n_lines = counts->n_lines,
        .n_mappings = counts->n_mappings,
        .n_locations = counts->n_locations,
        .n_nodes = counts->n_nodes,
        .n_function_nodes = counts->n_function_nodes,
    };
}

size_t
symbol_table_size(const SymbolTable *table)
{
    const Column *columns[] = {
        &table->string_bytes,    &table->string_offset, &table->functions,
        &table->lines,           &table->mappings,      &table->locations,
        &table->node_parent,     &table->node_location, &table->function_of_node,
        &table->function_parent, &table->function_name};
    const HashIndex *indexes[] = {&table->strings_by_hash,  &table->functions_by_hash,
                                  &table->mappings_by_hash, &table->locations_by_hash,
                                  &table->nodes_by_path,    &table->function_nodes_by_edge,
                                  &table->stacks,           &table->addresses};
    size_t size = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        size += column_size(columns[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(indexes); i++)
        size += indexes[i]->n_slots * sizeof(HashSlot);
    return size;
}

static void
write_tail(Wire *wire, const Column *column, uint32_t from)
{
    uint32_t n = column->n - from;
    wire_put_u32(wire, n);
    wire_put(wire, (const char *)column->data + (size_t)from * column->element_size,
             (size_t)n * column->element_size);
}

void
symbol_table_write(const SymbolTable *table, const SymbolCounts *from, Wire *wire)
{
    write_tail(wire, &table->string_bytes, from->n_string_bytes);
    write_tail(wire, &table->string_offset, from->n_strings + 1);
    write_tail(wire, &table->functions, from->n_functions);
    write_tail(wire, &table->lines, from->n_lines);
    write_tail(wire, &table->mappings, from->n_mappings);
    write_tail(wire, &table->locations, from->n_locations);
    write_tail(wire, &table->node_parent, from->n_nodes);
    write_tail(wire, &table->node_location, from->n_nodes);
}

static void
restore_tail(SymbolTable *table, Column *column, Scan *scan)
{
    uint32_t n = scan_u32(scan);
    size_t size = (size_t)n * column->element_size;
    const uint8_t *bytes = scan_bytes(scan, size);
    if (bytes != NULL && n > 0 && n <= UINT32_MAX - column->n)
        memcpy(column_push(column, table->guard, n), bytes, size);
    else if (n > 0)
        scan->bad = true;
}

/* Whether the restored strings, functions, lines, mappings and locations behind `from` point only
 * at what is there. */
static bool
are_entries_valid(const SymbolTable *table, const SymbolCounts *from)
{
    SymbolCounts now = symbol_table_counts(table);
    const uint32_t *offset = AT(table, string_offset, uint32_t);
    for (uint32_t i = from->n_strings; i < now.n_strings; i++) {
        if (offset[i + 1] < offset[i] || offset[i + 1] > now.n_string_bytes)
            return false;
    }
    for (uint32_t i = from->n_functions; i < now.n_functions; i++) {
        const SymbolFunction *entry = AT(table, functions, SymbolFunction) + i;
        if (MAX(MAX(entry->name, entry->system_name), entry->filename) >= now.n_strings)
            return false;
    }
    for (uint32_t i = from->n_lines; i < now.n_lines; i++) {
        if (AT(table, lines, SymbolLine)[i].function >= now.n_functions)
            return false;
    }
    for (uint32_t i = from->n_mappings; i < now.n_mappings; i++) {
        const SymbolMapping *entry = AT(table, mappings, SymbolMapping) + i;
        if (MAX(entry->filename, entry->build_id) >= now.n_strings)
            return false;
    }
    for (uint32_t i = from->n_locations; i < now.n_locations; i++) {
        const SymbolLocation *entry = AT(table, locations, SymbolLocation) + i;
        uint64_t end = (uint64_t)entry->first_line + entry->n_lines;
        uint64_t limit = entry->n_lines > 0 ? now.n_lines : now.n_strings - 1;
        if (entry->mapping > now.n_mappings || end > limit ||
            entry->n_lines > CRESSET_LOCATION_LINES_MAX)
            return false;
    }
    return true;
}

bool
symbol_table_restore(SymbolTable *table, Scan *scan)
{
    SymbolCounts from = symbol_table_counts(table);
    Column *columns[] = {&table->string_bytes, &table->string_offset, &table->functions,
                         &table->lines,        &table->mappings,      &table->locations};
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        restore_tail(table, columns[i], scan);
    uint32_t n = scan_u32(scan);
    const uint8_t *parents = scan_bytes(scan, (size_t)n * sizeof(uint32_t));
    bool is_paired = scan_u32(scan) == n;
    const uint8_t *locations = scan_bytes(scan, (size_t)n * sizeof(uint32_t));
    if (scan->bad || !is_paired || !are_entries_valid(table, &from))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t parent, location;
        memcpy(&parent, parents + i * sizeof parent, sizeof parent);
        memcpy(&location, locations + i * sizeof location, sizeof location);
        if (parent >= table->node_parent.n || location >= table->locations.n)
            return false;
        add_node(table, parent, location);
    }
    return true;
}
