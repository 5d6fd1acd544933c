/* Objects of a cluster, as any bytes in JSON or YAML (by the first byte): whatever they are, all
 * checks look at them and the reports are whole. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "analyzers/collect/relations.h"
#include "analyzers/report/json.h"
#include "analyzers/report/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1767268800 };

static void
add(Snapshot *snapshot, const Value *value)
{
    g_autofree char *group = kind_group(value_text(value, "apiVersion"));
    snapshot_add(snapshot, kind_of(group, value_text(value, "kind")), value);
}

/* An object, or a list or stream of them. */
static void
add_document(Snapshot *snapshot, const Value *document)
{
    const Value *items = document->type == VALUE_MAP ? value_get(document, "items") : document;
    if (document->type == VALUE_MAP && items == NULL)
        add(snapshot, document);
    for (const Value *item = value_first(items, ""); item != NULL; item = item->next)
        add(snapshot, item);
}

static Snapshot *
read_snapshot(const uint8_t *data, size_t size)
{
    Snapshot *snapshot = snapshot_new();
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    value_reader_begin(reader, data[0] == '{' || data[0] == '[' ? VALUE_JSON : VALUE_YAML);
    const Value *document =
        value_reader_feed(reader, data, size, NULL) ? value_reader_end(reader, NULL) : NULL;
    if (document != NULL)
        add_document(snapshot, document);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        snapshot_set_list(snapshot, (Kind)kind, LIST_READ, NULL);
    snapshot_finish(snapshot);
    return snapshot;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const CheckOptions options = {.tier = 3, .now_s = NOW_S, .cluster = "fuzz"};
    if (size == 0)
        return 0;
    g_autoptr(Snapshot) snapshot = read_snapshot(data, size);
    g_autoptr(Findings) findings = check_all(snapshot, &options);
    g_autoptr(GBytes) json = report_json(findings, &options);
    GString *text = report_text(findings, &options, false);
    gsize n;
    const char *bytes = g_bytes_get_data(json, &n);
    if (!g_utf8_validate(bytes, (gssize)n, NULL) || !g_utf8_validate(text->str, -1, NULL) ||
        strchr(text->str, 0x1b) != NULL)
        __builtin_trap();
    g_string_free(text, TRUE);
    return 0;
}
