#include <string.h>

#include "lib/base/error.h"
#include "lib/base/nearest.h"
#include "lib/relabel/relabel_rule.h"

#define DEFAULT_SEPARATOR   ";"
#define DEFAULT_REPLACEMENT "$1"
#define DEFAULT_REGEX       "(.*)"

enum {
    FIELD_SOURCES = 1 << 0,
    FIELD_SEPARATOR = 1 << 1,
    FIELD_TARGET = 1 << 2,
    FIELD_REGEX = 1 << 3,
    FIELD_REPLACEMENT = 1 << 4,
    FIELD_MODULUS = 1 << 5,
    ALL_FIELDS = (1 << 6) - 1,
};

static const char *const FIELDS[] = {"source_labels", "separator",   "target_label",
                                     "regex",         "replacement", "modulus"};

/* What each action needs and refuses, as Prometheus has it. */
typedef struct {
    const char *name;
    bool needs_target;
    unsigned refused; /* fields that may only be given as they are by default */
} ActionRow;

static const ActionRow ACTIONS[] = {
    [RELABEL_REPLACE] = {"replace", true, 0},
    [RELABEL_KEEP] = {"keep", false, 0},
    [RELABEL_DROP] = {"drop", false, 0},
    [RELABEL_KEEPEQUAL] = {"keepequal", true, ALL_FIELDS & ~(FIELD_SOURCES | FIELD_TARGET)},
    [RELABEL_DROPEQUAL] = {"dropequal", true, ALL_FIELDS & ~(FIELD_SOURCES | FIELD_TARGET)},
    [RELABEL_LABELMAP] = {"labelmap", false, 0},
    [RELABEL_LABELDROP] = {"labeldrop", false, ALL_FIELDS & ~FIELD_REGEX},
    [RELABEL_LABELKEEP] = {"labelkeep", false, ALL_FIELDS & ~FIELD_REGEX},
    [RELABEL_HASHMOD] = {"hashmod", true, 0},
    [RELABEL_LOWERCASE] = {"lowercase", true, FIELD_REPLACEMENT},
    [RELABEL_UPPERCASE] = {"uppercase", true, FIELD_REPLACEMENT},
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
read_source(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    GStrvBuilder *sources = data;
    const char *name = yaml_text(tree, item, "a name of source_labels", error);
    if (name != NULL)
        g_strv_builder_add(sources, name);
    return name != NULL;
}

static bool
read_sources(YamlTree *tree, const YamlNode *node, RelabelRule *rule, GError **error)
{
    g_autoptr(GStrvBuilder) sources = g_strv_builder_new();
    if (!yaml_each_item(tree, node, "source_labels", read_source, sources, error))
        return false;
    g_strfreev(rule->source_labels);
    rule->source_labels = g_strv_builder_end(sources);
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

bool
relabel_is_name(const char *name)
{
    const char *at = name;
    while (g_ascii_isalnum(*at) || *at == '_' || *at == '.')
        at++;
    return *name != '\0' && *at == '\0' && !g_ascii_isdigit(*name);
}

/* Whether a name can come of it once groups stand in place of $1 and ${name}. */
static bool
can_be_name(const char *text)
{
    g_autofree char *name = g_strdup(text);
    return relabel_is_name(g_strdelimit(name, "${}", '_'));
}

/* Those that are given and not as by default. */
static unsigned
given_fields(const RelabelRule *rule)
{
    unsigned fields = 0;
    if (rule->source_labels[0] != NULL)
        fields |= FIELD_SOURCES;
    if (strcmp(rule->separator, DEFAULT_SEPARATOR) != 0)
        fields |= FIELD_SEPARATOR;
    if (rule->target_label[0] != '\0')
        fields |= FIELD_TARGET;
    if (strcmp(regex_pattern(rule->regex), DEFAULT_REGEX) != 0)
        fields |= FIELD_REGEX;
    if (strcmp(rule->replacement, DEFAULT_REPLACEMENT) != 0)
        fields |= FIELD_REPLACEMENT;
    if (rule->modulus != 0)
        fields |= FIELD_MODULUS;
    return fields;
}

static bool
check_target(const RelabelRule *rule, GError **error)
{
    const ActionRow *action = &ACTIONS[rule->action];
    bool has_groups = rule->action != RELABEL_HASHMOD;
    if (!action->needs_target)
        return true;
    if (rule->target_label[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "action %s needs a target_label",
                         action->name);
    if (has_groups ? can_be_name(rule->target_label) : relabel_is_name(rule->target_label))
        return true;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "target_label: '%s' is no name of a label for action %s: letters, digits, '_' "
                     "and '.'",
                     rule->target_label, action->name);
}

static bool
check_rule(const RelabelRule *rule, GError **error)
{
    const ActionRow *action = &ACTIONS[rule->action];
    unsigned refused = given_fields(rule) & action->refused;
    if (refused != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "action %s takes no %s",
                         action->name, FIELDS[g_bit_nth_lsf(refused, -1)]);
    if (!check_target(rule, error))
        return false;
    if (rule->action == RELABEL_HASHMOD && rule->modulus == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "action hashmod needs a modulus above 0");
    if (rule->action == RELABEL_LABELMAP && !can_be_name(rule->replacement))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "replacement: '%s' is no name of a label, which action labelmap makes",
                         rule->replacement);
    return true;
}

/* What Prometheus assumes. */
static bool
fill_defaults(RelabelRule *rule, GError **error)
{
    if (rule->source_labels == NULL)
        rule->source_labels = g_new0(char *, 1);
    if (rule->separator == NULL)
        rule->separator = g_strdup(DEFAULT_SEPARATOR);
    if (rule->target_label == NULL)
        rule->target_label = g_strdup("");
    if (rule->replacement == NULL)
        rule->replacement = g_strdup(DEFAULT_REPLACEMENT);
    if (rule->regex == NULL)
        rule->regex = regex_new_with_groups(DEFAULT_REGEX, error);
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
        !fill_defaults(rule, error) || !check_rule(rule, error))
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
