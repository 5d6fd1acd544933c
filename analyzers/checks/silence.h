/* Findings that nobody wants to hear of, by rules of a file; docs/notifications.md has its form. */
#pragma once
#include "analyzers/checks/finding.h"

typedef struct Silences Silences;

enum { SILENCES_MAX = 10000 };

/* Errors begin with "path:line: ", or are those of reading the file. */
Silences *silences_load(const char *path, GError **error);
void silences_free(Silences *silences);

/* Whether a rule that has not expired covers the finding. NULL is no rules. */
bool silences_cover(const Silences *silences, const Finding *finding, int64_t now_s);
/* A line for people about each rule that has expired; free with g_ptr_array_unref. */
GPtrArray *silences_expired(const Silences *silences, int64_t now_s);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Silences, silences_free)
