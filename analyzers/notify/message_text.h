/* The words of a message, common to all receivers. Internal to analyzers/notify. */
#pragma once
#include "analyzers/notify/message.h"

/* "12:02", or with its day when that is not today; UTC; free with g_free. */
char *message_clock(int64_t seconds, int64_t now_s);

enum { MESSAGE_DETAILS = 5 }; /* changes that are told in full */

enum { MESSAGE_STORM = 20 }; /* of more changes those of one kind share a line */

/* Changes that share a line. */
typedef struct {
    const Change *first;
    guint n;
    char *others; /* names of the next ones: "pay, idle…" */
} MessageLine;

/* MessageLine of the changes from `from` on: one of each, or in a storm one of those of one type,
 * check and namespace; free with g_ptr_array_unref. */
GPtrArray *message_lines(const GPtrArray *sorted, guint from);
/* Change, the worst first, what has ended last; borrowed from `changes`. */
GPtrArray *message_sort(const GPtrArray *changes);
/* "prod: 2 new, 1 worse, 3 resolved; 7 open", "prod: all quiet; 0 open". */
char *message_headline(const GPtrArray *changes, const MessageContext *context);
/* "Deployment shop/web". */
char *message_place(const Change *change);
/* "since 12:02 UTC (3 h 4 min)", "at least since …", "first seen now", or for what has ended "12:02
 * to 12:41 UTC, 39 min", and what became of what was missing: "; data was back-filled". */
char *message_span(const Change *change, const MessageContext *context);
/* What has happened, for people: "new", "already there", "worse", "back" … */
const char *message_happened(ChangeType type);
/* "#a7f3": ties the messages about an incident together. */
char *message_incident(const Change *change);
/* A mark for a severity, or of the end. */
const char *message_mark(const Change *change);
/* The note of a model, marked as such; "" for none; free with g_free. */
char *message_note(const Change *change);
/* "explains 14 more: Pod web-1 is not ready; …", with the titles of the first ones as far as they
 * are known; "" when it explains nothing; free with g_free. */
char *message_explains(const Change *change);
/* The annotation that silences it, "cresset.dev/ignore: CHECK"; "" when its object can have none;
 * free with g_free. */
char *message_silence(const Change *change);
/* Where the finding is looked at, in the pages of a server of Cresset; "" when there is none; free
 * with g_free. */
char *message_url(const Change *change, const MessageContext *context);
/* At most `max` bytes of `text`, cut at a character; free with g_free. */
char *message_cut(const char *text, size_t max);
