#include "server/api/app_name.h"

#include <string.h>

#include "lib/base/error.h"

#define APP_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-"
#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

void
app_name_clear(AppName *name)
{
    g_free(name->app);
    if (name->labels != NULL)
        g_array_unref(name->labels);
    if (name->strings != NULL)
        g_string_chunk_free(name->strings);
    *name = (AppName){0};
}

void
app_name_set(AppName *name, const char *key, const char *value)
{
    Label label = {.name = g_string_chunk_insert(name->strings, key),
                   .value = g_string_chunk_insert(name->strings, value)};
    for (guint i = 0; i < name->labels->len; i++) {
        Label *old = &g_array_index(name->labels, Label, i);
        if (strcmp(old->name, key) == 0) {
            *old = label;
            return;
        }
    }
    g_array_append_val(name->labels, label);
}

const char *
app_name_get(const AppName *name, const char *key)
{
    for (guint i = 0; i < name->labels->len; i++) {
        const Label *label = &g_array_index(name->labels, Label, i);
        if (strcmp(label->name, key) == 0)
            return label->value;
    }
    return NULL;
}

/* "a=b,c=d" */
static bool
parse_pairs(AppName *name, const char *text, GError **error)
{
    g_auto(GStrv) pairs = g_strsplit(text, ",", -1);
    for (size_t i = 0; pairs[i] != NULL; i++) {
        char *pair = g_strstrip(pairs[i]);
        if (pair[0] == '\0')
            continue;
        char *equals = strchr(pair, '=');
        if (equals == NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "name: label '%s' has no value",
                             pair);
        *equals = '\0';
        const char *key = g_strstrip(pair), *value = g_strstrip(equals + 1);
        if (key[0] == '\0' || strspn(key, KEY_CHARACTERS) != strlen(key))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "name: label name '%s' must be of [A-Za-z0-9_.]", key);
        if (strcmp(key, "__name__") != 0)
            app_name_set(name, key, value);
    }
    return true;
}

bool
app_name_parse(const char *text, AppName *ret_name, GError **error)
{
    g_auto(AppName) name = {.labels = g_array_new(FALSE, FALSE, sizeof(Label)),
                            .strings = g_string_chunk_new(256)};
    if (text == NULL || text[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "name: it is required");
    const char *open = strchr(text, '{');
    name.app = g_strstrip(open != NULL ? g_strndup(text, (size_t)(open - text)) : g_strdup(text));
    if (name.app[0] == '\0' || strspn(name.app, APP_CHARACTERS) != strlen(name.app))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "name: application '%s' must be of [A-Za-z0-9_./-]", name.app);
    if (open != NULL) {
        const char *close = strchr(open, '}');
        if (close == NULL || close[1 + strspn(close + 1, " ")] != '\0')
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "name: '%s' does not end in one '}'", text);
        g_autofree char *pairs = g_strndup(open + 1, (size_t)(close - open - 1));
        if (!parse_pairs(&name, pairs, error))
            return false;
    }
    *ret_name = name;
    name = (AppName){0};
    return true;
}
