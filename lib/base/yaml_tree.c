#include "lib/base/yaml_tree.h"

#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "lib/base/error.h"

struct YamlTree {
    char *path;
    yaml_document_t document;
};

/* A node is libyaml's own. */
static const yaml_node_t *
node_of(const YamlNode *node)
{
    return (const yaml_node_t *)node;
}

static const YamlNode *
node_at(YamlTree *tree, yaml_node_item_t index)
{
    return (const YamlNode *)yaml_document_get_node(&tree->document, index);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_parser_t, yaml_parser_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_document_t, yaml_document_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, yaml_event_delete)

static bool
fail_parse(const yaml_parser_t *parser, const char *path, GError **error)
{
    const char *why = parser->problem != NULL ? parser->problem : "not valid YAML";
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s:%zu: %s", path,
                     parser->problem_mark.line + 1, why);
}

/* The text of the file; refuses what is larger than a person would write. */
static char *
read_file(const char *path, gsize *ret_size, GError **error)
{
    struct stat status;
    char *text;
    if (stat(path, &status) == 0 && status.st_size > (off_t)YAML_TREE_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: larger than %u bytes", path,
                  YAML_TREE_BYTES_MAX);
        return NULL;
    }
    return g_file_get_contents(path, &text, ret_size, error) ? text : NULL;
}

static bool
start_parser(yaml_parser_t *parser, const char *text, gsize size, const char *path, GError **error)
{
    if (!yaml_parser_initialize(parser))
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    yaml_parser_set_input_string(parser, (const unsigned char *)text, size);
    return true;
}

/* Refuses what libyaml would read in the square of the time: a token costs it the depth. */
static bool
check_depth(const char *text, gsize size, const char *path, GError **error)
{
    g_auto(yaml_parser_t) parser;
    bool is_started = start_parser(&parser, text, size, path, error);
    for (unsigned depth = 0; is_started;) {
        g_auto(yaml_event_t) event = {0};
        if (!yaml_parser_parse(&parser, &event))
            return fail_parse(&parser, path, error);
        if (event.type == YAML_STREAM_END_EVENT)
            return true;
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            depth--;
        if (depth > YAML_TREE_DEPTH_MAX)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "%s:%zu: nested more than %u deep", path, event.start_mark.line + 1,
                             YAML_TREE_DEPTH_MAX);
    }
    return false;
}

/* Nothing may follow the first document. */
static bool
check_end(yaml_parser_t *parser, const char *path, GError **error)
{
    g_auto(yaml_document_t) next;
    if (!yaml_parser_load(parser, &next)) {
        memset(&next, 0, sizeof next);
        return fail_parse(parser, path, error);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    if (root == NULL)
        return true;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s:%zu: only one document is allowed",
                     path, root->start_mark.line + 1);
}

YamlTree *
yaml_tree_load(const char *path, GError **error)
{
    gsize size;
    g_autofree char *text = read_file(path, &size, error);
    return text != NULL ? yaml_tree_parse(text, size, path, error) : NULL;
}

YamlTree *
yaml_tree_parse(const char *text, size_t size, const char *path, GError **error)
{
    if (!check_depth(text, size, path, error))
        return NULL;
    g_auto(yaml_parser_t) parser;
    if (!start_parser(&parser, text, size, path, error))
        return NULL;
    g_autoptr(YamlTree) tree = g_new0(YamlTree, 1);
    tree->path = g_strdup(path);
    if (!yaml_parser_load(&parser, &tree->document)) {
        fail_parse(&parser, path, error);
        return NULL;
    }
    if (yaml_tree_root(tree) != NULL && !check_end(&parser, path, error))
        return NULL;
    return g_steal_pointer(&tree);
}

void
yaml_tree_free(YamlTree *tree)
{
    if (tree == NULL)
        return;
    yaml_document_delete(&tree->document);
    g_free(tree->path);
    g_free(tree);
}

const YamlNode *
yaml_tree_root(YamlTree *tree)
{
    return (const YamlNode *)yaml_document_get_root_node(&tree->document);
}

bool
yaml_fail(YamlTree *tree, const YamlNode *node, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    size_t line = node != NULL ? node_of(node)->start_mark.line : 0;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s:%zu: %s", tree->path, line + 1,
                     message);
}

/* Puts the place before a visitor's error that has none yet. */
static bool
fail_visit(const YamlTree *tree, const YamlNode *node, GError *cause, GError **error)
{
    if (g_str_has_prefix(cause->message, tree->path)) {
        g_propagate_error(error, cause);
        return false;
    }
    g_propagate_prefixed_error(error, cause, "%s:%zu: ", tree->path,
                               node_of(node)->start_mark.line + 1);
    return false;
}

bool
yaml_is_empty(const YamlNode *node)
{
    const yaml_node_t *plain = node_of(node);
    return plain == NULL || (plain->type == YAML_SCALAR_NODE &&
                             plain->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                             (plain->data.scalar.length == 0 ||
                              strcmp((const char *)plain->data.scalar.value, "null") == 0 ||
                              strcmp((const char *)plain->data.scalar.value, "~") == 0));
}

const char *
yaml_text(YamlTree *tree, const YamlNode *node, const char *what, GError **error)
{
    const yaml_node_t *plain = node_of(node);
    if (plain == NULL || plain->type != YAML_SCALAR_NODE) {
        yaml_fail(tree, node, error, "%s must be a plain value", what);
        return NULL;
    }
    const char *text = (const char *)plain->data.scalar.value;
    if (strlen(text) != plain->data.scalar.length) {
        yaml_fail(tree, node, error, "%s has a NUL in it", what);
        return NULL;
    }
    return text;
}

bool
yaml_each_pair(YamlTree *tree, const YamlNode *node, const char *what, YamlPairFunc func,
               void *data, GError **error)
{
    const yaml_node_t *mapping = node_of(node);
    if (yaml_is_empty(node))
        return true;
    if (mapping->type != YAML_MAPPING_NODE)
        return yaml_fail(tree, node, error, "%s must be a mapping", what);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const YamlNode *key_node = node_at(tree, pair->key), *value = node_at(tree, pair->value);
        const char *key = yaml_text(tree, key_node, "a key", error);
        if (key == NULL)
            return false;
        if (!g_hash_table_add(seen, (gpointer)key))
            return yaml_fail(tree, key_node, error, "%s is there twice", key);
        GError *cause = NULL;
        if (!func(tree, key, value, data, &cause))
            return fail_visit(tree, value, cause, error);
    }
    return true;
}

bool
yaml_each_item(YamlTree *tree, const YamlNode *node, const char *what, YamlItemFunc func,
               void *data, GError **error)
{
    const yaml_node_t *sequence = node_of(node);
    if (yaml_is_empty(node))
        return true;
    if (sequence->type != YAML_SEQUENCE_NODE)
        return yaml_fail(tree, node, error, "%s must be a list", what);
    for (const yaml_node_item_t *item = sequence->data.sequence.items.start;
         item < sequence->data.sequence.items.top; item++) {
        const YamlNode *value = node_at(tree, *item);
        GError *cause = NULL;
        if (!func(tree, value, data, &cause))
            return fail_visit(tree, value, cause, error);
    }
    return true;
}

typedef struct {
    const char *what;
    GPtrArray *texts;
} TextList;

static bool
add_text(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    TextList *list = data;
    const char *text = yaml_text(tree, item, list->what, error);
    if (text != NULL)
        g_ptr_array_add(list->texts, g_strdup(text));
    return text != NULL;
}

GStrv
yaml_texts(YamlTree *tree, const YamlNode *node, const char *what, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    TextList list = {what, texts};
    bool is_list = node != NULL && node_of(node)->type == YAML_SEQUENCE_NODE;
    if (!(is_list ? yaml_each_item(tree, node, what, add_text, &list, error)
                  : add_text(tree, node, &list, error)))
        return NULL;
    g_ptr_array_add(texts, NULL);
    return (GStrv)g_ptr_array_steal(texts, NULL);
}
