/* Writes one YAML document: mappings, lists and plain values.
 *
 * Whoever writes sees to the order: a key before each value of a mapping, an end for each begin.
 * What is not UTF-8 is made so. */
#pragma once
#include <glib.h>

#include "lib/base/yaml_tree.h"

typedef struct YamlWriter YamlWriter;

YamlWriter *yaml_writer_new(void);
/* The document, complete; frees the writer. */
GBytes *yaml_writer_finish(YamlWriter *writer);

void yaml_writer_mapping_begin(YamlWriter *writer);
void yaml_writer_mapping_end(YamlWriter *writer);
void yaml_writer_list_begin(YamlWriter *writer);
void yaml_writer_list_end(YamlWriter *writer);
/* A key, a number, true or false: unquoted where YAML can. */
void yaml_writer_plain(YamlWriter *writer, const char *text);
/* A text, quoted, so that nothing takes it for a number. */
void yaml_writer_text(YamlWriter *writer, const char *text);
/* A value as it stands in a tree, with all that is in it; it must have been read as something whose
 * depth is bounded, as aliases may lead in circles. */
void yaml_writer_node(YamlWriter *writer, YamlTree *tree, const YamlNode *node);
