#include "lib/base/yaml_field.h"

#include <string.h>

#include "lib/base/nearest.h"

typedef struct {
    const char *what;
    const YamlField *fields;
    size_t n_fields;
    void *target;
} Reading;

static bool
fail_unknown(YamlTree *tree, const YamlNode *node, const Reading *reading, const char *key,
             GError **error)
{
    const char *names[YAML_FIELDS_MAX];
    for (size_t i = 0; i < reading->n_fields; i++)
        names[i] = reading->fields[i].key;
    int nearest = nearest_name(key, names, reading->n_fields);
    if (nearest >= 0)
        return yaml_fail(tree, node, error, "%s: there is no key '%s', did you mean %s?",
                         reading->what, key, names[nearest]);
    names[MIN(reading->n_fields, YAML_FIELDS_MAX - 1)] = NULL;
    g_autofree char *all = g_strjoinv(", ", (char **)names);
    return yaml_fail(tree, node, error, "%s: there is no key '%s', it is none of %s", reading->what,
                     key, all);
}

static bool
read_pair(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    const Reading *reading = data;
    for (size_t i = 0; i < reading->n_fields; i++) {
        const YamlField *field = &reading->fields[i];
        if (strcmp(field->key, key) == 0)
            return yaml_is_empty(value) ||
                   field->read(tree, value, key, (char *)reading->target + field->offset, error);
    }
    return fail_unknown(tree, value, reading, key, error);
}

bool
yaml_read_fields(YamlTree *tree, const YamlNode *node, const char *what, const YamlField *fields,
                 size_t n_fields, void *target, GError **error)
{
    Reading reading = {what, fields, n_fields, target};
    g_assert(n_fields < YAML_FIELDS_MAX);
    return yaml_each_pair(tree, node, what, read_pair, &reading, error);
}

bool
yaml_read_text(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    char **field = place;
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    if (*text == '\0' || !g_utf8_validate(text, -1, NULL))
        return yaml_fail(tree, node, error, "%s is %s", key,
                         *text == '\0' ? "empty" : "not valid UTF-8");
    g_free(*field);
    *field = g_strdup(text);
    return true;
}

bool
yaml_read_texts(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    GStrv *field = place;
    g_strfreev(*field);
    *field = yaml_texts(tree, node, key, error);
    return *field != NULL;
}

bool
yaml_read_bool(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    *(bool *)place = strcmp(text, "true") == 0;
    return *(bool *)place || strcmp(text, "false") == 0 ||
           yaml_fail(tree, node, error, "%s: '%s' is neither true nor false", key, text);
}

static bool
read_text_pair(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    char *text = NULL;
    if (!yaml_read_text(tree, value, key, &text, error))
        return false;
    g_hash_table_insert(data, g_strdup(key), text);
    return true;
}

bool
yaml_read_texts_by_key(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                       GError **error)
{
    GHashTable **field = place;
    if (*field == NULL)
        *field = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return yaml_each_pair(tree, node, key, read_text_pair, *field, error);
}
