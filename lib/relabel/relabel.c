#include "lib/relabel/relabel.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/relabel/relabel_rule.h"

static bool
fail_long(GError **error)
{
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "it makes a label of more than %d bytes", RELABEL_VALUE_BYTES_MAX);
}

/* Sets a label that a rule has made. */
static bool
set_label(LabelSet *set, const char *name, const char *value, GError **error)
{
    if (strlen(name) > RELABEL_VALUE_BYTES_MAX || strlen(value) > RELABEL_VALUE_BYTES_MAX)
        return fail_long(error);
    label_set_set(set, name, value);
    return label_set_size(set) <= RELABEL_LABELS_MAX ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "it makes more than %d labels",
                     RELABEL_LABELS_MAX);
}

static char *
join_sources(const RelabelRule *rule, const LabelSet *set)
{
    GString *joined = g_string_new(NULL);
    for (size_t i = 0; rule->source_labels[i] != NULL; i++) {
        if (i > 0)
            g_string_append(joined, rule->separator);
        g_string_append(joined, label_set_get(set, rule->source_labels[i]));
    }
    return g_string_free(joined, FALSE);
}

static char *
expand(const RegexMatch *match, const char *text)
{
    GString *out = g_string_new(NULL);
    regex_match_expand(match, text, RELABEL_VALUE_BYTES_MAX, out);
    return g_string_free(out, FALSE);
}

/* A target that the match makes no name of is not set. */
static bool
replace(const RelabelRule *rule, const char *value, LabelSet *set, GError **error)
{
    g_autoptr(RegexMatch) match = NULL;
    if (!regex_find(rule->regex, value, &match, error))
        return false;
    if (match == NULL)
        return true;
    g_autofree char *target = expand(match, rule->target_label);
    g_autofree char *replacement = expand(match, rule->replacement);
    return !relabel_is_name(target) || set_label(set, target, replacement, error);
}

/* The last eight bytes of the MD5 sum as a big-endian number, as Prometheus has it. */
static bool
hashmod(const RelabelRule *rule, const char *value, LabelSet *set, GError **error)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_MD5);
    uint8_t digest[16];
    gsize size = sizeof digest;
    uint64_t hash = 0;
    g_checksum_update(checksum, (const guchar *)value, (gssize)strlen(value));
    g_checksum_get_digest(checksum, digest, &size);
    for (size_t i = 8; i < sizeof digest; i++)
        hash = hash << 8 | digest[i];
    char text[21];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, hash % rule->modulus);
    return set_label(set, rule->target_label, text, error);
}

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of the set in order, borrowed. */
static GPtrArray *
names_of(const LabelSet *set)
{
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        g_ptr_array_add(names, (char *)(uintptr_t)name);
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* Sets the labels that the names of others lead to, in their order: of two that lead to the same
 * the last wins. */
static bool
labelmap(const RelabelRule *rule, LabelSet *set, GError **error)
{
    g_autoptr(GPtrArray) names = names_of(set);
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free); /* name, value, … */
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autoptr(RegexMatch) match = NULL;
        if (!regex_find(rule->regex, name, &match, error))
            return false;
        if (match == NULL)
            continue;
        g_ptr_array_add(pairs, expand(match, rule->replacement));
        g_ptr_array_add(pairs, g_strdup(label_set_get(set, name)));
    }
    for (guint i = 0; i < pairs->len; i += 2) {
        const char *name = pairs->pdata[i];
        if (name[0] != '\0' && !set_label(set, name, pairs->pdata[i + 1], error))
            return false;
    }
    return true;
}

/* Removes the labels whose names match, or those whose names do not. */
static bool
filter_names(const RelabelRule *rule, bool removes_matches, LabelSet *set, GError **error)
{
    g_autoptr(GPtrArray) removed = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        g_autoptr(RegexMatch) match = NULL;
        label_set_at(set, i, &name, &value);
        if (!regex_find(rule->regex, name, &match, error))
            return false;
        if ((match != NULL) == removes_matches)
            g_ptr_array_add(removed, g_strdup(name));
    }
    for (guint i = 0; i < removed->len; i++)
        label_set_set(set, removed->pdata[i], "");
    return true;
}

/* Each character by itself, as Go does: g_utf8_strup makes two of some, and asks the locale. */
static bool
change_case(const RelabelRule *rule, const char *value, LabelSet *set, GError **error)
{
    bool is_lower = rule->action == RELABEL_LOWERCASE;
    g_autoptr(GString) changed = g_string_new(NULL);
    for (const char *at = value; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        g_string_append_unichar(changed, is_lower ? g_unichar_tolower(character)
                                                  : g_unichar_toupper(character));
    }
    return set_label(set, rule->target_label, changed->str, error);
}

static bool
test_match(const RelabelRule *rule, const char *value, bool wanted, bool *ret_kept, GError **error)
{
    g_autoptr(RegexMatch) match = NULL;
    if (!regex_find(rule->regex, value, &match, error))
        return false;
    *ret_kept = (match != NULL) == wanted;
    return true;
}

static bool
apply(const RelabelRule *rule, LabelSet *set, bool *ret_kept, GError **error)
{
    g_autofree char *value = join_sources(rule, set);
    bool is_equal;
    switch (rule->action) {
    case RELABEL_REPLACE:
        return replace(rule, value, set, error);
    case RELABEL_KEEP:
    case RELABEL_DROP:
        return test_match(rule, value, rule->action == RELABEL_KEEP, ret_kept, error);
    case RELABEL_KEEPEQUAL:
    case RELABEL_DROPEQUAL:
        is_equal = strcmp(label_set_get(set, rule->target_label), value) == 0;
        *ret_kept = is_equal == (rule->action == RELABEL_KEEPEQUAL);
        return true;
    case RELABEL_LABELMAP:
        return labelmap(rule, set, error);
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP:
        return filter_names(rule, rule->action == RELABEL_LABELDROP, set, error);
    case RELABEL_HASHMOD:
        return hashmod(rule, value, set, error);
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        return change_case(rule, value, set, error);
    }
    return true;
}

bool
relabel_rules_apply(const RelabelRules *rules, LabelSet *set, bool *ret_kept, GError **error)
{
    *ret_kept = true;
    for (guint i = 0; i < rules->rules->len && *ret_kept; i++) {
        if (!apply(rules->rules->pdata[i], set, ret_kept, error)) {
            g_prefix_error(error, "relabel rule %u: ", i + 1);
            return false;
        }
    }
    return true;
}
