#include "lib/k8s/config_field.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/config.h"

enum { FIELDS_MAX = 16 };

/* The values of one mapping. */
typedef struct {
    const Field *fields;
    size_t n_fields;
    const YamlNode *nodes[FIELDS_MAX]; /* by row; NULL: absent */
} Row;

static bool
find_field(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    (void)tree;
    (void)error;
    Row *row = data;
    for (size_t i = 0; i < row->n_fields; i++)
        if (strcmp(row->fields[i].key, key) == 0)
            row->nodes[i] = value;
    return true;
}

char *
config_file_path(const ConfigFile *file, const char *path)
{
    return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(file->folder, path, NULL);
}

static GBytes *
decode_base64(const char *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \r\n";
    gsize size;
    if (text[strspn(text, alphabet)] != '\0')
        return NULL;
    guchar *data = g_base64_decode(text, &size);
    if (size > 0)
        return g_bytes_new_take(data, size);
    g_free(data);
    return NULL;
}

static bool
read_file_field(const ConfigFile *file, const YamlNode *node, const char *key, const char *text,
                GBytes **target, GError **error)
{
    if (*target != NULL || *text == '\0')
        return true;
    g_autofree char *path = config_file_path(file, text);
    g_autoptr(GError) cause = NULL;
    *target = k8s_read_pem(path, &cause);
    return *target != NULL || yaml_fail(file->tree, node, error, "%s: %s", key, cause->message);
}

static bool
read_bool(const ConfigFile *file, const YamlNode *node, const char *key, const char *text,
          bool *target, GError **error)
{
    *target = strcmp(text, "true") == 0;
    return *target || strcmp(text, "false") == 0 ||
           yaml_fail(file->tree, node, error, "%s must be true or false", key);
}

static bool
read_scalar(const ConfigFile *file, const YamlNode *node, const Field *field, const char *text,
            void *place, GError **error)
{
    char **target_text = place;
    GBytes **target_bytes = place;
    switch (field->type) {
    case FIELD_TEXT:
        if (*text != '\0')
            *target_text = g_strdup(text);
        return true;
    case FIELD_PATH:
        if (*text != '\0')
            *target_text = config_file_path(file, text);
        return true;
    case FIELD_BOOL:
        return read_bool(file, node, field->key, text, place, error);
    case FIELD_BASE64:
        *target_bytes = *text != '\0' ? decode_base64(text) : NULL;
        return *text == '\0' || *target_bytes != NULL ||
               yaml_fail(file->tree, node, error, "%s is not base64", field->key);
    case FIELD_FILE:
        return read_file_field(file, node, field->key, text, target_bytes, error);
    case FIELD_TEXTS:
    case FIELD_NODE:
    case FIELD_REFUSED:
    default:
        g_assert_not_reached();
    }
}

static bool
read_field(const ConfigFile *file, const YamlNode *node, const Field *field, void *target,
           GError **error)
{
    void *place = (char *)target + field->offset;
    if (field->type == FIELD_REFUSED)
        return yaml_fail(file->tree, node, error, "%s is not supported; %s", field->key,
                         field->why);
    if (field->type == FIELD_NODE) {
        *(const YamlNode **)place = node;
        return true;
    }
    if (field->type == FIELD_TEXTS) {
        GStrv texts = yaml_texts(file->tree, node, field->key, error);
        *(GStrv *)place = texts;
        return texts != NULL;
    }
    const char *text = yaml_text(file->tree, node, field->key, error);
    return text != NULL && read_scalar(file, node, field, text, place, error);
}

bool
fields_read(const ConfigFile *file, const YamlNode *node, const char *what, const Field *fields,
            size_t n_fields, void *target, GError **error)
{
    Row row = {.fields = fields, .n_fields = n_fields};
    g_assert(n_fields <= FIELDS_MAX);
    if (!yaml_each_pair(file->tree, node, what, find_field, &row, error))
        return false;
    for (size_t i = 0; i < n_fields; i++)
        if (!yaml_is_empty(row.nodes[i]) &&
            !read_field(file, row.nodes[i], &fields[i], target, error))
            return false;
    return true;
}
