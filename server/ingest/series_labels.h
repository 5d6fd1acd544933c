/* The label rules of the Pyroscope API: what a series may be called, and what the server adds. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "server/ingest/ingest.h"
#include "server/ingest/reason.h"

/* Checks labels as a client sent them and fills `ret_labels` (Label, strings borrowed or in
 * `arena`, cleared first) with what is kept, by the names that series_labels_sanitize gives them:
 * service_name is "unknown_service" when missing or empty; labels with an empty value, __delta__,
 * __session_id__ and those that are the server's own are left out. */
IngestReason series_labels_take(const TenantLimits *limits, const Label *labels, size_t n,
                                Arena *arena, GArray *ret_labels, GError **error);

/* The name under which a label is stored, to be freed: with '_' for dots where the tenant has
 * disable_label_sanitization: false. */
char *series_labels_name(const TenantLimits *limits, const char *text, size_t length);

/* Gives a checked set (Label) the names under which it is stored, in `arena`; where dots are
 * rewritten, other names than [a-zA-Z_][a-zA-Z0-9_]* are refused, and of labels that become equal
 * one is kept. Those that get a name of the server are left out. */
IngestReason
series_labels_sanitize(const TenantLimits *limits, GArray *labels, Arena *arena, GError **error);

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
/* Whether the label is the server's own, so that clients cannot set it. */
bool series_labels_is_own(const char *name);
/* The set as {a="b", …}, sorted and cut at a length fit for a message; always valid UTF-8. */
char *series_labels_print(const Label *labels, size_t n);
