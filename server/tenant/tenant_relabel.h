/* How the series of a tenant are relabelled, as its overrides say:
 *
 *   ingestion_relabeling_rules: [{action: drop, source_labels: [namespace], regex: dev}]
 *   ingestion_relabeling_default_rules_position: first   # first, last, disabled
 *   sample_type_relabeling_rules: [{action: keep, source_labels: [__type__], regex: cpu}]
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/relabel/relabel.h"

/* Where the rules stand that every tenant has, beside its own. */
typedef enum { DEFAULT_RULES_FIRST, DEFAULT_RULES_LAST, DEFAULT_RULES_DISABLED } DefaultRules;

/* Zeroed: no rules but those that every tenant has. */
typedef struct {
    RelabelRules *series, *sample_types; /* NULL: none */
    DefaultRules default_rules;
} TenantRelabel;

/* The keys that the overrides of a tenant have for it; NULL is behind the last. */
extern const char *const tenant_relabel_keys[];
/* Reads the value of one of these keys. */
bool tenant_relabel_read(YamlTree *tree, const char *key, const YamlNode *value,
                         TenantRelabel *relabel, GError **error);
/* Sets *ret_copy, to be cleared; NULL copies as zeroed. */
void tenant_relabel_copy(const TenantRelabel *relabel, TenantRelabel *ret_copy);
void tenant_relabel_clear(TenantRelabel *relabel);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TenantRelabel, tenant_relabel_clear)
