/* Relabel rules with the meaning that Prometheus gives them
 * (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config): they
 * change a set of labels one after the other, or drop what has the labels. Names may have dots, as
 * in Pyroscope; "." of a regex is any character, as in Prometheus 3.
 *
 *   - source_labels: [namespace, pod]   # their values, joined by `separator` (";")
 *     regex: prod;(.*)                  # (.*); RE2's syntax, of the whole of it
 *     action: replace                   # replace, keep, drop, keepequal, dropequal, labelmap,
 *                                       # labeldrop, labelkeep, hashmod, lowercase, uppercase
 *     target_label: pod
 *     replacement: $1                   # $1
 *     modulus: 0                        # of hashmod
 *
 * Rules are immutable: threads may share them. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/yaml_tree.h"
#include "lib/relabel/label_set.h"

/* What rules may have, and what they may make: each list of rules, the bytes of one value that a
 * rule makes, and the labels of a set. */
enum { RELABEL_RULES_MAX = 64, RELABEL_SOURCES_MAX = 32 };
enum { RELABEL_VALUE_BYTES_MAX = 65536, RELABEL_LABELS_MAX = 1000 };

typedef struct RelabelRules RelabelRules;

/* Reads a list of rules; NULL with *error, which names the place and the field. `what` names the
 * list. An empty list gives rules that do nothing. */
RelabelRules *
relabel_rules_read(YamlTree *tree, const YamlNode *node, const char *what, GError **error);
RelabelRules *relabel_rules_ref(RelabelRules *rules);
void relabel_rules_unref(RelabelRules *rules);

/* Changes `set`, whose strings are valid UTF-8; *ret_kept is false when a rule says to drop what
 * has these labels. False with RESOURCE_EXHAUSTED when a regular expression takes too many steps,
 * or a label becomes too long, or they become too many; the error names the rule, from 1. */
bool relabel_rules_apply(const RelabelRules *rules, LabelSet *set, bool *ret_kept, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RelabelRules, relabel_rules_unref)
