#include "lib/symbol/dwarf_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <string.h>

enum {
    RANGES_MAX = 4 * 1000 * 1000, /* of units, and of functions of one unit: 64 and 96 MB */
    TREE_DEPTH_MAX = 128,
    OVERLAP_MAX = 16, /* ranges looked at backwards for one that holds the address */
};

/* A piece of code of a unit (index in `units`) or of a function (offset of its entry). */
typedef struct {
    uint64_t start, end;
    Dwarf_Off owner;
} Range;

typedef struct {
    Dwarf_Die die;
    GArray *functions; /* Range by start; NULL until the first address of the unit */
    bool is_deep;      /* functions inside functions are indexed as well */
} Unit;

struct DwarfLines {
    Dwarf *dwarf;
    GArray *units;  /* Unit */
    GArray *ranges; /* Range by start; NULL until the first lookup */
};

typedef struct {
    Dwarf_Die dies[SYMBOL_LINES_MAX]; /* the function, then what is inlined in it, inwards */
    size_t n;
} Chain;

DwarfLines *
dwarf_lines_new(Elf *elf)
{
    Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    Dwarf_CU *first = NULL;
    /* A file may have .debug_frame only. */
    if (dwarf == NULL || dwarf_get_units(dwarf, NULL, &first, NULL, NULL, NULL, NULL) != 0) {
        dwarf_end(dwarf);
        return NULL;
    }
    DwarfLines *lines = g_new0(DwarfLines, 1);
    lines->dwarf = dwarf;
    lines->units = g_array_new(FALSE, FALSE, sizeof(Unit));
    return lines;
}

void
dwarf_lines_free(DwarfLines *dwarf)
{
    if (dwarf == NULL)
        return;
    for (guint i = 0; i < dwarf->units->len; i++)
        g_clear_pointer(&g_array_index(dwarf->units, Unit, i).functions, g_array_unref);
    g_array_unref(dwarf->units);
    g_clear_pointer(&dwarf->ranges, g_array_unref);
    dwarf_end(dwarf->dwarf);
    g_free(dwarf);
}

static int
compare_ranges(const void *left, const void *right)
{
    const Range *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    /* The narrower one last, so that a search backwards meets it first. */
    return a->end == b->end ? 0 : (a->end > b->end ? -1 : 1);
}

static void
add_ranges(GArray *ranges, Dwarf_Die *die, Dwarf_Off owner)
{
    Dwarf_Addr base, start, end;
    for (ptrdiff_t offset = 0; ranges->len < RANGES_MAX &&
                               (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0;) {
        Range range = {start, end, owner};
        /* Code that the linker dropped has address 0. */
        if (start != 0 && start < end)
            g_array_append_val(ranges, range);
    }
}

static void
index_units(DwarfLines *lines)
{
    lines->ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    Dwarf_CU *cu = NULL;
    Dwarf_Die die, split;
    uint8_t type;
    while (dwarf_get_units(lines->dwarf, cu, &cu, NULL, &type, &die, &split) == 0) {
        if (type == DW_UT_type || type == DW_UT_split_type)
            continue;
        add_ranges(lines->ranges, &die, lines->units->len);
        /* The skeleton has the ranges, its other half everything else. */
        bool is_skeleton = type == DW_UT_skeleton && split.addr != NULL;
        Unit unit = {.die = is_skeleton ? split : die};
        g_array_append_val(lines->units, unit);
    }
    g_array_sort(lines->ranges, compare_ranges);
}

static const Range *
find_range(const GArray *ranges, uint64_t address)
{
    guint low = 0, high = ranges->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(ranges, Range, middle).start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (guint i = low; i > 0 && low - i < OVERLAP_MAX; i--) {
        const Range *range = &g_array_index(ranges, Range, i - 1);
        if (address < range->end)
            return range;
    }
    return NULL;
}

/* True for entries that may contain functions; with `is_deep` also for code. */
static bool
is_container(int tag, bool is_deep)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type: /* Rust has functions in enumerations */
        return true;
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        return is_deep;
    default:
        return false;
    }
}

static void
collect_functions(GArray *functions, Dwarf_Die *parent, bool is_deep, int depth)
{
    Dwarf_Die die;
    if (depth > TREE_DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram)
            add_ranges(functions, &die, dwarf_dieoffset(&die));
        if (is_container(tag, is_deep))
            collect_functions(functions, &die, is_deep, depth + 1);
    } while (functions->len < RANGES_MAX && dwarf_siblingof(&die, &die) == 0);
}

/* Finds the function entry; nested functions are rare, and looked for only when nothing else is
 * there, because that means reading the whole unit. */
static bool
find_function(DwarfLines *lines, Unit *unit, uint64_t address, Dwarf_Die *ret_die)
{
    for (;;) {
        if (unit->functions == NULL) {
            unit->functions = g_array_new(FALSE, FALSE, sizeof(Range));
            collect_functions(unit->functions, &unit->die, unit->is_deep, 0);
            g_array_sort(unit->functions, compare_ranges);
        }
        const Range *range = find_range(unit->functions, address);
        if (range != NULL) {
            Dwarf *dwarf = dwarf_cu_getdwarf(unit->die.cu);
            return dwarf_offdie(dwarf != NULL ? dwarf : lines->dwarf, range->owner, ret_die) !=
                   NULL;
        }
        if (unit->is_deep)
            return false;
        unit->is_deep = true;
        g_clear_pointer(&unit->functions, g_array_unref);
    }
}

/* Follows the inlined calls that hold `address` inwards from `parent`. */
static void
collect_inlined(Chain *chain, Dwarf_Die *parent, uint64_t address, int depth)
{
    Dwarf_Die die;
    if (depth > TREE_DEPTH_MAX || chain->n == SYMBOL_LINES_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        bool is_call = tag == DW_TAG_inlined_subroutine;
        bool is_block = tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
                        tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
        if (!is_call && !is_block)
            continue;
        bool has_ranges = dwarf_hasattr(&die, DW_AT_low_pc) || dwarf_hasattr(&die, DW_AT_ranges);
        if (has_ranges && dwarf_haspc(&die, address) == 1) {
            if (is_call)
                chain->dies[chain->n++] = die;
            collect_inlined(chain, &die, address, depth + 1);
            return;
        }
        if (is_block && !has_ranges) {
            size_t before = chain->n;
            collect_inlined(chain, &die, address, depth + 1);
            if (chain->n > before)
                return;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

static const char *
die_name(Dwarf_Die *die)
{
    static const unsigned int attributes[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name,
                                              DW_AT_name};
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        Dwarf_Attribute attribute;
        if (dwarf_attr_integrate(die, attributes[i], &attribute) == NULL)
            continue;
        const char *name = dwarf_formstring(&attribute);
        if (name != NULL && name[0] != '\0')
            return name;
    }
    return NULL;
}

static Dwarf_Word
die_number(Dwarf_Die *die, unsigned int name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (dwarf_attr(die, name, &attribute) == NULL || dwarf_formudata(&attribute, &value) != 0)
        return 0;
    return value;
}

static const char *
call_file(Unit *unit, Dwarf_Die *die)
{
    Dwarf_Files *files;
    size_t n_files;
    Dwarf_Word file = die_number(die, DW_AT_call_file);
    if (dwarf_getsrcfiles(&unit->die, &files, &n_files) != 0 || file >= n_files)
        return "";
    const char *path = dwarf_filesrc(files, file, NULL, NULL);
    return path != NULL ? path : "";
}

static void
fill_source(Unit *unit, uint64_t address, SymbolLine *line)
{
    Dwarf_Line *row = dwarf_getsrc_die(&unit->die, address);
    int number = 0;
    if (row == NULL)
        return;
    const char *file = dwarf_linesrc(row, NULL, NULL);
    line->file = file != NULL ? file : "";
    if (dwarf_lineno(row, &number) == 0 && number > 0)
        line->line = (uint32_t)number;
}

static size_t
fill_lines(Unit *unit, Chain *chain, uint64_t address, SymbolLine lines[SYMBOL_LINES_MAX])
{
    SymbolLine source = {.file = ""};
    fill_source(unit, address, &source);
    for (size_t i = 0; i < chain->n; i++) {
        Dwarf_Die *die = &chain->dies[chain->n - 1 - i];
        int start = 0;
        lines[i] = source;
        lines[i].name = die_name(die);
        if (dwarf_decl_line(die, &start) == 0 && start > 0)
            lines[i].start_line = (uint32_t)start;
        /* Where this one was called is the source line of the next one outwards. */
        source = (SymbolLine){.file = ""};
        if (i + 1 < chain->n) {
            source.file = call_file(unit, die);
            source.line = (uint32_t)die_number(die, DW_AT_call_line);
        }
        if (lines[i].name == NULL && i + 1 < chain->n)
            lines[i].name = "[inlined]";
    }
    if (chain->n > 0 || source.line == 0)
        return chain->n;
    lines[0] = source;
    return 1;
}

size_t
dwarf_lines_find(DwarfLines *dwarf, uint64_t address, SymbolLine lines[SYMBOL_LINES_MAX])
{
    if (dwarf->ranges == NULL)
        index_units(dwarf);
    const Range *range = find_range(dwarf->ranges, address);
    if (range == NULL)
        return 0;
    Unit *unit = &g_array_index(dwarf->units, Unit, range->owner);
    Chain chain = {.n = 0};
    if (find_function(dwarf, unit, address, &chain.dies[0])) {
        chain.n = 1;
        collect_inlined(&chain, &chain.dies[0], address, 0);
    }
    return fill_lines(unit, &chain, address, lines);
}
