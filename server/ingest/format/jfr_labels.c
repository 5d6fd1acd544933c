#include "server/ingest/format/jfr_labels.h"

#include "lib/base/error.h"

enum { SNAPSHOT_CONTEXTS = 1, SNAPSHOT_STRINGS = 2, CONTEXT_LABELS = 1 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum { MEMORY_PER_BYTE = 24, MEMORY_MIN = 64 * 1024 };
enum { LABEL_BYTES_MAX = 32 /* of two numbers with their tags */ };

size_t
jfr_labels_memory_max(size_t size)
{
    return MIN(size, SIZE_MAX / 32) * MEMORY_PER_BYTE + MEMORY_MIN;
}

/* The key and the value of an entry of a map; false when it is damaged. */
static bool
read_entry(WireSpan entry, uint64_t *ret_key, WireField *ret_value)
{
    *ret_key = 0;
    *ret_value = (WireField){.bytes = {entry.at, entry.at}};
    for (WireField field; entry.at < entry.end;) {
        if (wire_next(&entry, &field) != NULL)
            return false;
        if (field.number == ENTRY_KEY && field.type == WIRE_VARINT)
            *ret_key = field.value;
        else if (field.number == ENTRY_VALUE)
            *ret_value = field;
    }
    return true;
}

bool
jfr_labels_read(JfrLabels *labels, const uint8_t *message, size_t size, Arena *arena,
                GError **error)
{
    if (size > UINT32_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "labels: they are 4 GiB or more");
    *labels = (JfrLabels){.message = {message, size > 0 ? message + size : message}};
    WireSpan span = labels->message;
    for (WireField field; span.at < span.end;) {
        uint64_t key;
        WireField value;
        if (wire_next(&span, &field) != NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "labels: byte %zu: no field can be read",
                             (size_t)(field.start - message));
        if (field.number != SNAPSHOT_CONTEXTS && field.number != SNAPSHOT_STRINGS)
            continue;
        if (field.type != WIRE_BYTES || !read_entry(field.bytes, &key, &value) ||
            (value.number != 0 && value.type != WIRE_BYTES))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "labels: byte %zu: an entry is damaged",
                             (size_t)(field.start - message));
        JfrIndex *index = field.number == SNAPSHOT_CONTEXTS ? &labels->contexts : &labels->strings;
        if (!jfr_index_add(index, arena, key, message, value.bytes.at, value.bytes.end))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "labels: there are too many for their size");
    }
    jfr_index_sort(&labels->contexts);
    jfr_index_sort(&labels->strings);
    return true;
}

bool
jfr_labels_string(const JfrLabels *labels, uint64_t number, WireSpan *ret_text)
{
    return jfr_index_find(&labels->strings, number, labels->message.at, ret_text);
}

void
jfr_labels_visit(const JfrLabels *labels, uint64_t context, uint64_t n_max, JfrLabelEach each,
                 void *data)
{
    WireSpan message;
    if (!jfr_index_find(&labels->contexts, context, labels->message.at, &message))
        return;
    for (WireField field; message.at < message.end && n_max > 0; n_max--) {
        uint64_t key;
        WireField value;
        WireSpan name, text;
        if (wire_next(&message, &field) != NULL)
            return;
        if (field.number != CONTEXT_LABELS || field.type != WIRE_BYTES ||
            field.bytes.end - field.bytes.at > LABEL_BYTES_MAX ||
            !read_entry(field.bytes, &key, &value) ||
            (value.number != 0 && value.type != WIRE_VARINT))
            continue;
        if (jfr_labels_string(labels, key, &name) && jfr_labels_string(labels, value.value, &text))
            each(name, text, data);
    }
}
