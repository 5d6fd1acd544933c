/* One relabel rule, as it is read and applied. Private to lib/relabel. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/regex.h"
#include "lib/relabel/relabel.h"

typedef enum {
    RELABEL_REPLACE,
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEPEQUAL,
    RELABEL_DROPEQUAL,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
    RELABEL_HASHMOD,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
} RelabelAction;

typedef struct {
    RelabelAction action;
    GStrv source_labels;
    char *separator, *target_label, *replacement;
    Regex *regex; /* with groups */
    uint64_t modulus;
} RelabelRule;

struct RelabelRules {
    GPtrArray *rules; /* RelabelRule */
};

/* Whether a label may be called so: letters, digits, '_' and, as Pyroscope takes it, '.', no digit
 * at first. */
bool relabel_is_name(const char *name);

void relabel_rule_free(RelabelRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RelabelRule, relabel_rule_free)
