#include "agent/scrape/scrape_target.h"

#include <string.h>

#include "agent/discovery/target.h"
#include "agent/scrape/pod_target.h"
#include "lib/base/text.h"

#define PARAM_PREFIX "__param_"

/* Where targets go while they are made. */
typedef struct {
    ScrapeTargets *targets;
    ScrapeJob *job;
    const char *tenant_label;
    const Pod *pod; /* that targets are made of; NULL: none */
} Making;

void
scrape_target_free(ScrapeTarget *target)
{
    if (target == NULL)
        return;
    scrape_job_unref(target->job);
    label_set_free(target->labels);
    g_free(target->url);
    g_free(target->key);
    g_free(target);
}

char *
scrape_target_url(const ScrapeTarget *target, int64_t seconds)
{
    if (seconds <= 0)
        return g_strdup(target->url);
    const char *joint = strchr(target->url, '?') != NULL ? "&" : "?";
    return g_strdup_printf("%s%sseconds=%" G_GINT64_FORMAT, target->url, joint, seconds);
}

static void
add_skipped(const char *text, void *data)
{
    const Making *making = data;
    GPtrArray *skipped = making->targets->skipped;
    if (skipped->len < SCRAPE_SKIPPED_MAX)
        g_ptr_array_add(skipped, g_strdup(text));
}

static void G_GNUC_PRINTF(2, 3) skip(Making *making, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *text = g_strdup_printf("job %s: %s", making->job->name, why);
    add_skipped(text, making);
}

/* --- URL -------------------------------------------------------------------------------------- */

static int
compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* "a=1&b=2": what labels say, and of the job's parameters the values behind the first, which the
 * labels stand for. */
static char *
query_of(const ScrapeJob *job, const LabelSet *labels)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        if (!g_str_has_prefix(name, PARAM_PREFIX))
            continue;
        name += strlen(PARAM_PREFIX);
        GStrv more = job->params != NULL ? g_hash_table_lookup(job->params, name) : NULL;
        g_autofree char *key = g_uri_escape_string(name, NULL, FALSE);
        g_autofree char *text = g_uri_escape_string(value, NULL, FALSE);
        g_ptr_array_add(parts, g_strconcat(key, "=", text, NULL));
        for (size_t j = 1; more != NULL && more[0] != NULL && more[j] != NULL; j++) {
            g_autofree char *other = g_uri_escape_string(more[j], NULL, FALSE);
            g_ptr_array_add(parts, g_strconcat(key, "=", other, NULL));
        }
    }
    g_ptr_array_sort(parts, compare_texts);
    g_ptr_array_add(parts, NULL);
    return g_strjoinv("&", (char **)parts->pdata);
}

/* An address with its port: "app:6060". */
static char *
with_port(const char *address, const char *scheme)
{
    const char *behind_ipv6 = strrchr(address, ']');
    if (strchr(behind_ipv6 != NULL ? behind_ipv6 : address, ':') != NULL)
        return g_strdup(address);
    return g_strconcat(address, strcmp(scheme, "https") == 0 ? ":443" : ":80", NULL);
}

static char *
url_of(const ScrapeJob *job, const LabelSet *labels, const char *address, const char *path)
{
    g_autofree char *query = query_of(job, labels);
    g_autofree char *whole =
        g_strconcat(label_set_get(labels, "__profile_path_prefix__"), path, NULL);
    g_autofree char *escaped = g_uri_escape_string(whole, "/:@!$&'()*+,;=", FALSE);
    return g_strconcat(label_set_get(labels, "__scheme__"), "://", address,
                       *escaped == '/' ? "" : "/", escaped, *query != '\0' ? "?" : "", query, NULL);
}

/* Whether it is HOST or HOST:PORT, and a whole URL can be made with it. */
static bool
is_address(const char *address, const char *scheme)
{
    g_autofree char *url = g_strconcat(scheme, "://", address, "/", NULL);
    g_autoptr(GUri) uri = http_url_parse(url);
    bool is_plain = true;
    for (const char *at = address; is_plain && *at != '\0'; at++)
        is_plain = g_ascii_isalnum(*at) || strchr("-._:[]%", *at) != NULL;
    return uri != NULL && is_plain;
}

/* --- targets ---------------------------------------------------------------------------------- */

static void
set_default(LabelSet *set, const char *name, const char *value)
{
    if (*label_set_get(set, name) == '\0')
        label_set_set(set, name, value);
}

static void
add_params(const ScrapeJob *job, LabelSet *set)
{
    GHashTableIter iter;
    void *name, *values;
    if (job->params == NULL)
        return;
    g_hash_table_iter_init(&iter, job->params);
    while (g_hash_table_iter_next(&iter, &name, &values)) {
        g_autofree char *label = g_strconcat(PARAM_PREFIX, name, NULL);
        if (((GStrv)values)[0] != NULL)
            set_default(set, label, ((GStrv)values)[0]);
    }
}

/* What of these labels is sent. */
static LabelSet *
sent_labels(const ScrapeJob *job, const LabelSet *from, const char *address,
            const ScrapeProfile *profile)
{
    LabelSet *set = label_set_new();
    for (size_t i = 0; i < label_set_size(from); i++) {
        const char *name, *value;
        label_set_at(from, i, &name, &value);
        if (!g_str_has_prefix(name, "__") || strcmp(name, TARGET_TENANT_LABEL) == 0)
            label_set_set(set, name, value);
    }
    set_default(set, "instance", address);
    set_default(set, "service_name", job->name);
    set_default(set, "source", "pprof");
    label_set_set(set, "__name__", profile->name);
    if (profile->type != NULL && profile->type->cumulative != NULL)
        label_set_set(set, "__delta__", "false"); /* servers make none of it again */
    return set;
}

static char *
key_of(const ScrapeTarget *target)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < label_set_size(target->labels); i++) {
        const char *name, *value;
        label_set_at(target->labels, i, &name, &value);
        g_ptr_array_add(parts, g_strconcat(name, "\x01", value, NULL));
    }
    g_ptr_array_sort(parts, compare_texts);
    g_ptr_array_add(parts, NULL);
    g_autofree char *labels = g_strjoinv("\x02", (char **)parts->pdata);
    return g_strjoin("\x02", target->job->name, target->url, labels, NULL);
}

static void
add_target(Making *making, const LabelSet *labels, const ScrapeProfile *profile)
{
    ScrapeJob *job = making->job;
    const char *scheme = label_set_get(labels, "__scheme__");
    const char *path = label_set_get(labels, "__profile_path__");
    GHashTable *targets = making->targets->targets;
    g_autofree char *address = with_port(label_set_get(labels, "__address__"), scheme);
    if (g_hash_table_size(targets) >= SCRAPE_LOOPS_MAX) {
        skip(making, "there are more than %d targets and types of profiles", SCRAPE_LOOPS_MAX);
        return;
    }
    ScrapeTarget *target = g_new0(ScrapeTarget, 1);
    target->job = scrape_job_ref(job);
    target->profile = profile;
    target->labels = sent_labels(job, labels, address, profile);
    target->url = url_of(job, labels, address, *path != '\0' ? path : profile->path);
    target->key = key_of(target);
    if (making->pod != NULL)
        target->start_ns = pod_target_start_ns(making->pod, address);
    if (!g_hash_table_contains(targets, target->key))
        g_hash_table_insert(targets, target->key, target);
    else
        scrape_target_free(target);
}

static bool
apply_rules(Making *making, LabelSet *set)
{
    g_autoptr(GError) error = NULL;
    bool is_kept = true;
    if (making->job->rules == NULL)
        return true;
    if (relabel_rules_apply(making->job->rules, set, &is_kept, &error))
        return is_kept;
    skip(making, "%s: %s", label_set_get(set, "__address__"), error->message);
    return false;
}

/* Takes over `set`. */
static void
on_found(LabelSet *set, const ProfileType *type, void *data)
{
    g_autoptr(LabelSet) labels = set;
    Making *making = data;
    const ScrapeJob *job = making->job;
    set_default(labels, "job", job->name);
    set_default(labels, "__scheme__", job->scheme);
    set_default(labels, "__profile_path_prefix__", job->path_prefix);
    add_params(job, labels);
    target_add_tenant(making->pod, making->tenant_label, labels);
    if (!apply_rules(making, labels))
        return;
    const char *address = label_set_get(labels, "__address__");
    const char *scheme = label_set_get(labels, "__scheme__");
    bool is_http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    if (!is_http || !is_address(address, scheme)) {
        skip(making, "'%s://%s' is no address", scheme, address);
        return;
    }
    for (guint i = 0; i < job->profiles->len; i++) {
        const ScrapeProfile *profile = &g_array_index(job->profiles, ScrapeProfile, i);
        if (type != NULL ? profile->type == type : profile->is_on)
            add_target(making, labels, profile);
    }
}

static LabelSet *
copy_set(const LabelSet *from)
{
    LabelSet *set = label_set_new();
    for (size_t i = 0; i < label_set_size(from); i++) {
        const char *name, *value;
        label_set_at(from, i, &name, &value);
        label_set_set(set, name, value);
    }
    return set;
}

static void
add_job(ScrapeTargets *targets, ScrapeJob *job, const GPtrArray *pods, const char *tenant_label)
{
    Making making = {targets, job, tenant_label, NULL};
    for (guint i = 0; i < job->targets->len; i++)
        on_found(copy_set(job->targets->pdata[i]), NULL, &making);
    for (guint i = 0; i < pods->len; i++) {
        making.pod = pods->pdata[i];
        if (job->role == SCRAPE_ROLE_POD)
            pod_targets_by_port(pods->pdata[i], on_found, &making);
        else if (job->role == SCRAPE_ROLE_ANNOTATIONS)
            pod_targets_by_annotation(pods->pdata[i], on_found, add_skipped, &making);
    }
}

ScrapeTargets *
scrape_targets_new(const GPtrArray *jobs, const GPtrArray *pods, const char *tenant_label)
{
    ScrapeTargets *targets = g_new0(ScrapeTargets, 1);
    targets->targets =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)scrape_target_free);
    targets->skipped = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < jobs->len; i++)
        add_job(targets, jobs->pdata[i], pods, tenant_label);
    return targets;
}

void
scrape_targets_free(ScrapeTargets *targets)
{
    if (targets == NULL)
        return;
    g_hash_table_unref(targets->targets);
    g_ptr_array_unref(targets->skipped);
    g_free(targets);
}
