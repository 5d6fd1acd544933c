/* Where a page of findings or transitions ends, as a text that clients hand back. Internal to
 * server/api. */
#pragma once
#include "server/store/finding.h"

typedef struct {
    FindingPlace place; /* of `words` */
    GStrv words;        /* NULL: there is no cursor */
} FindingCursor;

/* A text of letters, digits, '-' and '_'; free with g_free. */
char *finding_cursor_text(const FindingPlace *place);
/* Reads such a text, NULL being none; to be cleared. INVALID_ARGUMENT when it is none of ours. */
bool finding_cursor_read(const char *text, FindingCursor *ret_cursor, GError **error);
void finding_cursor_clear(FindingCursor *cursor);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FindingCursor, finding_cursor_clear)
