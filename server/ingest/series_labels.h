/* The label rules of the Pyroscope API: what a series may be called, and what the server adds. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/ingest/ingest.h"
#include "server/ingest/reason.h"

/* Checks labels as a client sent them and fills `ret_labels` (Label, strings borrowed, cleared
 * first) with what is kept: service_name is "unknown_service" when missing or empty; labels with
 * an empty value, __delta__, __session_id__ and those that the server sets itself are left out. */
IngestReason series_labels_take(const TenantLimits *limits, const Label *labels, size_t n,
                                GArray *ret_labels, GError **error);

/* The label by which clients tell the runs of one process apart: the hexadecimal digits of a
 * little-endian 64-bit number. */
#define SESSION_LABEL "__session_id__"
enum { SESSION_TEXT_BYTES = 17 };

/* Sets ret_text to the session, made one of `sessions_max`; false when there is none, it is not
 * one, or sessions_max is 0. */
bool series_labels_session(const Label *labels, size_t n, int64_t sessions_max, char *ret_text);

/* Checks the lengths, the count and the names of a complete set against the limits. */
IngestReason
series_labels_check(const TenantLimits *limits, const Label *labels, size_t n, GError **error);

/* The value of `name` among `n` labels, or NULL. */
const char *series_labels_get(const Label *labels, size_t n, const char *name);
/* Whether the server sets this label itself, so that clients cannot. */
bool series_labels_is_own(const char *name);
/* The set as {a="b", …}, sorted and cut at a length fit for a message; always valid UTF-8. */
char *series_labels_print(const Label *labels, size_t n);
