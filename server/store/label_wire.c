#include "server/store/label_wire.h"

void
wire_put_labels(Wire *wire, const Labels *labels)
{
    wire_put_varint(wire, labels->n_labels);
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        wire_put_text(wire, labels->labels[i].name);
        wire_put_text(wire, labels->labels[i].value);
    }
}

Labels *
scan_labels(Scan *scan)
{
    uint64_t n = scan_varint(scan);
    if (scan->bad || n > scan_left(scan) / 2)
        return NULL;
    g_autofree Label *pairs = g_new0(Label, n + 1);
    for (uint64_t i = 0; i < n; i++) {
        pairs[i].name = scan_text(scan);
        pairs[i].value = scan_text(scan);
    }
    Labels *labels = scan->bad ? NULL : labels_new(pairs, n);
    for (uint64_t i = 0; i < n; i++) {
        g_free((char *)(uintptr_t)pairs[i].name);
        g_free((char *)(uintptr_t)pairs[i].value);
    }
    return labels;
}
