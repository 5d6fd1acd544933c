#include "agent/discovery/local_container.h"

#include <string.h>

#include "lib/base/error.h"

#define COMPOSE_SERVICE_LABEL "com.docker.compose.service"

/* Values of an answer of 4 MiB are twice to four times as large as their text. */
static const size_t LIST_BYTES_MAX = (size_t)16 * 1024 * 1024;

bool
local_container_is_id(const char *text)
{
    return strlen(text) == LOCAL_CONTAINER_ID_DIGITS &&
           strspn(text, "0123456789abcdef") == LOCAL_CONTAINER_ID_DIGITS;
}

/* A copy; NULL where there is none, or too much. */
static char *
copy(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= LOCAL_CONTAINER_TEXT_BYTES_MAX ? g_strdup(text) : NULL;
}

/* Of its names "/NAME" is its own, and "/OTHER/ALIAS" one that a linked container has for it. */
static char *
read_name(const Value *object)
{
    for (const Value *name = value_first(object, "Names"); name != NULL; name = name->next) {
        if (name->type != VALUE_TEXT)
            continue;
        const char *text = name->text + (name->text[0] == '/');
        if (strchr(text, '/') == NULL)
            return copy(text);
    }
    return NULL;
}

static LabelSet *
read_labels(const Value *labels)
{
    LabelSet *set = label_set_new();
    size_t bytes = 0;
    for (const Value *label = value_first(labels, ""); label != NULL; label = label->next) {
        size_t size = strlen(label->key) + label->n;
        if (label->type != VALUE_TEXT || *label->key == '\0' ||
            label->n > LOCAL_CONTAINER_TEXT_BYTES_MAX ||
            size > LOCAL_CONTAINER_LABELS_BYTES_MAX - bytes ||
            label_set_size(set) >= LOCAL_CONTAINER_LABELS_MAX)
            continue;
        label_set_set(set, label->key, label->text);
        bytes += size;
    }
    return set;
}

LocalContainer *
local_container_new(const Value *object)
{
    const char *id = value_text(object, "Id");
    if (!local_container_is_id(id))
        return NULL;
    const Value *labels = value_get(object, "Labels");
    LocalContainer *container = g_atomic_rc_box_new0(LocalContainer);
    container->id = g_strdup(id);
    container->name = read_name(object);
    container->image = copy(value_text(object, "Image"));
    container->service = copy(value_text(value_get(labels, COMPOSE_SERVICE_LABEL), ""));
    container->labels = read_labels(labels);
    return container;
}

LocalContainer *
local_container_ref(LocalContainer *container)
{
    return g_atomic_rc_box_acquire(container);
}

static void
clear_container(void *data)
{
    LocalContainer *container = data;
    g_free(container->id);
    g_free(container->name);
    g_free(container->image);
    g_free(container->service);
    label_set_free(container->labels);
}

void
local_container_unref(LocalContainer *container)
{
    if (container != NULL)
        g_atomic_rc_box_release_full(container, clear_container);
}

static void
unref_container(void *container)
{
    local_container_unref(container);
}

GPtrArray *
local_container_read_list(GBytes *body, GError **error)
{
    g_autoptr(Arena) arena = arena_new(LIST_BYTES_MAX);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    gsize size;
    const void *data = g_bytes_get_data(body, &size);
    value_reader_begin(reader, VALUE_JSON);
    if (!value_reader_feed(reader, data, size, error))
        return NULL;
    const Value *list = value_reader_end(reader, error);
    if (list == NULL)
        return NULL;
    if (list->type != VALUE_LIST) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is no list of containers");
        return NULL;
    }
    GPtrArray *containers = g_ptr_array_new_with_free_func(unref_container);
    for (const Value *object = list->first;
         object != NULL && containers->len < LOCAL_CONTAINERS_MAX; object = object->next) {
        LocalContainer *container = local_container_new(object);
        if (container != NULL)
            g_ptr_array_add(containers, container);
    }
    return containers;
}
