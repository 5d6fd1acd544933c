#include "server/tenant/tenant_relabel.h"

#include <string.h>

#include "lib/base/error.h"

static const char SERIES[] = "ingestion_relabeling_rules";
static const char SAMPLE_TYPES[] = "sample_type_relabeling_rules";
static const char POSITION[] = "ingestion_relabeling_default_rules_position";

const char *const tenant_relabel_keys[] = {SERIES, SAMPLE_TYPES, POSITION, NULL};

static bool
read_position(YamlTree *tree, const YamlNode *value, DefaultRules *ret_position, GError **error)
{
    static const char *const names[] = {"first", "last", "disabled"};
    const char *text = yaml_text(tree, value, POSITION, error);
    for (size_t i = 0; text != NULL && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_position = (DefaultRules)i;
            return true;
        }
    }
    return text != NULL &&
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "%s must be first, last or disabled: got '%s'", POSITION, text);
}

bool
tenant_relabel_read(YamlTree *tree, const char *key, const YamlNode *value, TenantRelabel *relabel,
                    GError **error)
{
    if (strcmp(key, POSITION) == 0)
        return read_position(tree, value, &relabel->default_rules, error);
    RelabelRules **rules = strcmp(key, SERIES) == 0 ? &relabel->series : &relabel->sample_types;
    g_clear_pointer(rules, relabel_rules_unref);
    *rules = relabel_rules_read(tree, value, key, error);
    return *rules != NULL;
}

void
tenant_relabel_copy(const TenantRelabel *relabel, TenantRelabel *ret_copy)
{
    *ret_copy = (TenantRelabel){0};
    if (relabel == NULL)
        return;
    *ret_copy = *relabel;
    if (relabel->series != NULL)
        relabel_rules_ref(relabel->series);
    if (relabel->sample_types != NULL)
        relabel_rules_ref(relabel->sample_types);
}

void
tenant_relabel_clear(TenantRelabel *relabel)
{
    g_clear_pointer(&relabel->series, relabel_rules_unref);
    g_clear_pointer(&relabel->sample_types, relabel_rules_unref);
}
