#include "analyzers/enrich/profile_query.h"

#include <string.h>

#include "lib/base/jsonw.h"

enum {
    NODES_MAX = 16384,
    FUNCTIONS_MAX = 5,
    NAME_BYTES_MAX = 80,
};

static const double cpu_total_min_ns = 1e9;
static const double rise_min = 0.10, share_min = 0.01;

static bool
is_cpu(const char *type)
{
    return g_str_has_prefix(type, "process_cpu:");
}

const char *
profile_query_unit(const char *type)
{
    if (is_cpu(type))
        return "CPU time";
    return strstr(type, ":inuse_") != NULL ? "memory in use" : "allocated memory";
}

static GBytes *
request_json(const ProfileTarget *target, const char *matchers, ProfileWindow window)
{
    JsonWriter json;
    g_autofree char *service = telemetry_quote(target->service);
    bool is_both = *target->service != '\0' && *matchers != '\0';
    g_autofree char *selector =
        g_strdup_printf("{%s%s%s%s}", *target->service != '\0' ? "service_name=" : "",
                        *target->service != '\0' ? service : "", is_both ? "," : "", matchers);
    jsonw_init(&json, 512);
    jsonw_object_begin(&json);
    jsonw_key(&json, "profileTypeID");
    jsonw_string(&json, target->type);
    jsonw_key(&json, "labelSelector");
    jsonw_string(&json, selector);
    jsonw_key(&json, "start");
    jsonw_int(&json, window.from_s * 1000);
    jsonw_key(&json, "end");
    jsonw_int(&json, window.until_s * 1000);
    jsonw_key(&json, "maxNodes");
    jsonw_int(&json, NODES_MAX);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

FunctionShares *
profile_query(Enquiry *enquiry, const ProfileTarget *target, const char *matchers,
              ProfileWindow window, char **ret_why)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) json = request_json(target, matchers, window);
    const TelemetryCall call = {.path = "/querier.v1.QuerierService/SelectMergeStacktraces",
                                .json = json};
    if (!enquiry_ask(enquiry, SOURCE_PROFILES, &call, &body, ret_why))
        return NULL;
    g_autoptr(FunctionShares) shares = function_shares_read(body, &error);
    if (shares == NULL) {
        *ret_why = g_strdup(error->message);
        return NULL;
    }
    bool is_enough = function_shares_total(shares) >= (is_cpu(target->type) ? cpu_total_min_ns : 1);
    return is_enough ? g_steal_pointer(&shares) : NULL;
}

char *
profile_query_text(const FunctionShares *now, const FunctionShares *before, const char *when_before,
                   bool only_risen)
{
    guint n, n_told = 0;
    const FunctionShare *all = function_shares_all(now, &n);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < n && n_told < FUNCTIONS_MAX && all[i].share >= share_min; i++) {
        double former = function_shares_of(before, all[i].name);
        bool has_risen = before != NULL && all[i].share - former >= rise_min;
        if (only_risen && !has_risen)
            continue;
        g_string_append_printf(text, "%s%.*s %.0f %%", n_told++ > 0 ? ", " : "", NAME_BYTES_MAX,
                               all[i].name, all[i].share * 100);
        if (has_risen)
            g_string_append_printf(text, " (%.0f %% %s)", former * 100, when_before);
    }
    return g_string_free(text, FALSE);
}
