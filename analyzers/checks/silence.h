/* Findings that nobody wants to hear of, by rules of files; docs/notifications.md has its form. */
#pragma once
#include "analyzers/checks/finding.h"
#include "lib/base/yaml_tree.h"

typedef struct Silences Silences;

enum { SILENCES_MAX = 10000 };

/* Errors begin with "path:line: ", or are those of reading the file. */
Silences *silences_load(const char *path, GError **error);
void silences_free(Silences *silences);
/* YamlReadFunc of a Silences *, NULL before: the rules, as the key of another file. */
bool
silences_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);
/* Those of both, one of which may be NULL; takes them. */
Silences *silences_join(Silences *silences, Silences *others);

/* Whether a rule that has not expired covers the finding. NULL is no rules. */
bool silences_cover(const Silences *silences, const Finding *finding, int64_t now_s);
/* A line for people about each rule that has expired; free with g_ptr_array_unref. */
GPtrArray *silences_expired(const Silences *silences, int64_t now_s);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Silences, silences_free)
