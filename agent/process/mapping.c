#include "agent/process/mapping.h"

static void
clear_mapping(gpointer pointer)
{
    Mapping *mapping = pointer;
    g_clear_pointer(&mapping->executable, executable_unref);
}

GArray *
mapping_list_new(void)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Mapping));
    g_array_set_clear_func(list, clear_mapping);
    return list;
}

static void
append(GArray *list, const Mapping *from, uint64_t start, uint64_t end)
{
    Mapping mapping = *from;
    if (start >= end)
        return;
    mapping.start = start;
    mapping.end = end;
    if (mapping.executable != NULL)
        executable_ref(mapping.executable);
    g_array_append_val(list, mapping);
}

/* The parts of `list` outside [start, end), with `between` (or NULL) in its place. */
static GArray *
replace_range(const GArray *list, uint64_t start, uint64_t end, const Mapping *between)
{
    GArray *made = mapping_list_new();
    bool is_placed = between == NULL;
    for (guint i = 0; i < list->len; i++) {
        const Mapping *old = &g_array_index(list, Mapping, i);
        append(made, old, old->start, MIN(old->end, start));
        if (!is_placed && old->end > start) {
            append(made, between, start, end);
            is_placed = true;
        }
        append(made, old, MAX(old->start, end), old->end);
    }
    if (!is_placed)
        append(made, between, start, end);
    return made;
}

bool
mapping_list_append(GArray *list, const Mapping *mapping)
{
    if (list->len > 0 && g_array_index(list, Mapping, list->len - 1).end > mapping->start)
        return false;
    append(list, mapping, mapping->start, mapping->end);
    return true;
}

GArray *
mapping_list_insert(const GArray *list, const Mapping *mapping)
{
    return replace_range(list, mapping->start, mapping->end, mapping);
}

GArray *
mapping_list_remove(const GArray *list, uint64_t start, uint64_t end)
{
    return replace_range(list, start, end, NULL);
}

const Mapping *
mapping_list_find(const GArray *list, uint64_t address)
{
    guint low = 0, high = list->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(list, Mapping, middle).start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const Mapping *mapping = &g_array_index(list, Mapping, low - 1);
    return address < mapping->end ? mapping : NULL;
}
