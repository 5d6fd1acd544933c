/* The symbol space of one dataset (the profiles of one service of one tenant) in one source (the
 * live head or one block). Plain arrays, addressed by dense ids, so that the head and a block read
 * the same way.
 *
 * A stack is a node of the location trie: its frames are the node, its parent, and so on to the
 * root. Node 0 is the root and has no location. A parent's id is always smaller than its child's,
 * so totals are one reverse pass. Beside it stands the function trie, the same stacks folded to
 * function names with inlined lines expanded; function_of_node maps a location node to the function
 * node it ends in. In a block the function trie is in pre-order with siblings sorted by name, and
 * function_of_node never falls: the stacks below a function path are one interval of node ids. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
    uint32_t name, system_name, filename; /* strings */
    uint32_t start_line;
} SymbolFunction;

typedef struct {
    uint32_t function; /* id */
    uint32_t line;
} SymbolLine;

enum {
    SYMBOL_HAS_FUNCTIONS = 1,
    SYMBOL_HAS_FILENAMES = 2,
    SYMBOL_HAS_LINE_NUMBERS = 4,
    SYMBOL_HAS_INLINE_FRAMES = 8,
};

typedef struct {
    uint64_t start, limit, offset;
    uint32_t filename, build_id; /* strings */
    uint32_t flags;              /* SYMBOL_HAS_… */
} SymbolMapping;

/* A location with lines has address 0, and its mapping no address range: the addresses of one
 * source line, in every process, are one location. One without lines keeps both, and first_line is
 * then the string that stands for its function: "[libc.so.6]" after its mapping, or "[unknown]". */
typedef struct {
    uint64_t address;
    uint32_t mapping;             /* id + 1; 0 is none */
    uint32_t first_line, n_lines; /* the innermost inlined callee first */
    uint32_t is_folded;
} SymbolLocation;

typedef struct {
    const char *string_bytes;
    const uint32_t *string_offset; /* n_strings + 1 of them */
    const SymbolFunction *functions;
    const SymbolLine *lines;
    const SymbolMapping *mappings;
    const SymbolLocation *locations;
    const uint32_t *node_parent, *node_location, *function_of_node; /* n_nodes */
    const uint32_t *function_parent, *function_name; /* n_function_nodes; the name is a string */
    uint32_t n_strings, n_functions, n_lines, n_mappings, n_locations, n_nodes, n_function_nodes;
} SymbolView;

static inline const char *
symbol_string(const SymbolView *view, uint32_t id, uint32_t *ret_length)
{
    uint32_t start = view->string_offset[id];
    *ret_length = view->string_offset[id + 1] - start;
    return view->string_bytes + start;
}
