#include "lib/k8s/json_scan.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/base/error.h"

/* Where the walk is inside of an object or list. */
typedef struct {
    size_t path_length; /* of the path of the object or list itself */
    bool is_list;
} Level;

typedef struct {
    const JsonScanEvents *events;
    void *user;
    GString *path; /* of the value that comes next */
    Level levels[JSON_SCAN_DEPTH_MAX];
    size_t depth;
    size_t hidden_depth; /* of the object that holds a key of no path; 0: none */
    bool too_deep, stopped;
} Walk;

/* The path stands at the next item of a list again, or at the object around the value. */
static void
leave_value(Walk *walk)
{
    if (walk->depth == 0)
        return;
    const Level *level = &walk->levels[walk->depth - 1];
    if (!level->is_list)
        g_string_truncate(walk->path, level->path_length);
    if (walk->hidden_depth == walk->depth)
        walk->hidden_depth = 0;
}

static int
on_scalar(Walk *walk, const char *text, size_t length)
{
    if (walk->hidden_depth == 0)
        walk->events->scalar(walk->user, walk->path->str, text, length);
    leave_value(walk);
    return 1;
}

static int
on_null(void *user)
{
    leave_value(user);
    return 1;
}

static int
on_boolean(void *user, int value)
{
    const char *text = value ? "true" : "false";
    return on_scalar(user, text, strlen(text));
}

static int
on_number(void *user, const char *text, size_t length)
{
    return on_scalar(user, text, length);
}

static int
on_string(void *user, const unsigned char *text, size_t length)
{
    return on_scalar(user, (const char *)text, length);
}

static int
enter(Walk *walk, bool is_list)
{
    walk->too_deep = walk->depth == JSON_SCAN_DEPTH_MAX;
    if (walk->too_deep)
        return 0;
    walk->levels[walk->depth++] = (Level){walk->path->len, is_list};
    if (is_list)
        g_string_append(walk->path, "[]");
    return 1;
}

static void
leave(Walk *walk)
{
    const Level *level = &walk->levels[--walk->depth];
    g_string_truncate(walk->path, level->path_length);
}

static int
on_map_begin(void *user)
{
    return enter(user, false);
}

static int
on_map_key(void *user, const unsigned char *key, size_t length)
{
    Walk *walk = user;
    const char *text = (const char *)key;
    bool is_plain = memchr(key, '.', length) == NULL && memchr(key, '[', length) == NULL &&
                    memchr(key, '\0', length) == NULL;
    if (walk->hidden_depth == 0 && !is_plain)
        walk->hidden_depth = walk->depth;
    if (walk->hidden_depth > 0)
        return 1;
    if (walk->path->len > 0)
        g_string_append_c(walk->path, '.');
    g_string_append_len(walk->path, text, (gssize)length);
    return 1;
}

static int
on_map_end(void *user)
{
    Walk *walk = user;
    leave(walk);
    if (walk->hidden_depth == 0 && walk->events->object_end != NULL)
        walk->stopped = !walk->events->object_end(walk->user, walk->path->str);
    leave_value(walk);
    return !walk->stopped;
}

static int
on_list_begin(void *user)
{
    return enter(user, true);
}

static int
on_list_end(void *user)
{
    leave(user);
    leave_value(user);
    return 1;
}

static const yajl_callbacks CALLBACKS = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_begin,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_map_end,
    .yajl_start_array = on_list_begin,
    .yajl_end_array = on_list_end,
};

static bool
fail_parse(yajl_handle parser, const Walk *walk, GError **error)
{
    if (walk->too_deep)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "JSON is nested deeper than %d",
                         JSON_SCAN_DEPTH_MAX);
    unsigned char *why = yajl_get_error(parser, 0, NULL, 0);
    g_strchomp((char *)why);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "not JSON: %s", (const char *)why);
    yajl_free_error(parser, why);
    return false;
}

bool
json_scan(const void *data, size_t size, const JsonScanEvents *events, void *user, GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = {.events = events, .user = user, .path = path};
    yajl_handle parser = yajl_alloc(&CALLBACKS, NULL, &walk);
    yajl_status status = yajl_parse(parser, data, size);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    bool done = status == yajl_status_ok || walk.stopped || fail_parse(parser, &walk, error);
    yajl_free(parser);
    return done;
}

/* The fields that json_scan_fields looks for. */
typedef struct {
    const JsonScanField *fields;
    size_t n;
    const char *stop_after;
} Wanted;

static void
take_field(void *user, const char *path, const char *text, size_t length)
{
    const Wanted *wanted = user;
    for (size_t i = 0; i < wanted->n; i++) {
        if (strcmp(path, wanted->fields[i].path) == 0) {
            g_free(*wanted->fields[i].ret_text);
            *wanted->fields[i].ret_text = g_strndup(text, length);
        }
    }
}

static bool
is_more_wanted(void *user, const char *path)
{
    const Wanted *wanted = user;
    return wanted->stop_after == NULL || strcmp(path, wanted->stop_after) != 0;
}

bool
json_scan_fields(const void *data, size_t size, const JsonScanField *fields, size_t n,
                 const char *stop_after, GError **error)
{
    static const JsonScanEvents events = {take_field, is_more_wanted};
    Wanted wanted = {fields, n, stop_after};
    return json_scan(data, size, &events, &wanted, error);
}
