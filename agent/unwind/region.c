#include "agent/unwind/region.h"

#include <string.h>

/* More regions than any linker makes; the list is searched linearly when it is built. */
#define REGIONS_MAX 4096

static int
compare_regions(const void *a, const void *b)
{
    const Region *left = a, *right = b;
    return left->start < right->start ? -1 : left->start > right->start;
}

static void
add_region(GArray *regions, uint64_t start, uint64_t size, const char *name)
{
    uint64_t end;
    if (size == 0 || __builtin_add_overflow(start, size, &end) || regions->len == REGIONS_MAX)
        return;
    Region region = {.start = start, .end = end, .name = name};
    g_array_append_val(regions, region);
}

GArray *
region_list_new(const ElfFile *elf)
{
    GArray *regions = g_array_new(FALSE, FALSE, sizeof(Region));
    const uint64_t wanted = SHF_ALLOC | SHF_EXECINSTR;
    for (size_t i = 0; i < elf_file_n_sections(elf); i++) {
        const ElfSection *section = elf_file_section(elf, i);
        if ((section->flags & wanted) == wanted && elf_file_is_executable(elf, section->address))
            add_region(regions, section->address, section->size, section->name);
    }
    for (size_t i = 0; i < elf_file_n_segments(elf) && elf_file_n_sections(elf) == 0; i++) {
        const ElfSegment *segment = elf_file_segment(elf, i);
        if (segment->type == PT_LOAD && (segment->flags & PF_X))
            add_region(regions, segment->address, segment->memory_size, "");
    }
    g_array_sort(regions, compare_regions);
    guint n = 0;
    for (guint i = 0; i < regions->len; i++) {
        Region region = g_array_index(regions, Region, i);
        if (n > 0)
            region.start = MAX(region.start, g_array_index(regions, Region, n - 1).end);
        if (region.start < region.end)
            g_array_index(regions, Region, n++) = region;
    }
    g_array_set_size(regions, n);
    return regions;
}

Region *
region_list_find(GArray *regions, uint64_t address)
{
    guint low = 0, high = regions->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        Region *region = &g_array_index(regions, Region, middle);
        if (address < region->start)
            high = middle;
        else if (address >= region->end)
            low = middle + 1;
        else
            return region;
    }
    return NULL;
}

static const struct unwind_rule *
sp_rule(struct unwind_rule *rule, int32_t offset)
{
    *rule = (struct unwind_rule){.cfa = UNWIND_CFA_SP, .cfa_offset = offset, .ra_offset = -8};
    return rule;
}

/* Entry 0 pushes one word and jumps to the resolver; each further one either jumps or pushes an
 * index and jumps to entry 0: `jmp *slot; push $n; jmp` or `endbr64; push $n; jmp`. */
static void
plt_rows(const Region *region, const uint8_t *code, size_t size, UnwindRowFunc on_row, void *data)
{
    struct unwind_rule rule;
    bool is_lazy = size >= 32 && code[0] == 0xff && code[1] == 0x35;
    uint8_t pushed = 0;
    if (is_lazy && code[16] == 0xff && code[17] == 0x25 && code[22] == 0x68)
        pushed = 11;
    else if (is_lazy && memcmp(code + 16, "\xf3\x0f\x1e\xfa\x68", 5) == 0)
        pushed = 9;
    if (pushed == 0) {
        on_row(data, region->start, sp_rule(&rule, 8));
        return;
    }
    on_row(data, region->start, sp_rule(&rule, 16));
    on_row(data, region->start + 6, sp_rule(&rule, 24));
    rule = (struct unwind_rule){.cfa = UNWIND_CFA_PLT, .reg = pushed, .ra_offset = -8};
    on_row(data, region->start + 16, &rule);
}

/* _init and _fini of the C runtime: `sub $8, %rsp` … `add $8, %rsp; ret`. */
static bool
init_rows(const Region *region, const uint8_t *code, size_t size, UnwindRowFunc on_row, void *data)
{
    static const uint8_t ENDBR[] = {0xf3, 0x0f, 0x1e, 0xfa};
    static const uint8_t SUB[] = {0x48, 0x83, 0xec, 0x08};
    static const uint8_t ADD_RET[] = {0x48, 0x83, 0xc4, 0x08, 0xc3};
    size_t at = size >= 4 && memcmp(code, ENDBR, 4) == 0 ? 4 : 0;
    if (region->end - region->start != size || size < at + sizeof(SUB) + sizeof(ADD_RET) ||
        memcmp(code + at, SUB, sizeof(SUB)) != 0 ||
        memcmp(code + size - sizeof(ADD_RET), ADD_RET, sizeof(ADD_RET)) != 0)
        return false;
    struct unwind_rule rule;
    on_row(data, region->start, sp_rule(&rule, 8));
    on_row(data, region->start + at + sizeof(SUB), sp_rule(&rule, 16));
    on_row(data, region->end - 1, sp_rule(&rule, 8));
    return true;
}

static bool
is_linkage_table(const Region *region)
{
    return g_str_has_prefix(region->name, ".plt") || strcmp(region->name, ".iplt") == 0;
}

bool
region_is_known(const Region *region)
{
    return is_linkage_table(region) || g_str_equal(region->name, ".init") ||
           g_str_equal(region->name, ".fini");
}

void
region_rows(const Region *region, const ElfFile *elf, UnwindRowFunc on_row, void *data)
{
    uint8_t code[128];
    size_t size = MIN(region->end - region->start, sizeof(code));
    if (!elf_file_read_address(elf, region->start, code, size, NULL))
        size = 0;
    if (is_linkage_table(region)) {
        plt_rows(region, code, size, on_row, data);
        return;
    }
    if (init_rows(region, code, size, on_row, data))
        return;
    struct unwind_rule chain = {.cfa = UNWIND_CFA_FRAME_POINTER,
                                .fp = UNWIND_FP_CFA,
                                .cfa_offset = 16,
                                .fp_offset = -16,
                                .ra_offset = -8};
    on_row(data, region->start, &chain);
}
