#include "lib/pprof/build_id.h"

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/jsonw.h"

static void
add(JsonWriter *json, const char *key, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    jsonw_key(json, key);
    jsonw_string(json, value);
}

char *
build_id_with_source(const char *build_id, const BuildSource *source)
{
    g_autofree char *plain = build_id_plain(build_id);
    g_auto(JsonWriter) json;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    add(&json, "repository", source->repository);
    add(&json, "git_ref", source->git_ref);
    add(&json, "build_id", plain);
    add(&json, "root_path", source->root_path);
    jsonw_object_end(&json);
    return g_strndup(json.data, json.size);
}

char *
build_id_plain(const char *build_id)
{
    json_t *root = *build_id == '{' ? json_loads(build_id, 0, NULL) : NULL;
    if (root == NULL)
        return g_strdup(build_id);
    const char *plain = json_string_value(json_object_get(root, "build_id"));
    char *copy = g_strdup(plain != NULL ? plain : "");
    json_decref(root);
    return copy;
}
