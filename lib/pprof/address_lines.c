#include "lib/pprof/address_lines.h"

typedef struct {
    guint first, n;
} Range;

struct AddressLines {
    size_t n;
    Range *ranges;         /* of each address, in `lines` */
    GArray *lines;         /* AddressLine */
    GStringChunk *strings; /* their texts */
};

enum { STRINGS_BLOCK_BYTES = 4096 };

AddressLines *
address_lines_new(size_t n)
{
    AddressLines *lines = g_new(AddressLines, 1);
    *lines = (AddressLines){.n = n,
                            .ranges = g_new0(Range, n + 1),
                            .lines = g_array_new(FALSE, FALSE, sizeof(AddressLine)),
                            .strings = g_string_chunk_new(STRINGS_BLOCK_BYTES)};
    return lines;
}

void
address_lines_free(AddressLines *lines)
{
    if (lines == NULL)
        return;
    g_string_chunk_free(lines->strings);
    g_array_unref(lines->lines);
    g_free(lines->ranges);
    g_free(lines);
}

void
address_lines_append(AddressLines *lines, size_t address, const AddressLine *line)
{
    g_return_if_fail(address < lines->n);
    Range *range = &lines->ranges[address];
    if (range->n == 0)
        range->first = lines->lines->len;
    g_return_if_fail(range->first + range->n == lines->lines->len);
    AddressLine copy = *line;
    copy.name = g_string_chunk_insert_const(lines->strings, line->name);
    copy.system_name = g_string_chunk_insert_const(lines->strings, line->system_name);
    copy.filename = g_string_chunk_insert_const(lines->strings, line->filename);
    g_array_append_val(lines->lines, copy);
    range->n++;
}

size_t
address_lines_get(const AddressLines *lines, size_t address, const AddressLine **ret_lines)
{
    g_return_val_if_fail(address < lines->n, 0);
    Range range = lines->ranges[address];
    *ret_lines = range.n > 0 ? &g_array_index(lines->lines, AddressLine, range.first) : NULL;
    return range.n;
}
