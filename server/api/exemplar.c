#include "server/api/exemplar.h"

#include "lib/base/error.h"

/* More labels than a series may have. */
enum { GROUP_BY_MAX = 128 };

bool
exemplar_group_by(RpcCall *call, const char *field, char **names, size_t n,
                  const char *const **ret_names, GError **error)
{
    if (n > GROUP_BY_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s has %zu names, at most %d are allowed", field, n, GROUP_BY_MAX);
    const char **copy = rpc_alloc_pointers(call, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = names[i];
    *ret_names = copy;
    return true;
}

bool
exemplar_step(double step_s, int64_t *ret_step_ns, GError **error)
{
    if (!(step_s >= 0.001))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "step must be >= 1ms");
    double step_ms = MIN(step_s * 1000, 1e12);
    *ret_step_ns = (int64_t)(step_ms + 0.5) * 1000000;
    return true;
}

Types__V1__LabelPair **
exemplar_labels(RpcCall *call, const Labels *labels, const char *const *without, size_t *ret_n)
{
    Types__V1__LabelPair *pairs = rpc_alloc(call, labels->n_labels, sizeof(*pairs));
    Types__V1__LabelPair **list = rpc_alloc_pointers(call, labels->n_labels);
    *ret_n = 0;
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        if (without != NULL && g_strv_contains(without, labels->labels[i].name))
            continue;
        pairs[i] = (Types__V1__LabelPair)TYPES__V1__LABEL_PAIR__INIT;
        pairs[i].name = (char *)labels->labels[i].name;
        pairs[i].value = (char *)labels->labels[i].value;
        list[(*ret_n)++] = &pairs[i];
    }
    return list;
}

static char *
keep(RpcCall *call, char *text)
{
    g_ptr_array_add(call->scratch, text);
    return text;
}

static char *
uuid_text(const uint8_t id[16])
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9],
                           id[10], id[11], id[12], id[13], id[14], id[15]);
}

Types__V1__Exemplar *
exemplar_message(RpcCall *call, const QueryExemplar *exemplar, const char *const *group_by)
{
    Types__V1__Exemplar *message = rpc_alloc(call, 1, sizeof(*message));
    const StoreSpan *span = &exemplar->span;
    types__v1__exemplar__init(message);
    message->timestamp = exemplar->time_ns / 1000000;
    message->value = exemplar->value;
    message->profile_id = keep(call, uuid_text(exemplar->id));
    if (span->span != 0)
        message->span_id = keep(call, g_strdup_printf("%016" G_GINT64_MODIFIER "x", span->span));
    if (span->trace_high != 0 || span->trace_low != 0)
        message->trace_id =
            keep(call, g_strdup_printf("%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x",
                                       span->trace_high, span->trace_low));
    message->labels = exemplar_labels(call, exemplar->labels, group_by, &message->n_labels);
    return message;
}
