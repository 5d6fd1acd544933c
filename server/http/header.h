/* Reading of HTTP header values (RFC 9110). */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Whether `name` may be that of a header field: a token, which has no spaces. */
bool header_is_name(const char *name);

/* How much `accept` (an Accept-Encoding value, or NULL) wants `coding`, by its name or as "*": its
 * q, from 0 (not at all) to 1. */
double header_coding_quality(const char *accept, const char *coding);

/* Reads `accept`, the value of an Accept field (or NULL): false when it is no list of media ranges.
 * *ret_asks is whether one of them has the parameter `name` with this value. A range may be a type
 * alone, such as "*", as Java's own client sends it. */
bool header_read_accept(const char *accept, const char *name, const char *value, bool *ret_asks);

/* Whether the media type in front of the parameters of `content_type` (or NULL) is `type`. */
bool header_is_media_type(const char *content_type, const char *type);

/* The value of the parameter `name` of a media type such as multipart/form-data; boundary="x".
 * NULL when there is none; free with g_free. */
char *header_media_parameter(const char *content_type, const char *name);
