#include "server/store/row_annotations.h"

#include <stdlib.h>

#include "server/store/label_wire.h"

static int
compare_rows(const void *a, const void *b)
{
    const StoreRowAnnotation *one = a, *other = b;
    if (one->row != other->row)
        return one->row < other->row ? -1 : 1;
    return (one->annotation > other->annotation) - (one->annotation < other->annotation);
}

StoreRowAnnotation *
row_annotations_move(const StoreAnnotations *annotations, const uint32_t *moved)
{
    uint32_t n = annotations->n_rows;
    if (n == 0)
        return NULL;
    StoreRowAnnotation *rows = g_memdup2(annotations->rows, n * sizeof *rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i].row = moved[rows[i].row];
    qsort(rows, n, sizeof *rows, compare_rows);
    return rows;
}

void
row_annotations_put(Wire *out, const StoreAnnotations *annotations)
{
    wire_put_varint(out, annotations->n_table);
    for (uint32_t i = 0; i < annotations->n_table; i++)
        wire_put_labels(out, annotations->table[i]);
    wire_put_varint(out, annotations->n_rows);
    uint32_t last = 0;
    for (uint32_t i = 0; i < annotations->n_rows; last = annotations->rows[i++].row)
        wire_put_varint(out, annotations->rows[i].row - last);
    for (uint32_t i = 0; i < annotations->n_rows; i++)
        wire_put_varint(out, annotations->rows[i].annotation);
}

Labels *
row_annotation_scan(Scan *scan)
{
    g_autoptr(Labels) annotation = scan_labels(scan);
    return annotation != NULL && annotation->n_labels == 1 ? g_steal_pointer(&annotation) : NULL;
}

static bool
get_table(Scan *scan, StoreAnnotations *annotations)
{
    uint64_t n = scan_varint(scan);
    if (scan->bad || n > scan_left(scan) / 3) /* of an empty pair */
        return false;
    Labels **table = g_new0(Labels *, n + 1);
    annotations->table = table;
    for (uint64_t i = 0; i < n; i++) {
        table[i] = row_annotation_scan(scan);
        if (table[i] == NULL)
            return false;
        annotations->n_table++;
    }
    return true;
}

static bool
get_rows(Scan *scan, uint32_t n_rows, StoreAnnotations *annotations)
{
    uint64_t n = scan_varint(scan), row = 0;
    if (scan->bad || n > scan_left(scan) / 2)
        return false;
    StoreRowAnnotation *rows = g_new0(StoreRowAnnotation, n + 1);
    annotations->rows = rows;
    annotations->n_rows = (uint32_t)n;
    for (uint64_t i = 0; i < n; i++) {
        row += scan_varint32(scan);
        if (row >= n_rows)
            return false;
        rows[i].row = (uint32_t)row;
    }
    for (uint64_t i = 0; i < n; i++) {
        rows[i].annotation = scan_varint32(scan);
        if (rows[i].annotation >= annotations->n_table)
            return false;
    }
    return !scan->bad && scan_left(scan) == 0;
}

bool
row_annotations_get(Scan *scan, uint32_t n_rows, StoreAnnotations *ret_annotations)
{
    *ret_annotations = (StoreAnnotations){0};
    return get_table(scan, ret_annotations) && get_rows(scan, n_rows, ret_annotations);
}

void
row_annotations_clear(StoreAnnotations *annotations)
{
    for (uint32_t i = 0; i < annotations->n_table; i++)
        labels_unref(annotations->table[i]);
    g_free((void *)(uintptr_t)annotations->table);
    g_free((void *)(uintptr_t)annotations->rows);
    *annotations = (StoreAnnotations){0};
}
