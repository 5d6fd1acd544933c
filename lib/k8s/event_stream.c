#include "lib/k8s/event_stream.h"

#include <string.h>

#include "lib/base/error.h"

struct EventStream {
    EventFunc func;
    void *user;
    Arena *arena;        /* of the event that is read */
    ValueReader *reader; /* NULL: between two events */
    size_t size;         /* of what was read of it */
    uint64_t n_events;
};

static const struct {
    const char *name;
    EventType type;
} TYPES[] = {
    {"ADDED", EVENT_ADDED},       {"MODIFIED", EVENT_MODIFIED}, {"DELETED", EVENT_DELETED},
    {"BOOKMARK", EVENT_BOOKMARK}, {"ERROR", EVENT_ERROR},
};

EventStream *
event_stream_new(EventFunc func, void *user)
{
    EventStream *stream = g_new0(EventStream, 1);
    stream->func = func;
    stream->user = user;
    stream->arena = arena_new(2 * (size_t)EVENT_BYTES_MAX);
    return stream;
}

void
event_stream_free(EventStream *stream)
{
    if (stream == NULL)
        return;
    value_reader_free(stream->reader);
    arena_free(stream->arena);
    g_free(stream);
}

bool
event_stream_is_between(const EventStream *stream)
{
    return stream->reader == NULL;
}

static bool
fail(const EventStream *stream, GError **error)
{
    g_prefix_error(error, "event %" G_GUINT64_FORMAT " of the watch: ", stream->n_events + 1);
    return false;
}

static bool
read_type(const Value *root, EventType *ret_type, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(TYPES); i++) {
        if (value_is(root, "type", TYPES[i].name)) {
            *ret_type = TYPES[i].type;
            return true;
        }
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "the field type is none of ADDED, MODIFIED, DELETED, BOOKMARK and ERROR");
}

/* Reads the event that is complete now; NULL in *ret_event->object never. */
static bool
read_event(EventStream *stream, Event *ret_event, GError **error)
{
    const Value *root = value_reader_end(stream->reader, error);
    if (root == NULL || !read_type(root, &ret_event->type, error))
        return false;
    ret_event->object = value_get(root, "object");
    if (ret_event->object == NULL || ret_event->object->type != VALUE_MAP)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the field object is no object");
    return true;
}

static bool
end_event(EventStream *stream, GError **error)
{
    Event event;
    if (!read_event(stream, &event, error))
        return fail(stream, error);
    stream->n_events++;
    bool goes_on = stream->func(&event, stream->user, error);
    g_clear_pointer(&stream->reader, value_reader_free);
    arena_reset(stream->arena);
    stream->size = 0;
    return goes_on;
}

static bool
is_blank(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_isspace(data[i]))
            return false;
    return true;
}

/* Reads a part of one line. */
static bool
add_part(EventStream *stream, const char *data, size_t size, GError **error)
{
    if (stream->reader == NULL) {
        if (is_blank(data, size))
            return true;
        stream->reader = value_reader_new(stream->arena);
        value_reader_begin(stream->reader, VALUE_JSON);
    }
    stream->size += size;
    if (stream->size > EVENT_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "larger than %d bytes", EVENT_BYTES_MAX);
        return fail(stream, error);
    }
    return value_reader_feed(stream->reader, data, size, error) || fail(stream, error);
}

bool
event_stream_feed(EventStream *stream, const void *data, size_t size, GError **error)
{
    const char *at = data, *end = at + size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *part_end = line_end != NULL ? line_end : end;
        if (!add_part(stream, at, (size_t)(part_end - at), error))
            return false;
        if (line_end != NULL && stream->reader != NULL && !end_event(stream, error))
            return false;
        at = line_end != NULL ? line_end + 1 : end;
    }
    return true;
}
