#include "lib/base/yaml_writer.h"

#include <string.h>
#include <yaml.h>

struct YamlWriter {
    yaml_emitter_t emitter;
    GByteArray *out;
};

static int
append(void *data, unsigned char *bytes, size_t size)
{
    g_byte_array_append(data, bytes, (guint)size);
    return 1;
}

/* Takes the event. It fails without memory, or when a caller mixed up the order. */
static void
emit(YamlWriter *writer, yaml_event_t *event, int is_made)
{
    if (is_made == 0 || yaml_emitter_emit(&writer->emitter, event) == 0)
        g_error("libyaml cannot write: %s",
                writer->emitter.problem != NULL ? writer->emitter.problem : "no memory");
}

static void
emit_scalar(YamlWriter *writer, const char *text, size_t size, yaml_scalar_style_t style)
{
    yaml_event_t event;
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)size);
    emit(writer, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)valid,
                                      (int)strlen(valid), 1, 1, style));
}

YamlWriter *
yaml_writer_new(void)
{
    YamlWriter *writer = g_new0(YamlWriter, 1);
    yaml_event_t event;
    writer->out = g_byte_array_new();
    if (yaml_emitter_initialize(&writer->emitter) == 0)
        g_error("libyaml cannot write: no memory");
    yaml_emitter_set_output(&writer->emitter, append, writer->out);
    yaml_emitter_set_unicode(&writer->emitter, 1);
    yaml_emitter_set_width(&writer->emitter, -1);
    emit(writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    return writer;
}

GBytes *
yaml_writer_finish(YamlWriter *writer)
{
    yaml_event_t event;
    emit(writer, &event, yaml_document_end_event_initialize(&event, 1));
    emit(writer, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&writer->emitter);
    GBytes *bytes = g_byte_array_free_to_bytes(writer->out);
    g_free(writer);
    return bytes;
}

void
yaml_writer_mapping_begin(YamlWriter *writer)
{
    yaml_event_t event;
    emit(writer, &event,
         yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

void
yaml_writer_mapping_end(YamlWriter *writer)
{
    yaml_event_t event;
    emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

void
yaml_writer_list_begin(YamlWriter *writer)
{
    yaml_event_t event;
    emit(writer, &event,
         yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
}

void
yaml_writer_list_end(YamlWriter *writer)
{
    yaml_event_t event;
    emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

void
yaml_writer_plain(YamlWriter *writer, const char *text)
{
    emit_scalar(writer, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

void
yaml_writer_text(YamlWriter *writer, const char *text)
{
    emit_scalar(writer, text, strlen(text), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static bool
write_pair(YamlTree *tree, const char *key, const YamlNode *value, void *writer, GError **error)
{
    (void)error;
    yaml_writer_plain(writer, key);
    yaml_writer_node(writer, tree, value);
    return true;
}

static bool
write_item(YamlTree *tree, const YamlNode *item, void *writer, GError **error)
{
    (void)error;
    yaml_writer_node(writer, tree, item);
    return true;
}

void
yaml_writer_node(YamlWriter *writer, YamlTree *tree, const YamlNode *node)
{
    const yaml_node_t *known = (const yaml_node_t *)node;
    if (known->type == YAML_MAPPING_NODE) {
        yaml_writer_mapping_begin(writer);
        yaml_each_pair(tree, node, "the value", write_pair, writer, NULL);
        yaml_writer_mapping_end(writer);
    } else if (known->type == YAML_SEQUENCE_NODE) {
        yaml_writer_list_begin(writer);
        yaml_each_item(tree, node, "the value", write_item, writer, NULL);
        yaml_writer_list_end(writer);
    } else {
        emit_scalar(writer, (const char *)known->data.scalar.value, known->data.scalar.length,
                    known->data.scalar.style);
    }
}
