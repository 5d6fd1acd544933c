#include "server/tenant/usage_groups.h"

#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "server/query/matcher.h"

static const char GROUPS[] = "distributor_usage_groups";
static const char SAMPLING[] = "distributor_sampling";
static const char LABEL_START[] = "${labels.";

const char *const usage_group_keys[] = {GROUPS, SAMPLING, NULL};

typedef struct {
    char *name; /* may have ${labels.…} in it */
    MatcherSet *selector;
} Group;

struct UsageGroups {
    gatomicrefcount n_refs;
    GPtrArray *groups;    /* Group */
    GHashTable *sampling; /* name of a group -> double, its probability */
};

static void
group_free(void *data)
{
    Group *group = data;
    g_free(group->name);
    matcher_set_free(group->selector);
    g_free(group);
}

UsageGroups *
usage_groups_new(void)
{
    UsageGroups *groups = g_new0(UsageGroups, 1);
    g_atomic_ref_count_init(&groups->n_refs);
    groups->groups = g_ptr_array_new_with_free_func(group_free);
    groups->sampling = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return groups;
}

UsageGroups *
usage_groups_ref(UsageGroups *groups)
{
    g_atomic_ref_count_inc(&groups->n_refs);
    return groups;
}

void
usage_groups_unref(UsageGroups *groups)
{
    if (groups == NULL || !g_atomic_ref_count_dec(&groups->n_refs))
        return;
    g_ptr_array_unref(groups->groups);
    g_hash_table_unref(groups->sampling);
    g_free(groups);
}

/* ---- The overrides. ---- */

static bool
check_name(const char *name, GError **error)
{
    if (*name == '\0' || strlen(name) > USAGE_GROUP_NAME_BYTES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: a name has 1 to %d bytes: got '%s'", GROUPS,
                         USAGE_GROUP_NAME_BYTES_MAX, name);
    if (strcmp(name, USAGE_GROUP_OTHER) == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: '%s' is the group of what is in no other", GROUPS, name);
    for (const char *at = name; (at = strstr(at, LABEL_START)) != NULL;) {
        const char *end = strchr(at += strlen(LABEL_START), '}');
        if (end == NULL || end == at)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "%s: '%s' should have the form ${labels.NAME}", GROUPS, name);
    }
    return true;
}

static bool
read_group(YamlTree *tree, const char *name, const YamlNode *value, void *data, GError **error)
{
    UsageGroups *groups = data;
    if (!check_name(name, error))
        return false;
    if (groups->groups->len >= USAGE_GROUPS_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: more than %d groups", GROUPS,
                         USAGE_GROUPS_MAX);
    const char *text = yaml_text(tree, value, name, error);
    g_autoptr(MatcherSet) selector = text != NULL ? matcher_set_parse(text, error) : NULL;
    if (selector == NULL) {
        g_prefix_error(error, "%s: %s: ", GROUPS, name);
        return false;
    }
    Group *group = g_new0(Group, 1);
    *group = (Group){g_strdup(name), g_steal_pointer(&selector)};
    g_ptr_array_add(groups->groups, group);
    return true;
}

static bool
read_probability(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    if (strcmp(key, "probability") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: '%s' is not known here: a group has one key, probability", SAMPLING,
                         key);
    const char *text = yaml_text(tree, value, key, error);
    if (text == NULL)
        return false;
    char *end;
    double probability = g_ascii_strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(probability >= 0 && probability <= 1))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: probability must be a number from 0 to 1: got '%s'", SAMPLING, text);
    *(double *)data = probability;
    return true;
}

static bool
read_sampled_group(YamlTree *tree, const char *name, const YamlNode *value, void *data,
                   GError **error)
{
    UsageGroups *groups = data;
    double probability = NAN;
    if (!yaml_each_pair(tree, value, name, read_probability, &probability, error))
        return false;
    if (isnan(probability))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: %s has no probability",
                         SAMPLING, name);
    g_hash_table_insert(groups->sampling, g_strdup(name),
                        g_memdup2(&probability, sizeof probability));
    return true;
}

static bool
read_sampling(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    if (strcmp(key, "usage_groups") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: '%s' is not known here: it has one key, usage_groups", SAMPLING, key);
    return yaml_each_pair(tree, value, key, read_sampled_group, data, error);
}

bool
usage_groups_read(YamlTree *tree, const char *key, const YamlNode *value, UsageGroups *groups,
                  GError **error)
{
    return yaml_each_pair(tree, value, key, strcmp(key, GROUPS) == 0 ? read_group : read_sampling,
                          groups, error);
}

/* A glob that fits every name that the group can have. */
static char *
glob_of(const char *name)
{
    g_autoptr(GString) glob = g_string_new(NULL);
    for (const char *start; (start = strstr(name, LABEL_START)) != NULL;) {
        g_string_append_len(glob, name, start - name);
        g_string_append(glob, "?*");
        name = strchr(start, '}') + 1;
    }
    g_string_append(glob, name);
    return g_string_free(g_steal_pointer(&glob), FALSE);
}

bool
usage_groups_may_have(const UsageGroups *groups, const char *name)
{
    bool is_known = strcmp(name, USAGE_GROUP_OTHER) == 0;
    for (unsigned i = 0; i < groups->groups->len && !is_known; i++) {
        const Group *group = groups->groups->pdata[i];
        g_autofree char *glob = glob_of(group->name);
        is_known = strcmp(name, group->name) == 0 || globs_match((char *[]){glob, NULL}, name);
    }
    return is_known;
}

GPtrArray *
usage_groups_unknown(const UsageGroups *groups)
{
    GPtrArray *unknown = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, groups->sampling);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!usage_groups_may_have(groups, name))
            g_ptr_array_add(unknown, name);
    }
    return unknown;
}

/* ---- Matching. ---- */

/* The name with the values of labels in it; NULL when one of them is not there, or the name becomes
 * too long. */
static char *
expand(const char *name, const Labels *labels)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *at = name;
    for (const char *start; (start = strstr(at, LABEL_START)) != NULL;) {
        const char *label = start + strlen(LABEL_START), *end = strchr(label, '}');
        g_autofree char *key = g_strndup(label, (gsize)(end - label));
        const char *value = labels_get(labels, key);
        if (value == NULL || *value == '\0')
            return NULL;
        g_string_append_len(out, at, start - at);
        g_string_append(out, value);
        at = end + 1;
    }
    g_string_append(out, at);
    return out->len <= USAGE_GROUP_NAME_BYTES_MAX ? g_string_free(g_steal_pointer(&out), FALSE)
                                                  : NULL;
}

/* Takes the name over. The rule of a name that was made from labels wins over that of its
 * pattern. */
static void
add_name(const UsageGroups *groups, const char *pattern, char *name, UsageMatch *match)
{
    const double *probability = g_hash_table_lookup(groups->sampling, name);
    if (probability == NULL)
        probability = g_hash_table_lookup(groups->sampling, pattern);
    if (probability != NULL && (match->keep_group == NULL || *probability < match->keep)) {
        match->keep = *probability;
        match->keep_group = name;
    }
    g_ptr_array_add(match->names, name);
    g_ptr_array_add(match->patterns, (gpointer)pattern);
}

UsageMatch
usage_groups_match(const UsageGroups *groups, const Label *labels, size_t n_labels)
{
    UsageMatch match = {g_ptr_array_new_with_free_func(g_free), g_ptr_array_new(), 1, NULL};
    g_autoptr(Labels) set = labels_new(labels, n_labels);
    for (unsigned i = 0; i < groups->groups->len; i++) {
        const Group *group = groups->groups->pdata[i];
        if (!matcher_set_match_shared(group->selector, set))
            continue;
        char *name = expand(group->name, set);
        if (name != NULL)
            add_name(groups, group->name, name, &match);
    }
    if (match.names->len == 0)
        add_name(groups, USAGE_GROUP_OTHER, g_strdup(USAGE_GROUP_OTHER), &match);
    return match;
}

void
usage_match_clear(UsageMatch *match)
{
    g_clear_pointer(&match->names, g_ptr_array_unref);
    g_clear_pointer(&match->patterns, g_ptr_array_unref);
}
