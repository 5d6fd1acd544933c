/* Mappings of a YAML file whose keys are known, read into structs by tables. */
#pragma once
#include "lib/base/yaml_tree.h"

/* Reads a value into the field at `place`; false with *error, which names the key. */
typedef bool (*YamlReadFunc)(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                             GError **error);

typedef struct {
    const char *key;
    YamlReadFunc read;
    size_t offset; /* of the field in the struct */
} YamlField;

enum { YAML_FIELDS_MAX = 32 };

/* Fills `target` from a mapping, which `what` names in errors. A key that is in no row is an error
 * that names the line, the key and the nearest right one; what is empty is left as it is. */
bool yaml_read_fields(YamlTree *tree, const YamlNode *node, const char *what,
                      const YamlField *fields, size_t n_fields, void *target, GError **error);

/* char *, not empty; a text that was there before is freed. */
bool
yaml_read_text(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);
/* GStrv: a list, or one plain text. */
bool
yaml_read_texts(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);
/* bool: true or false. */
bool
yaml_read_bool(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);
/* GHashTable of text to text, made when it is NULL. */
bool yaml_read_texts_by_key(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                            GError **error);
