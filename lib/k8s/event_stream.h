/* The events of a watch, as they come: one JSON object a line, read one after the other into an
 * arena that is used again, so that memory follows the largest event. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/k8s/value.h"

/* Of one event: an object may have 1.5 MiB in etcd by default, and JSON is longer than that. */
enum { EVENT_BYTES_MAX = 16 * 1024 * 1024 };

typedef enum {
    EVENT_ADDED,
    EVENT_MODIFIED,
    EVENT_DELETED,
    EVENT_BOOKMARK, /* the object has a resourceVersion alone */
    EVENT_ERROR,    /* the object is a Status, and nothing comes behind it */
} EventType;

typedef struct {
    EventType type;
    const Value *object; /* a map; lives until the callback returns */
} Event;

/* Takes an event. False with *error set ends the stream. */
typedef bool (*EventFunc)(const Event *event, void *user, GError **error);

typedef struct EventStream EventStream;

EventStream *event_stream_new(EventFunc func, void *user);
void event_stream_free(EventStream *stream);

/* Reads the next part of the stream. False with *error: what the callback set, or which event is
 * wrong, counted from 1: INVALID_ARGUMENT, or RESOURCE_EXHAUSTED when it is larger than
 * EVENT_BYTES_MAX. Nothing can be fed after that. */
bool event_stream_feed(EventStream *stream, const void *data, size_t size, GError **error);
/* Whether the stream may end here: no event is half read. */
bool event_stream_is_between(const EventStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventStream, event_stream_free)
