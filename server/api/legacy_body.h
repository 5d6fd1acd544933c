/* The body of a POST /ingest: which format it has, and its profiles. */
#pragma once
#include <stdbool.h>

#include "server/http/message.h"
#include "server/ingest/format/profile_set.h"

typedef enum {
    LEGACY_PPROF,
    LEGACY_MULTIPART, /* a pprof in a form */
    LEGACY_GROUPS,    /* counted folded stacks */
    LEGACY_LINES,
    LEGACY_TREE,
    LEGACY_TRIE,
    LEGACY_SPEEDSCOPE,
    LEGACY_JFR,
} LegacyFormat;

/* By the parameter `format` and the Content-Type, in Pyroscope's order of precedence. */
LegacyFormat legacy_body_format(const HttpRequest *request);
/* What the format is called in errors. */
const char *legacy_format_name(LegacyFormat format);

/* Reads the profiles of the body into `set`; none is a success. INVALID_ARGUMENT says what is
 * wrong, NOT_FOUND that the application's name ends in no known profile type; what could be read
 * is in `set` all the same. Every profile has a label __name__. Those that the name of the
 * application tells apart have a service_name, which is that name without its suffix. */
bool legacy_body_read(const HttpRequest *request, LegacyFormat format, const ProfileSource *source,
                      ProfileSet *set, GError **error);
