#include "analyzers/checks/log_rule.h"

#include <stddef.h>

#include "lib/base/yaml_field.h"

static void
rule_free(gpointer data)
{
    LogRule *rule = data;
    g_free(rule->name);
    g_free(rule->match);
    g_free(rule->means);
    g_free(rule->fix);
    regex_free(rule->regex);
    g_free(rule);
}

void
log_rules_free(LogRules *rules)
{
    if (rules == NULL)
        return;
    g_ptr_array_unref(rules->rules);
    g_free(rules);
}

static const YamlField rule_fields[] = {
    {"name", yaml_read_text, offsetof(LogRule, name)},
    {"match", yaml_read_text, offsetof(LogRule, match)},
    {"means", yaml_read_text, offsetof(LogRule, means)},
    {"fix", yaml_read_text, offsetof(LogRule, fix)},
};

static bool
read_rule(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    GPtrArray *rules = data;
    LogRule *rule = g_new0(LogRule, 1);
    g_autoptr(GError) wrong = NULL;
    g_ptr_array_add(rules, rule);
    if (rules->len > LOG_RULES_MAX)
        return yaml_fail(tree, item, error, "signatures: there are more than %d", LOG_RULES_MAX);
    if (!yaml_read_fields(tree, item, "a signature", rule_fields, G_N_ELEMENTS(rule_fields), rule,
                          error))
        return false;
    if (rule->name == NULL || rule->match == NULL || rule->means == NULL)
        return yaml_fail(tree, item, error, "a signature needs name, match and means");
    rule->regex = regex_new_anywhere(rule->match, &wrong);
    return rule->regex != NULL || yaml_fail(tree, item, error, "match: %s", wrong->message);
}

static bool
read_rules(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_rule, *(GPtrArray **)place, error);
}

static const YamlField file_fields[] = {
    {"signatures", read_rules, offsetof(LogRules, rules)},
};

LogRules *
log_rules_load(const char *path, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    g_autoptr(LogRules) rules = g_new0(LogRules, 1);
    rules->rules = g_ptr_array_new_with_free_func(rule_free);
    return yaml_read_fields(tree, yaml_tree_root(tree), "the file", file_fields,
                            G_N_ELEMENTS(file_fields), rules, error)
               ? g_steal_pointer(&rules)
               : NULL;
}
