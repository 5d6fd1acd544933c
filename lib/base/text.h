/* Texts that come from elsewhere, and times for people and programs. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of strangers as one line: what is no UTF-8, controls and marks of direction replaced,
 * spaces and line breaks joined and trimmed, cut at a character with "…" when longer than
 * `bytes_max`. `text` may be NULL when `length` is 0. The caller frees. */
char *printable_line(const char *text, size_t length, size_t bytes_max);
/* "2026-01-31T12:00:00Z" (RFC 3339) of seconds since 1970; "" for a time beyond the year 9999. The
 * caller frees. */
char *rfc3339_text(int64_t seconds);
/* Whether a text matches one of these patterns with * and ? (NULL at the end); with NULL for them,
 * any does. */
bool globs_match(char *const *globs, const char *text);
/* A URL of http or https that names a host, its parts still encoded; NULL when it is none, or when
 * it cannot be told where a password ends and the host begins. Free with g_uri_unref. */
GUri *http_url_parse(const char *url);
/* What may be said of such a URL: scheme, host, port and path, neither user nor password nor query;
 * "(not a URL)" for a text that is none. The caller frees. */
char *http_url_shown(const char *url);
