#include "server/ingest/row_labels.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/series_labels.h"

static const char DELTA_PREFIX[] = "godeltaprof_";

/* A row under way. Strings are of the caller or of the set. */
typedef struct {
    const PrepareContext *context;
    GArray *labels; /* Label */
    RowType type;
    LabelSet *types, *set; /* what the rules of the tenant have made; NULL before */
} Row;

static const char *
get(const Row *row, const char *name)
{
    return series_labels_get((const Label *)row->labels->data, row->labels->len, name);
}

/* Gives the row another name, and keeps the one that the client gave. */
static void
rename_row(Row *row, const char *name)
{
    for (guint i = 0; i < row->labels->len; i++) {
        Label *label = &g_array_index(row->labels, Label, i);
        if (strcmp(label->name, "__name__") != 0)
            continue;
        Label replaced = {"__name_replaced__", label->value};
        label->value = name;
        if (get(row, replaced.name) == NULL)
            g_array_append_val(row->labels, replaced);
        return;
    }
}

static void
apply_default_rules(Row *row)
{
    const char *name = get(row, "__name__");
    size_t prefix = strlen(DELTA_PREFIX);
    if (g_str_has_prefix(name, DELTA_PREFIX) && name[prefix] != '\0')
        rename_row(row, name + prefix);
    if (strcmp(get(row, "__name__"), "wall") == 0 && strcmp(row->type.type, "cpu") == 0)
        rename_row(row, "process_cpu");
}

/* ---- Rules of the tenant. ---- */

static LabelSet *
make_set(const Row *row)
{
    LabelSet *set = label_set_new();
    for (guint i = 0; i < row->labels->len; i++) {
        const Label *label = &g_array_index(row->labels, Label, i);
        label_set_set(set, label->name, label->value);
    }
    label_set_set(set, "__type__", row->type.type);
    label_set_set(set, "__unit__", row->type.unit);
    label_set_set(set, "__period_type__", row->type.period_type);
    label_set_set(set, "__period_unit__", row->type.period_unit);
    return set;
}

static IngestReason
apply_rules(const RelabelRules *rules, const char *what, LabelSet *set, GError **error)
{
    bool is_kept;
    GError *failure = NULL;
    if (!relabel_rules_apply(rules, set, &is_kept, &failure)) {
        /* Sending it again does not help. */
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: %s", what, failure->message);
        g_error_free(failure);
        return REASON_INVALID_LABELS;
    }
    return is_kept ? REASON_NONE : REASON_RELABEL;
}

static IngestReason
relabel_type(Row *row, const RelabelRules *rules, GError **error)
{
    row->types = make_set(row);
    IngestReason reason = apply_rules(rules, "sample_type_relabeling_rules", row->types, error);
    row->type.type = label_set_get(row->types, "__type__");
    row->type.unit = label_set_get(row->types, "__unit__");
    return reason;
}

/* Takes the labels back from the set, with those that every series has. */
static void
take_set(Row *row)
{
    const char *service = label_set_get(row->set, "service_name");
    Label label = {"service_name", *service != '\0' ? service : "unknown_service"};
    g_array_set_size(row->labels, 0);
    g_array_append_val(row->labels, label);
    for (size_t i = 0; i < label_set_size(row->set); i++) {
        label_set_at(row->set, i, &label.name, &label.value);
        bool is_own =
            series_labels_is_own(label.name) && strcmp(label.name, "__name_replaced__") != 0;
        if (!is_own && strcmp(label.name, "service_name") != 0 &&
            strcmp(label.name, "__delta__") != 0)
            g_array_append_val(row->labels, label);
    }
    row->type = (RowType){.type = label_set_get(row->set, "__type__"),
                          .unit = label_set_get(row->set, "__unit__"),
                          .period_type = label_set_get(row->set, "__period_type__"),
                          .period_unit = label_set_get(row->set, "__period_unit__"),
                          .is_stripped = row->type.is_stripped};
}

static IngestReason
relabel_series(Row *row, const RelabelRules *rules, GError **error)
{
    row->set = make_set(row);
    IngestReason reason = apply_rules(rules, "ingestion_relabeling_rules", row->set, error);
    if (reason != REASON_NONE)
        return reason;
    take_set(row);
    if (get(row, "__name__") == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "ingestion_relabeling_rules leave the series without a __name__");
        return REASON_INVALID_LABELS;
    }
    reason = series_labels_check(row->context->limits, (const Label *)row->labels->data,
                                 row->labels->len, error);
    if (reason == REASON_NONE)
        reason =
            series_labels_sanitize(row->context->limits, row->labels, row->context->arena, error);
    return reason;
}

static IngestReason
apply_all(Row *row, const TenantRelabel *relabel, GError **error)
{
    IngestReason reason = REASON_NONE;
    if (relabel->sample_types != NULL)
        reason = relabel_type(row, relabel->sample_types, error);
    if (relabel->default_rules == DEFAULT_RULES_FIRST)
        apply_default_rules(row);
    if (reason == REASON_NONE && relabel->series != NULL)
        reason = relabel_series(row, relabel->series, error);
    if (reason == REASON_NONE && relabel->default_rules == DEFAULT_RULES_LAST)
        apply_default_rules(row);
    return reason;
}

/* The complete set, with the labels that say what the values are. */
static Labels *
finish(const Row *row)
{
    const RowType *type = &row->type;
    g_autofree char *id = g_strdup_printf("%s:%s:%s:%s:%s", get(row, "__name__"), type->type,
                                          type->unit, type->period_type, type->period_unit);
    const Label added[] = {
        {"__profile_type__", id},
        {"__type__", type->type},
        {"__unit__", type->unit},
        {"__period_type__", type->period_type},
        {"__period_unit__", type->period_unit},
        {"__service_name__", get(row, "service_name")},
        {LABEL_SAMPLED, type->is_stripped ? "true" : ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(added); i++) {
        if (*added[i].value != '\0')
            g_array_append_val(row->labels, added[i]);
    }
    return labels_new((const Label *)row->labels->data, row->labels->len);
}

IngestReason
row_labels_make(const PrepareContext *context, const GArray *labels, const RowType *type,
                Labels **ret_labels, GError **error)
{
    static const TenantRelabel none;
    const TenantRelabel *relabel = context->relabel;
    g_autoptr(GArray) own = g_array_sized_new(FALSE, FALSE, sizeof(Label), labels->len + 8);
    g_array_append_vals(own, labels->data, labels->len);
    Row row = {.context = context, .labels = own, .type = *type};
    IngestReason reason = apply_all(&row, relabel != NULL ? relabel : &none, error);
    if (reason == REASON_NONE)
        *ret_labels = finish(&row);
    label_set_free(row.types);
    label_set_free(row.set);
    return reason;
}
