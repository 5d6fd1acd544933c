/* What is told by its form to be of somebody: addresses, hosts, URLs, ids, users. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t start, end; /* bytes of the text */
    const char *type;  /* "ip", "host", "url" …; static */
} Shape;

/* All in a text (valid UTF-8), in no order, overlapping ones too: an array of Shape; NULL when a
 * pattern hit its limit, and nobody knows. */
GArray *shape_scan(const char *text);
