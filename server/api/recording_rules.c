#include "server/api/recording_rules.h"

#include <settings.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/query/matcher.h"
#include "server/query/query.h"
#include "server/rules/evaluate.h"
#include "server/store/document.h"

enum { ID_LENGTH = 10, ID_LENGTH_MAX = 64, NAME_LENGTH_MAX = 256, LIST_MAX = 100 };

/* The content of a document is the packed RecordingRule, its version the generation. */
static Settings__V1__RecordingRule *
unpack(const Document *document, Arena *arena, GError **error)
{
    size_t size;
    const uint8_t *data = g_bytes_get_data(document->content, &size);
    ProtobufCMessage *message = codec_decode(CODEC_PROTO, &settings__v1__recording_rule__descriptor,
                                             data, size, arena, error);
    if (message == NULL)
        g_prefix_error(error, "recording rule '%s': ", document->name);
    return (void *)message;
}

/* Room for the rules of a tenant. */
static Arena *
rules_arena(const GPtrArray *documents)
{
    size_t size = 65536;
    for (guint i = 0; i < documents->len; i++)
        size += 65536 + 16 * ((const Document *)documents->pdata[i])->size;
    return arena_new(size);
}

/* ---- Checks. ---- */

static bool
is_name(const char *text, bool is_metric)
{
    if (!g_ascii_isalpha(text[0]) && text[0] != '_')
        return false;
    for (; *text != '\0'; text++) {
        if (!g_ascii_isalnum(*text) && *text != '_' && !(is_metric && *text == ':'))
            return false;
    }
    return true;
}

static bool
check_id(const char *id, GError **error)
{
    for (const char *at = id; *at != '\0'; at++) {
        if (!g_ascii_isalpha(*at) || at - id >= ID_LENGTH_MAX)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "id must be letters only, at most %d", ID_LENGTH_MAX);
    }
    return true;
}

/* The value of the one matcher __profile_type__="…", which every rule has; else NULL. */
static char *
find_profile_type(char *const *matchers, size_t n, GError **error)
{
    g_autofree char *found = NULL;
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(texts, matchers[i]);
    g_ptr_array_add(texts, NULL);
    g_autoptr(MatcherSet) set = matcher_set_parse_all((const char *const *)texts->pdata, error);
    if (set == NULL)
        return NULL;
    if (matcher_set_equal_value(set, "__profile_type__", &found) != 1) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "matchers need exactly one __profile_type__=\"…\"");
        return NULL;
    }
    return g_steal_pointer(&found);
}

static bool
check_rule(const Settings__V1__UpsertRecordingRuleRequest *request, GError **error)
{
    if (!check_id(request->id, error))
        return false;
    if (!is_name(request->metric_name, true) || strlen(request->metric_name) > NAME_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "metric_name must be a metric name of Prometheus");
    if (request->n_matchers > LIST_MAX || request->n_group_by > LIST_MAX ||
        request->n_external_labels > LIST_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "matchers, group_by and external_labels may have %d entries each",
                         LIST_MAX);
    for (size_t i = 0; i < request->n_group_by; i++) {
        if (!is_name(request->group_by[i], false))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "group_by: '%.100s' is not a label name of Prometheus",
                             request->group_by[i]);
    }
    for (size_t i = 0; i < request->n_external_labels; i++) {
        if (!is_name(request->external_labels[i]->name, false))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "external_labels: '%.100s' is not a label name of Prometheus",
                             request->external_labels[i]->name);
    }
    return true;
}

/* ---- Methods. ---- */

static void
call_list(RpcCall *call)
{
    Settings__V1__ListRecordingRulesResponse response =
        SETTINGS__V1__LIST_RECORDING_RULES_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = store_document_list(call->api->store, call->http->tenant,
                                                    RECORDING_RULE_KIND, true, &error);
    g_autoptr(Arena) arena = list != NULL ? rules_arena(list) : NULL;
    guint n = list != NULL ? list->len : 0;
    response.rules = rpc_alloc_pointers(call, n);
    for (guint i = 0; i < n && error == NULL; i++) {
        response.rules[i] = unpack(list->pdata[i], arena, &error);
        response.n_rules++;
    }
    if (error == NULL)
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

static void
call_get(RpcCall *call)
{
    const Settings__V1__GetRecordingRuleRequest *request = (const void *)call->message;
    Settings__V1__GetRecordingRuleResponse response =
        SETTINGS__V1__GET_RECORDING_RULE_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    const DocumentKey key = {call->http->tenant, RECORDING_RULE_KIND, request->id};
    g_autoptr(Document) document = store_document_get(call->api->store, &key, &error);
    g_autoptr(Arena) arena = arena_new(65536 + (document != NULL ? 16 * document->size : 0));
    if (document != NULL)
        response.rule = unpack(document, arena, &error);
    if (response.rule != NULL)
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

typedef struct {
    Settings__V1__RecordingRule *rule;
    int64_t rules_max; /* of the tenant */
} Upsert;

/* The generation rises with every change, and a change has to know the last one; 0 does not say. */
static bool
change_upsert(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
              GError **error)
{
    const Upsert *upsert = data;
    Settings__V1__RecordingRule *rule = upsert->rule;
    int64_t generation = old != NULL ? old->version : 0;
    if (old == NULL && others->n >= (uint64_t)upsert->rules_max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the tenant has %" G_GUINT64_FORMAT
                         " recording rules (limit max_recording_rules)",
                         others->n);
    if (rule->generation != 0 && rule->generation != generation)
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "recording rule '%s' has generation %" G_GINT64_FORMAT
                         ", the request is for %" G_GINT64_FORMAT,
                         rule->id, generation, rule->generation);
    rule->generation = ret_new->version = generation + 1;
    ret_new->content = codec_encode(CODEC_PROTO, &rule->base);
    return true;
}

static char *
new_id(void)
{
    char id[ID_LENGTH + 1] = {0};
    for (size_t i = 0; i < ID_LENGTH; i++)
        id[i] = G_CSET_a_2_z[g_random_int_range(0, 26)];
    return g_strdup(id);
}

static void
call_upsert(RpcCall *call)
{
    const Settings__V1__UpsertRecordingRuleRequest *request = (const void *)call->message;
    Settings__V1__UpsertRecordingRuleResponse response =
        SETTINGS__V1__UPSERT_RECORDING_RULE_RESPONSE__INIT;
    Settings__V1__RecordingRule rule = SETTINGS__V1__RECORDING_RULE__INIT;
    g_autoptr(GError) error = NULL;
    g_autofree char *type = NULL;
    g_autofree char *id = request->id[0] != '\0' ? g_strdup(request->id) : new_id();
    if (check_rule(request, &error))
        type = find_profile_type(request->matchers, request->n_matchers, &error);
    if (type == NULL) {
        rpc_fail(call, error);
        return;
    }
    rule.id = id;
    rule.metric_name = request->metric_name;
    rule.profile_type = type;
    rule.matchers = request->matchers;
    rule.n_matchers = request->n_matchers;
    rule.group_by = request->group_by;
    rule.n_group_by = request->n_group_by;
    rule.external_labels = request->external_labels;
    rule.n_external_labels = request->n_external_labels;
    rule.generation = request->generation;
    rule.stacktrace_filter = request->stacktrace_filter;
    response.rule = &rule;
    const DocumentKey key = {call->http->tenant, RECORDING_RULE_KIND, id};
    TenantLimits limits;
    tenant_overrides_get(call->api->overrides, call->http->tenant, &limits);
    Upsert upsert = {&rule, limits.recording_rules_max};
    if (store_document_change(call->api->store, &key, change_upsert, &upsert, &error))
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

static bool
change_delete(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
              GError **error)
{
    (void)others;
    (void)ret_new;
    return old != NULL || error_set(error, CRESSET_ERROR_NOT_FOUND,
                                    "there is no recording rule '%s'", (const char *)data);
}

static void
call_delete(RpcCall *call)
{
    const Settings__V1__DeleteRecordingRuleRequest *request = (const void *)call->message;
    Settings__V1__DeleteRecordingRuleResponse response =
        SETTINGS__V1__DELETE_RECORDING_RULE_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    const DocumentKey key = {call->http->tenant, RECORDING_RULE_KIND, request->id};
    if (store_document_change(call->api->store, &key, change_delete, request->id, &error))
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

const RpcMethod rpc_recording_rule_get = {.request =
                                              &settings__v1__get_recording_rule_request__descriptor,
                                          .one_tenant = true,
                                          .call = call_get};
const RpcMethod rpc_recording_rules_list = {
    .request = &settings__v1__list_recording_rules_request__descriptor,
    .one_tenant = true,
    .call = call_list};
const RpcMethod rpc_recording_rule_upsert = {
    .request = &settings__v1__upsert_recording_rule_request__descriptor,
    .one_tenant = true,
    .call = call_upsert};
const RpcMethod rpc_recording_rule_delete = {
    .request = &settings__v1__delete_recording_rule_request__descriptor,
    .one_tenant = true,
    .call = call_delete};
