#include "server/api/legacy_ingest.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/api/app_name.h"
#include "server/api/legacy_body.h"
#include "server/api/time_range.h"

#define SAMPLE_RATE_DEFAULT 100
#define SAMPLE_RATE_MAX     1000000000

/* A request whose profiles are on their way to the disk. */
typedef struct {
    HttpRequest *request;
    LegacyFormat format;
    GError *unread; /* what could not be read of the body beside them, or NULL */
} Push;

static const char *
param_or(const HttpRequest *request, const char *name, const char *otherwise)
{
    const char *value = http_request_param(request, name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static void
fail(HttpRequest *request, unsigned status, const char *code, const char *message)
{
    http_reply(request, http_response_error(status, code, message));
}

/* The body could not be read, or what is in it may not be stored. */
static void
fail_body(HttpRequest *request, LegacyFormat format, const char *doing, const GError *error)
{
    g_autofree char *message = g_strdup_printf("%s IngestInput-%s failed: %s", doing,
                                               legacy_format_name(format), error->message);
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND))
        fail(request, 400, "invalid_argument", message);
    else
        fail(request, 422, "unknown", message);
}

static void
push_done(void *data, const GError *error)
{
    Push *push = data;
    if (error != NULL && http_error_status(error) >= 429)
        http_reply(push->request, http_response_from_error(error));
    else if (error != NULL)
        fail_body(push->request, push->format, "pushing", error);
    else if (push->unread != NULL)
        fail_body(push->request, push->format, "parsing", push->unread);
    else
        http_reply(push->request, http_response_new(200, NULL, NULL));
    g_clear_error(&push->unread);
    g_free(push);
}

/* Names that begin so are the server's. */
static void
drop_private_labels(AppName *name)
{
    for (guint i = name->labels->len; i-- > 0;) {
        const char *key = g_array_index(name->labels, Label, i).name;
        if (g_str_has_prefix(key, "__") && strcmp(key, "__session_id__") != 0)
            g_array_remove_index(name->labels, i);
    }
}

/* Completes the labels of a profile by those that the request gives and Pyroscope derives from it.
 */
static void
add_labels(const HttpRequest *request, LegacyFormat format, const AppName *name, ProfileSet *set,
           SetProfile *profile)
{
    bool is_pprof = format == LEGACY_PPROF || format == LEGACY_MULTIPART;
    g_autoptr(GArray) own = g_steal_pointer(&profile->labels);
    profile->labels = g_array_new(FALSE, FALSE, sizeof(Label));
    const char *service = app_name_get(name, "service_name"), *app = name->app;
    for (guint i = 0; i < own->len; i++) {
        const Label *label = &g_array_index(own, Label, i);
        if (strcmp(label->name, "service_name") == 0)
            app = label->value;
        else
            profile_set_label(set, profile, label->name, label->value);
    }
    profile_set_label(set, profile, "service_name", service != NULL ? service : app);
    profile_set_label(set, profile, "__delta__", "false");
    profile_set_label(set, profile, "pyroscope_spy", param_or(request, "spyName", "unknown"));
    if (service != NULL && !is_pprof)
        profile_set_label(set, profile, "app_name", app);
    for (guint i = 0; i < name->labels->len; i++) {
        const Label *label = &g_array_index(name->labels, Label, i);
        profile_set_label(set, profile, label->name, label->value);
    }
}

/* Pushes the profiles of the set; takes `unread`. */
static void
push_set(HttpRequest *request, const Api *api, LegacyFormat format, const AppName *name,
         ProfileSet *set, GError *unread)
{
    guint n = set->profiles->len;
    g_autofree IngestProfile *items = g_new0(IngestProfile, n);
    for (guint i = 0; i < n; i++) {
        SetProfile *profile = &g_array_index(set->profiles, SetProfile, i);
        add_labels(request, format, name, set, profile);
        items[i] = (IngestProfile){.labels = (const Label *)(void *)profile->labels->data,
                                   .n_labels = profile->labels->len,
                                   .profile = profile->pprof->data,
                                   .profile_size = profile->pprof->len};
    }
    Push *push = g_new(Push, 1);
    *push = (Push){.request = request, .format = format, .unread = unread};
    ingest_push(api->ingest, request->tenant, items, n, push_done, push);
}

/* A rate that is no number is as none. */
static int64_t
sample_rate(const HttpRequest *request)
{
    gint64 rate;
    const char *text = param_or(request, "sampleRate", "");
    if (g_ascii_string_to_signed(text, 10, 0, SAMPLE_RATE_MAX, &rate, NULL))
        return rate;
    if (*text != '\0')
        g_debug("sampleRate '%.40s' is no whole number: taken as %d", text, SAMPLE_RATE_DEFAULT);
    return SAMPLE_RATE_DEFAULT;
}

void
legacy_ingest_handle(HttpRequest *request, void *data)
{
    Api *api = data;
    g_autoptr(GError) error = NULL;
    g_auto(AppName) name = {0};
    if (!app_name_parse(http_request_param(request, "name"), &name, &error)) {
        fail(request, 400, "invalid_argument", error->message);
        return;
    }
    TenantLimits limits;
    tenant_overrides_get(api->overrides, request->tenant, &limits);
    int64_t now_ns = api_now_ns();
    int64_t from_ns = time_text_parse(http_request_param(request, "from"), now_ns);
    int64_t until_ns = time_text_parse(http_request_param(request, "until"), now_ns);
    const ProfileSource source = {.app = name.app,
                                  .sample_rate = sample_rate(request),
                                  .time_ns = from_ns,
                                  .duration_ns = until_ns > from_ns ? until_ns - from_ns : 0,
                                  .limits = &limits};
    LegacyFormat format = legacy_body_format(request);
    g_autoptr(ProfileSet) set = profile_set_new();
    bool ok = legacy_body_read(request, format, &source, set, &error);
    bool is_dropped = format >= LEGACY_GROUPS && format != LEGACY_JFR &&
                      app_name_get(&name, "profile_id") != NULL; /* of one span */
    drop_private_labels(&name);
    if (set->profiles->len > 0 && !is_dropped)
        push_set(request, api, format, &name, set, g_steal_pointer(&error));
    else if (ok)
        http_reply(request, http_response_new(200, NULL, NULL));
    else
        fail_body(request, format, "parsing", error);
}
