#include "lib/k8s/value.h"

#include <string.h>

/* The child whose key is `length` bytes of `key`. */
static const Value *
get_n(const Value *map, const char *key, size_t length)
{
    if (map == NULL || map->type != VALUE_MAP)
        return NULL;
    for (const Value *child = map->first; child != NULL; child = child->next) {
        if (strncmp(child->key, key, length) == 0 && child->key[length] == '\0')
            return child;
    }
    return NULL;
}

const Value *
value_get(const Value *map, const char *key)
{
    return get_n(map, key, strlen(key));
}

const Value *
value_at(const Value *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        value = get_n(value, path, length);
        path += length;
        if (*path == '.')
            path++;
    }
    return value;
}

static bool
is_scalar(const Value *value)
{
    return value != NULL && value->type != VALUE_LIST && value->type != VALUE_MAP;
}

const char *
value_text(const Value *value, const char *path)
{
    const Value *found = value_at(value, path);
    return is_scalar(found) ? found->text : "";
}

int64_t
value_int(const Value *value, const char *path, int64_t otherwise)
{
    const Value *found = value_at(value, path);
    gint64 number;
    return is_scalar(found) &&
                   g_ascii_string_to_signed(found->text, 10, G_MININT64, G_MAXINT64, &number, NULL)
               ? number
               : otherwise;
}

bool
value_is_true(const Value *value, const char *path)
{
    return value_is(value, path, "true");
}

bool
value_is(const Value *value, const char *path, const char *text)
{
    return strcmp(value_text(value, path), text) == 0;
}

const Value *
value_first(const Value *value, const char *path)
{
    const Value *found = value_at(value, path);
    return found != NULL && !is_scalar(found) ? found->first : NULL;
}

uint32_t
value_count(const Value *value, const char *path)
{
    const Value *found = value_at(value, path);
    return found != NULL && !is_scalar(found) ? found->n : 0;
}

const Value *
value_find(const Value *value, const char *path, const char *key, const char *text)
{
    for (const Value *child = value_first(value, path); child != NULL; child = child->next) {
        if (value_is(child, key, text))
            return child;
    }
    return NULL;
}
