/* A YAML file as a tree: what configuration with structure is read from. One document, at most
 * YAML_TREE_BYTES_MAX bytes and YAML_TREE_DEPTH_MAX lists and mappings within each other; keys of a
 * mapping are plain text and occur once.
 *
 * Errors are INVALID_ARGUMENT and begin with "path:line: ". */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define YAML_TREE_BYTES_MAX (8u << 20)
#define YAML_TREE_DEPTH_MAX 64u

typedef struct YamlTree YamlTree;
typedef struct YamlNode YamlNode; /* lives as long as its tree */

/* NULL with *error when the file cannot be read or is not one document. */
YamlTree *yaml_tree_load(const char *path, GError **error);
/* The same of a text; `path` names it in errors. */
YamlTree *yaml_tree_parse(const char *text, size_t size, const char *path, GError **error);
void yaml_tree_free(YamlTree *tree);

/* NULL: the file is empty. */
const YamlNode *yaml_tree_root(YamlTree *tree);
/* Whether a value is not there: nothing behind its key, null or ~. */
bool yaml_is_empty(const YamlNode *node);

/* Returns false with *error set to stop; errors without a place get that of the value. */
typedef bool (*YamlPairFunc)(YamlTree *tree, const char *key, const YamlNode *value, void *data,
                             GError **error);
typedef bool (*YamlItemFunc)(YamlTree *tree, const YamlNode *item, void *data, GError **error);

/* Visits the pairs of a mapping in order. `what` names it in the error when it is none; an empty
 * value is a mapping without pairs. */
bool yaml_each_pair(YamlTree *tree, const YamlNode *node, const char *what, YamlPairFunc func,
                    void *data, GError **error);
/* The same for the items of a list. */
bool yaml_each_item(YamlTree *tree, const YamlNode *node, const char *what, YamlItemFunc func,
                    void *data, GError **error);
/* The text of a plain value, or NULL with *error. Lives as long as the tree. */
const char *yaml_text(YamlTree *tree, const YamlNode *node, const char *what, GError **error);
/* The texts of a list, or the one of a plain value; free with g_strfreev. */
GStrv yaml_texts(YamlTree *tree, const YamlNode *node, const char *what, GError **error);

/* Sets an error about a node. */
bool yaml_fail(YamlTree *tree, const YamlNode *node, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(YamlTree, yaml_tree_free)
