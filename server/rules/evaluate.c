#include "server/rules/evaluate.h"

#include <settings.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "server/query/functions.h"
#include "server/query/query.h"
#include "server/rules/remote_write.h"
#include "server/store/document.h"
#include "server/tenant/tenant.h"

/* Of one rule; what more there is, is left out. */
#define SERIES_MAX 1000

typedef Settings__V1__RecordingRule Rule;

enum { METRIC_SAMPLES, METRIC_FAILURES, METRIC_SEND_FAILURES };
static const MetricRow METRICS[] = {
    [METRIC_SAMPLES] = {.name = "cresset_server_rules_samples_total",
                        .kind = METRIC_COUNTER,
                        .help = "Samples that recording rules have given."},
    [METRIC_FAILURES] = {.name = "cresset_server_rules_failures_total",
                         .kind = METRIC_COUNTER,
                         .help = "Evaluations of recording rules that failed."},
    [METRIC_SEND_FAILURES] = {.name = "cresset_server_rules_send_failures_total",
                              .kind = METRIC_COUNTER,
                              .help = "Batches that the receiver of remote write did not take."},
};

struct Rules {
    RulesConfig config;
    Metrics *metrics;
    HttpClient *client;
    GCancellable *cancel;
    GThread *thread;
    GMutex lock; /* of what follows */
    GCond stopped;
    bool is_stopping;
    GHashTable *newest; /* tenant -> GPtrArray of RuleSample */
};

static void
sample_free(gpointer pointer)
{
    RuleSample *sample = pointer;
    labels_unref(sample->labels);
    g_free(sample);
}

/* ---- One rule. ---- */

typedef struct {
    Rules *rules;
    const Rule *rule;
    const char *const *group_by;
    Query query; /* of the whole rule */
    GPtrArray *samples;
} Evaluation;

static void
add_sample(Evaluation *evaluation, const Labels *group, double value)
{
    const Rule *rule = evaluation->rule;
    size_t n = 0, most = group->n_labels + rule->n_external_labels + 2;
    g_autofree Label *pairs = g_new(Label, most);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    pairs[n++] = (Label){"__name__", rule->metric_name};
    pairs[n++] = (Label){"pyroscope_rule_id", rule->id};
    for (size_t i = 0; i < 2; i++)
        g_hash_table_add(seen, (gpointer)pairs[i].name);
    /* External labels stand above those of the series. */
    for (size_t i = 0; i < rule->n_external_labels; i++) {
        if (g_hash_table_add(seen, rule->external_labels[i]->name))
            pairs[n++] = (Label){rule->external_labels[i]->name, rule->external_labels[i]->value};
    }
    for (uint32_t i = 0; i < group->n_labels; i++) {
        if (g_hash_table_add(seen, (gpointer)group->labels[i].name))
            pairs[n++] = group->labels[i];
    }
    RuleSample *sample = g_new(RuleSample, 1);
    *sample = (RuleSample){labels_new(pairs, n), value, evaluation->query.end_ns / 1000000};
    g_ptr_array_add(evaluation->samples, sample);
}

/* The selectors of the rule and one that picks the group; free with g_strfreev. */
static GStrv
group_selectors(const Rule *rule, const Labels *group)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GString) selector = g_string_new("{");
    for (size_t i = 0; i < rule->n_matchers; i++)
        g_strv_builder_add(builder, rule->matchers[i]);
    for (uint32_t i = 0; i < group->n_labels; i++) {
        g_string_append_printf(selector, "%s%s=\"", i > 0 ? "," : "", group->labels[i].name);
        metrics_append_label_value(selector, group->labels[i].value);
        g_string_append_c(selector, '"');
    }
    g_string_append_c(selector, '}');
    g_strv_builder_add(builder, selector->str);
    return g_strv_builder_end(builder);
}

static int64_t
function_total(const Tree *tree, const char *name)
{
    g_autoptr(Functions) functions = functions_new(tree);
    size_t length = strlen(name);
    for (uint32_t i = 0; i < functions->n; i++) {
        uint32_t start = tree->name_offset[i], size = tree->name_offset[i + 1] - start;
        if (size == length && memcmp(tree->name_bytes + start, name, length) == 0)
            return functions->total[i];
    }
    return 0;
}

/* What a function took in the profiles of one group. */
static bool
add_function(Evaluation *evaluation, const Labels *group, const char *function, GError **error)
{
    g_auto(GStrv) selectors = group_selectors(evaluation->rule, group);
    g_autoptr(MatcherSet) matchers = matcher_set_parse_all((const char *const *)selectors, error);
    Query query = evaluation->query;
    query.matchers = matchers;
    query.start_ns = query.end_ns - evaluation->rules->config.interval_ns + 1;
    g_autoptr(Tree) tree = matchers != NULL ? query_tree(&query, error) : NULL;
    if (tree == NULL)
        return false;
    add_sample(evaluation, group, (double)function_total(tree, function));
    return true;
}

static const char *
function_of(const Rule *rule)
{
    const Settings__V1__StacktraceFilter *filter = rule->stacktrace_filter;
    bool has_name = filter != NULL && filter->function_name != NULL &&
                    filter->function_name->function_name[0] != '\0';
    return has_name ? filter->function_name->function_name : NULL;
}

static bool
evaluate_groups(Evaluation *evaluation, GError **error)
{
    const QueryTimeSeriesOptions options = {.group_by = evaluation->group_by,
                                            .step_ns = evaluation->rules->config.interval_ns,
                                            .limit = SERIES_MAX};
    g_autoptr(GPtrArray) groups = query_time_series(&evaluation->query, &options, error);
    const char *function = function_of(evaluation->rule);
    if (groups == NULL)
        return false;
    for (guint i = 0; i < groups->len; i++) {
        const QueryTimeSeries *series = groups->pdata[i];
        if (function == NULL)
            add_sample(evaluation, series->labels, series->total);
        else if (!add_function(evaluation, series->labels, function, error))
            return false;
    }
    return true;
}

static bool
evaluate_rule(Rules *rules, const char *tenant, const Rule *rule, int64_t end_ns,
              GPtrArray *samples, GError **error)
{
    g_autofree const char **selectors = g_new0(const char *, rule->n_matchers + 1);
    g_autofree const char **group_by = g_new0(const char *, rule->n_group_by + 1);
    for (size_t i = 0; i < rule->n_matchers; i++)
        selectors[i] = rule->matchers[i];
    for (size_t i = 0; i < rule->n_group_by; i++)
        group_by[i] = rule->group_by[i];
    g_autoptr(MatcherSet) matchers = matcher_set_parse_all(selectors, error);
    if (matchers == NULL)
        return false;
    TenantLimits limits;
    tenant_overrides_get(rules->config.overrides, tenant, &limits);
    Evaluation evaluation = {
        .rules = rules,
        .rule = rule,
        .group_by = group_by,
        .query = {.store = rules->config.store,
                  .resolver = rules->config.resolver,
                  .tenant = tenant,
                  .start_ns = end_ns,
                  .end_ns = end_ns,
                  .matchers = matchers,
                  .include_stripped = limits.include_stripped},
        .samples = samples,
    };
    return evaluate_groups(&evaluation, error);
}

GPtrArray *
rules_evaluate(Rules *rules, const char *tenant, int64_t end_ns)
{
    g_autoptr(GPtrArray) documents =
        store_document_list(rules->config.store, tenant, RECORDING_RULE_KIND, true, NULL);
    GPtrArray *samples = g_ptr_array_new_with_free_func(sample_free);
    for (guint i = 0; documents != NULL && i < documents->len; i++) {
        g_autoptr(GError) error = NULL;
        gsize size;
        const uint8_t *data =
            g_bytes_get_data(((const Document *)documents->pdata[i])->content, &size);
        Rule *rule = settings__v1__recording_rule__unpack(NULL, size, data);
        if (rule == NULL || !evaluate_rule(rules, tenant, rule, end_ns, samples, &error))
            metrics_add(rules->metrics, METRIC_FAILURES, 0, 1);
        if (error != NULL)
            g_debug("rule of tenant %s: %s", tenant, error->message);
        if (rule != NULL)
            settings__v1__recording_rule__free_unpacked(rule, NULL);
    }
    metrics_add(rules->metrics, METRIC_SAMPLES, 0, samples->len);
    return samples;
}

/* ---- The thread. ---- */

static void
send_samples(Rules *rules, const char *tenant, const GPtrArray *samples)
{
    const char *url = rules->config.remote_write_url;
    if (url == NULL || url[0] == '\0' || samples->len == 0)
        return;
    g_autofree RemoteSample *out = g_new(RemoteSample, samples->len);
    for (guint i = 0; i < samples->len; i++) {
        const RuleSample *sample = samples->pdata[i];
        out[i] = (RemoteSample){sample->labels->labels, sample->labels->n_labels, sample->value,
                                sample->time_ms};
    }
    bool is_anonymous = strcmp(tenant, TENANT_ANONYMOUS) == 0;
    const RemoteTarget target = {.client = rules->client,
                                 .url = url,
                                 .headers = rules->config.remote_write_headers,
                                 .tenant = is_anonymous ? NULL : tenant,
                                 .cancel = rules->cancel};
    g_autoptr(GError) error = NULL;
    if (remote_write_send(&target, out, samples->len, &error))
        return;
    metrics_add(rules->metrics, METRIC_SEND_FAILURES, 0, 1);
    g_debug("samples of tenant %s: %s", tenant, error->message);
}

static void
evaluate_all(Rules *rules, int64_t end_ns)
{
    g_auto(GStrv) tenants = store_tenants(rules->config.store);
    for (size_t i = 0; tenants != NULL && tenants[i] != NULL; i++) {
        GPtrArray *samples = rules_evaluate(rules, tenants[i], end_ns);
        send_samples(rules, tenants[i], samples);
        g_mutex_lock(&rules->lock);
        g_hash_table_insert(rules->newest, g_strdup(tenants[i]), samples);
        g_mutex_unlock(&rules->lock);
    }
}

/* Waits until the wall clock has reached `until_ns`; false when the rules stop. */
static bool
wait_until(Rules *rules, int64_t until_ns)
{
    int64_t left_us = until_ns / 1000 - g_get_real_time();
    gint64 deadline_us = g_get_monotonic_time() + MAX(left_us, 0);
    g_mutex_lock(&rules->lock);
    while (!rules->is_stopping && g_cond_wait_until(&rules->stopped, &rules->lock, deadline_us))
        continue;
    bool goes_on = !rules->is_stopping;
    g_mutex_unlock(&rules->lock);
    return goes_on;
}

static void *
run(void *data)
{
    Rules *rules = data;
    int64_t interval_ns = rules->config.interval_ns;
    int64_t end_ns = (g_get_real_time() * 1000 / interval_ns + 1) * interval_ns;
    while (wait_until(rules, end_ns + rules->config.delay_ns)) {
        evaluate_all(rules, end_ns);
        /* After a long pause of the machine the intervals in between are not made up for. */
        int64_t passed_ns = g_get_real_time() * 1000 - rules->config.delay_ns;
        end_ns = MAX(end_ns + interval_ns, passed_ns / interval_ns * interval_ns);
    }
    return NULL;
}

Rules *
rules_start(const RulesConfig *config, GError **error)
{
    Rules *rules = g_new0(Rules, 1);
    rules->config = *config;
    rules->metrics = metrics_new(METRICS, G_N_ELEMENTS(METRICS));
    rules->client = http_client_new(NULL);
    rules->cancel = g_cancellable_new();
    g_mutex_init(&rules->lock);
    g_cond_init(&rules->stopped);
    rules->newest =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    rules->thread = g_thread_try_new("rules", run, rules, error);
    if (rules->thread == NULL)
        g_clear_pointer(&rules, rules_stop);
    return rules;
}

void
rules_stop(Rules *rules)
{
    if (rules == NULL)
        return;
    g_mutex_lock(&rules->lock);
    rules->is_stopping = true;
    g_cond_broadcast(&rules->stopped);
    g_mutex_unlock(&rules->lock);
    g_cancellable_cancel(rules->cancel);
    if (rules->thread != NULL)
        g_thread_join(rules->thread);
    g_object_unref(rules->cancel);
    http_client_free(rules->client);
    g_hash_table_unref(rules->newest);
    metrics_free(rules->metrics);
    g_mutex_clear(&rules->lock);
    g_cond_clear(&rules->stopped);
    g_free(rules);
}

/* ---- Reading. ---- */

static void
write_sample(GString *out, const RuleSample *sample)
{
    g_string_append_printf(out, "%s{", labels_get(sample->labels, "__name__"));
    bool is_first = true;
    for (uint32_t i = 0; i < sample->labels->n_labels; i++) {
        const Label *label = &sample->labels->labels[i];
        if (strcmp(label->name, "__name__") == 0)
            continue;
        g_string_append_printf(out, "%s%s=\"", is_first ? "" : ",", label->name);
        metrics_append_label_value(out, label->value);
        g_string_append_c(out, '"');
        is_first = false;
    }
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(out, "} %s %" G_GINT64_FORMAT "\n",
                           g_ascii_dtostr(number, sizeof number, sample->value), sample->time_ms);
}

void
rules_write_samples(Rules *rules, const char *tenant, GString *out)
{
    g_mutex_lock(&rules->lock);
    const GPtrArray *samples = g_hash_table_lookup(rules->newest, tenant);
    for (guint i = 0; samples != NULL && i < samples->len; i++)
        write_sample(out, samples->pdata[i]);
    g_mutex_unlock(&rules->lock);
}

void
rules_write_metrics(Rules *rules, GString *out)
{
    metrics_write(rules->metrics, out);
}
