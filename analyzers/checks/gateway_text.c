#include "analyzers/checks/gateway_text.h"

#include <string.h>

char *
condition_text(const Value *condition)
{
    if (condition == NULL)
        return g_strdup("no condition");
    char *text = g_strdup_printf("%s: %s", value_text(condition, "reason"),
                                 value_text(condition, "message"));
    g_strchomp(text);
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '.')
        text[length - 1] = '\0';
    return text;
}

int64_t
condition_since(const Value *condition)
{
    return value_time(condition, "lastTransitionTime");
}

const char *
ref_namespace(const Value *ref, const Object *object)
{
    const char *ns = value_text(ref, "namespace");
    return ns[0] != '\0' ? ns : object->ns;
}
