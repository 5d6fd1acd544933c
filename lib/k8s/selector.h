/* Label selectors: whether a set of labels matches (metav1.LabelSelector).
 *
 * Three-valued: a selector that makes no sense matches nobody can say what. */
#pragma once
#include "lib/k8s/value.h"

typedef enum { MATCH_NO, MATCH_YES, MATCH_UNKNOWN } Match;

/* A LabelSelector {matchLabels, matchExpressions}: an empty one matches everything, NULL nothing.
 * `labels` is a map of texts, NULL for none. */
Match selector_match(const Value *selector, const Value *labels);
/* A plain map of labels, as the selector of a Service or a nodeSelector: every one must be there.
 * Empty or null matches everything, NULL and what is no map nothing. */
bool selector_match_map(const Value *map, const Value *labels);
/* Whether it has neither labels nor expressions; NULL has none. */
bool selector_is_empty(const Value *selector);
/* "app=web,tier in (a, b),!old", for people; free with g_free. */
char *selector_text(const Value *selector);
/* The same of a plain map. */
char *selector_map_text(const Value *map);
