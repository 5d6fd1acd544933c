#include <string.h>

#include "lib/base/error.h"
#include "lib/base/nearest.h"
#include "lib/relabel/relabel_rule.h"

/* What each action needs and allows. */
typedef struct {
    const char *name;
    bool needs_target;
    bool only_regex; /* of the other fields none may be given */
} ActionRow;

static const ActionRow ACTIONS[] = {
    [RELABEL_REPLACE] = {"replace", true, false},
    [RELABEL_KEEP] = {"keep", false, false},
    [RELABEL_DROP] = {"drop", false, false},
    [RELABEL_KEEPEQUAL] = {"keepequal", true, false},
    [RELABEL_DROPEQUAL] = {"dropequal", true, false},
    [RELABEL_LABELMAP] = {"labelmap", false, false},
    [RELABEL_LABELDROP] = {"labeldrop", false, true},
    [RELABEL_LABELKEEP] = {"labelkeep", false, true},
    [RELABEL_HASHMOD] = {"hashmod", true, false},
    [RELABEL_LOWERCASE] = {"lowercase", true, false},
    [RELABEL_UPPERCASE] = {"uppercase", true, false},
};

void
relabel_rule_free(RelabelRule *rule)
{
    if (rule == NULL)
        return;
    g_strfreev(rule->source_labels);
    g_free(rule->separator);
    g_free(rule->target_label);
    g_free(rule->replacement);
    regex_free(rule->regex);
    g_free(rule);
}

static void
free_rule(void *rule)
{
    relabel_rule_free(rule);
}

static bool
read_action(YamlTree *tree, const YamlNode *node, RelabelRule *rule, GError **error)
{
    const char *names[G_N_ELEMENTS(ACTIONS)], *text = yaml_text(tree, node, "action", error);
    if (text == NULL)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(ACTIONS); i++) {
        names[i] = ACTIONS[i].name;
        if (g_ascii_strcasecmp(text, names[i]) == 0) {
            rule->action = (RelabelAction)i;
            return true;
        }
    }
    int nearest = nearest_name(text, names, G_N_ELEMENTS(names));
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "there is no action '%s'%s%s%s", text,
                     nearest >= 0 ? ", did you mean " : "", nearest >= 0 ? names[nearest] : "",
                     nearest >= 0 ? "?" : "");
}

static bool
read_text(YamlTree *tree, const YamlNode *node, const char *key, char **field, GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    if (!g_utf8_validate(text, -1, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s is not valid UTF-8", key);
    g_free(*field);
    *field = g_strdup(text);
    return true;
}

static bool
read_sources(YamlTree *tree, const YamlNode *node, RelabelRule *rule, GError **error)
{
    rule->source_labels = yaml_texts(tree, node, "source_labels", error);
    if (rule->source_labels == NULL)
        return false;
    guint n = g_strv_length(rule->source_labels);
    return n <= RELABEL_SOURCES_MAX ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "source_labels has %u names, at most %d are allowed", n, RELABEL_SOURCES_MAX);
}

static bool
read_regex(YamlTree *tree, const YamlNode *node, RelabelRule *rule, GError **error)
{
    const char *text = yaml_text(tree, node, "regex", error);
    if (text != NULL)
        rule->regex = regex_new_with_groups(text, error);
    return rule->regex != NULL;
}

static bool
read_modulus(YamlTree *tree, const YamlNode *node, RelabelRule *rule, GError **error)
{
    const char *text = yaml_text(tree, node, "modulus", error);
    guint64 value = 0;
    if (text == NULL)
        return false;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &value, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "modulus: '%s' is not a whole number that is not negative", text);
    rule->modulus = value;
    return true;
}

static bool
read_field(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    RelabelRule *rule = data;
    if (strcmp(key, "action") == 0)
        return read_action(tree, value, rule, error);
    if (strcmp(key, "source_labels") == 0)
        return read_sources(tree, value, rule, error);
    if (strcmp(key, "regex") == 0)
        return read_regex(tree, value, rule, error);
    if (strcmp(key, "modulus") == 0)
        return read_modulus(tree, value, rule, error);
    if (strcmp(key, "separator") == 0)
        return read_text(tree, value, key, &rule->separator, error);
    if (strcmp(key, "target_label") == 0)
        return read_text(tree, value, key, &rule->target_label, error);
    if (strcmp(key, "replacement") == 0)
        return read_text(tree, value, key, &rule->replacement, error);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a relabel rule has no field '%s'",
                     key);
}

static bool
check_rule(const RelabelRule *rule, GError **error)
{
    const ActionRow *action = &ACTIONS[rule->action];
    bool has_target = rule->target_label != NULL && rule->target_label[0] != '\0';
    bool has_others = rule->source_labels != NULL || rule->target_label != NULL ||
                      rule->modulus != 0 || rule->separator != NULL || rule->replacement != NULL;
    if (action->needs_target && !has_target)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "action %s needs a target_label",
                         action->name);
    if (action->only_regex && has_others)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "action %s takes a regex and nothing else", action->name);
    if (rule->action == RELABEL_HASHMOD && rule->modulus == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "action hashmod needs a modulus above 0");
    return true;
}

/* What Prometheus assumes. */
static bool
fill_defaults(RelabelRule *rule, GError **error)
{
    if (rule->separator == NULL)
        rule->separator = g_strdup(";");
    if (rule->replacement == NULL)
        rule->replacement = g_strdup("$1");
    if (rule->regex == NULL)
        rule->regex = regex_new_with_groups("(.*)", error);
    return rule->regex != NULL;
}

static bool
read_rule(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    RelabelRules *rules = data;
    if (rules->rules->len == RELABEL_RULES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "at most %d relabel rules are allowed", RELABEL_RULES_MAX);
    g_autoptr(RelabelRule) rule = g_new0(RelabelRule, 1);
    if (!yaml_each_pair(tree, item, "a relabel rule", read_field, rule, error) ||
        !check_rule(rule, error) || !fill_defaults(rule, error))
        return false;
    g_ptr_array_add(rules->rules, g_steal_pointer(&rule));
    return true;
}

RelabelRules *
relabel_rules_read(YamlTree *tree, const YamlNode *node, const char *what, GError **error)
{
    g_autoptr(RelabelRules) rules = g_atomic_rc_box_new0(RelabelRules);
    rules->rules = g_ptr_array_new_with_free_func(free_rule);
    return yaml_each_item(tree, node, what, read_rule, rules, error) ? g_steal_pointer(&rules)
                                                                     : NULL;
}

RelabelRules *
relabel_rules_ref(RelabelRules *rules)
{
    return g_atomic_rc_box_acquire(rules);
}

static void
clear_rules(void *rules)
{
    g_ptr_array_unref(((RelabelRules *)rules)->rules);
}

void
relabel_rules_unref(RelabelRules *rules)
{
    if (rules != NULL)
        g_atomic_rc_box_release_full(rules, clear_rules);
}
