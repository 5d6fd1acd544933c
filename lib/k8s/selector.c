#include "lib/k8s/selector.h"

#include <string.h>

bool
selector_match_map(const Value *map, const Value *labels)
{
    if (map == NULL || (map->type != VALUE_MAP && map->type != VALUE_NULL))
        return false;
    for (const Value *wanted = value_first(map, ""); wanted != NULL; wanted = wanted->next) {
        const Value *label = value_get(labels, wanted->key);
        if (label == NULL || strcmp(value_text(label, ""), value_text(wanted, "")) != 0)
            return false;
    }
    return true;
}

static bool
has_value(const Value *expression, const Value *label)
{
    for (const Value *v = value_first(expression, "values"); v != NULL; v = v->next) {
        if (strcmp(value_text(v, ""), value_text(label, "")) == 0)
            return true;
    }
    return false;
}

static Match
match_expression(const Value *expression, const Value *labels)
{
    const char *operator= value_text(expression, "operator"), *key = value_text(expression, "key");
    const Value *label = value_get(labels, key);
    bool is_there = label != NULL, is_in = is_there && has_value(expression, label);
    if (*key == '\0')
        return MATCH_UNKNOWN;
    if (strcmp(operator, "In") == 0)
        return is_in ? MATCH_YES : MATCH_NO;
    if (strcmp(operator, "NotIn") == 0) /* matches who does not have the label */
        return is_in ? MATCH_NO : MATCH_YES;
    if (strcmp(operator, "Exists") == 0)
        return is_there ? MATCH_YES : MATCH_NO;
    if (strcmp(operator, "DoesNotExist") == 0)
        return is_there ? MATCH_NO : MATCH_YES;
    return MATCH_UNKNOWN;
}

/* Absent and null are as good as empty. */
static bool
is_absent_or(const Value *value, ValueType type)
{
    return value == NULL || value->type == VALUE_NULL || value->type == type;
}

Match
selector_match(const Value *selector, const Value *labels)
{
    if (selector == NULL)
        return MATCH_NO;
    if (selector->type != VALUE_MAP)
        return selector->type == VALUE_NULL ? MATCH_NO : MATCH_UNKNOWN;
    const Value *map = value_get(selector, "matchLabels");
    bool has_map = is_absent_or(map, VALUE_MAP);
    if (map != NULL && has_map && !selector_match_map(map, labels))
        return MATCH_NO;
    if (!is_absent_or(value_get(selector, "matchExpressions"), VALUE_LIST))
        return MATCH_UNKNOWN;
    Match match = has_map ? MATCH_YES : MATCH_UNKNOWN;
    for (const Value *e = value_first(selector, "matchExpressions"); e != NULL; e = e->next) {
        Match one = match_expression(e, labels);
        if (one == MATCH_NO)
            return MATCH_NO;
        if (one == MATCH_UNKNOWN)
            match = MATCH_UNKNOWN;
    }
    return match;
}

bool
selector_is_empty(const Value *selector)
{
    return value_count(selector, "matchLabels") == 0 &&
           value_count(selector, "matchExpressions") == 0;
}

static void
append_map(GString *text, const Value *map)
{
    for (const Value *label = value_first(map, ""); label != NULL; label = label->next)
        g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "," : "", label->key,
                               value_text(label, ""));
}

static void
append_expression(GString *text, const Value *expression)
{
    const char *key = value_text(expression, "key");
    const char *operator= value_text(expression, "operator");
    const char *comma = text->len > 0 ? "," : "";
    if (strcmp(operator, "Exists") == 0) {
        g_string_append_printf(text, "%s%s", comma, key);
        return;
    }
    if (strcmp(operator, "DoesNotExist") == 0) {
        g_string_append_printf(text, "%s!%s", comma, key);
        return;
    }
    if (strcmp(operator, "In") == 0)
        operator= "in";
    else if (strcmp(operator, "NotIn") == 0)
        operator= "notin";
    g_string_append_printf(text, "%s%s %s (", comma, key, operator);
    for (const Value *v = value_first(expression, "values"); v != NULL; v = v->next)
        g_string_append_printf(text, "%s%s", value_text(v, ""), v->next != NULL ? ", " : "");
    g_string_append_c(text, ')');
}

char *
selector_text(const Value *selector)
{
    GString *text = g_string_new(NULL);
    append_map(text, value_get(selector, "matchLabels"));
    for (const Value *e = value_first(selector, "matchExpressions"); e != NULL; e = e->next)
        append_expression(text, e);
    return g_string_free(text, FALSE);
}

char *
selector_map_text(const Value *map)
{
    GString *text = g_string_new(NULL);
    append_map(text, map);
    return g_string_free(text, FALSE);
}
