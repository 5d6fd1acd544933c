#include "server/api/label_list.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "server/api/selection.h"

#define NS_PER_HOUR INT64_C(3600000000000)

static GBytes *
write_list(char *const *texts)
{
    JsonWriter json;
    jsonw_init(&json, 1024);
    jsonw_array_begin(&json);
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
        jsonw_string(&json, texts[i]);
    jsonw_array_end(&json);
    return jsonw_finish(&json);
}

typedef GStrv (*List)(const Query *query, const char *label, GError **error);

static GStrv
list_names(const Query *query, const char *label, GError **error)
{
    (void)label;
    return query_label_names(query, error);
}

static GStrv
list_values(const Query *query, const char *label, GError **error)
{
    return strcmp(label, "__name__") == 0 ? query_profile_types(query, error)
                                          : query_label_values(query, label, error);
}

static void
reply(HttpRequest *request, const Api *api, List list, const char *label)
{
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    g_auto(GStrv) texts = NULL;
    const char *from = http_request_param(request, "from");
    const char *until = http_request_param(request, "until");
    int64_t now_ns = api_now_ns();
    const SelectionInput input = {
        .selector = http_request_param(request, "query"),
        .start_ms = (from != NULL ? time_text_parse(from, now_ns) : now_ns - NS_PER_HOUR) / 1000000,
        .end_ms = time_text_parse(until, now_ns) / 1000000,
    };
    switch (selection_init(&selection, api, request->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        texts = list(&selection.query, label, &error);
        break;
    case TIME_RANGE_EMPTY:
    case TIME_RANGE_BAD:
        break;
    }
    http_reply(request, error == NULL
                            ? http_response_new(200, "application/json", write_list(texts))
                            : http_response_from_error(error));
}

void
label_names_handle(HttpRequest *request, void *api)
{
    reply(request, api, list_names, NULL);
}

void
label_values_handle(HttpRequest *request, void *api)
{
    const char *label = http_request_param(request, "label");
    if (label != NULL && label[0] != '\0') {
        reply(request, api, list_values, label);
        return;
    }
    http_reply(request,
               http_response_error(400, "invalid_argument", "label parameter is required"));
}
