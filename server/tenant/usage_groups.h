/* What the pushes of a tenant are counted and sampled by, as its overrides say:
 *
 *   distributor_usage_groups:
 *     web: '{namespace="web"}'                # a label selector
 *     team/${labels.team}: '{team!=""}'       # a group for each value of the label
 *   distributor_sampling:
 *     usage_groups:
 *       web: {probability: 0.1}               # of its profiles one in ten is kept
 *
 * A profile is in every group whose selector its labels match, and in the group "other" when that
 * is none. Groups are immutable: threads may share them. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/yaml_tree.h"
#include "server/store/labels.h"

/* Groups of a tenant, and the bytes of a name, also of one made from a label. */
enum { USAGE_GROUPS_MAX = 50, USAGE_GROUP_NAME_BYTES_MAX = 256 };
/* The group of what is in no other. */
#define USAGE_GROUP_OTHER "other"

typedef struct UsageGroups UsageGroups;

UsageGroups *usage_groups_new(void);
UsageGroups *usage_groups_ref(UsageGroups *groups);
void usage_groups_unref(UsageGroups *groups);

/* The keys that the overrides of a tenant have for it; NULL is behind the last. */
extern const char *const usage_group_keys[];
/* Reads the value of one of these keys into groups that nobody shares yet. */
bool usage_groups_read(YamlTree *tree, const char *key, const YamlNode *value, UsageGroups *groups,
                       GError **error);

/* Whether a profile can be in a group of this name. */
bool usage_groups_may_have(const UsageGroups *groups, const char *name);
/* The names that distributor_sampling has and no profile can be in: const char *, as long as the
 * groups live. */
GPtrArray *usage_groups_unknown(const UsageGroups *groups);

typedef struct {
    GPtrArray *names;    /* of the groups, at least one; the array frees them */
    GPtrArray *patterns; /* of each name the group as the overrides have it; of the groups */
    double keep;         /* the part of such profiles to keep: the least of the groups', 0 to 1 */
    const char *keep_group; /* the one of the names whose part that is; NULL: no rule, keep is 1 */
} UsageMatch;

/* The groups of a series, by labels in any order; clear with usage_match_clear. A selector whose
 * regular expression takes too many steps does not match. */
UsageMatch usage_groups_match(const UsageGroups *groups, const Label *labels, size_t n_labels);
void usage_match_clear(UsageMatch *match);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UsageGroups, usage_groups_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UsageMatch, usage_match_clear)
