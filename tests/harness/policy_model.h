/* A second evaluator of NetworkPolicies: clusters are made from bytes as a model, written as
 * objects, and what the evaluator of analyzers/collect reads from them is compared with what the
 * model says, once hopefully and once not. */
#pragma once
#include <glib.h>

enum { POLICY_MODEL_BYTES = 512 }; /* more than any cluster is decided by */

/* NULL when both agree about every pair of pods and every port; else where they do not, and in
 * which cluster, to be freed. Adds to `counts` how often each FlowVerdict was the answer. */
char *policy_model_disagreement(const guint8 *bytes, size_t size, guint counts[3]);
