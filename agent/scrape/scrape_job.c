#include "agent/scrape/scrape_job.h"

#include <string.h>

#include "lib/base/error.h"

static void
clear_profile(void *data)
{
    ScrapeProfile *profile = data;
    g_free(profile->name);
    g_free(profile->path);
}

static void
clear_job(void *data)
{
    ScrapeJob *job = data;
    char *const texts[] = {job->name,      job->scheme,           job->path_prefix,
                           job->ca_file,   job->certificate_file, job->key_file,
                           job->proxy_url, job->tls_server_name};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    scrape_token_free(job->token);
    scrape_auth_clear(&job->auth);
    g_strfreev(job->headers);
    g_clear_pointer(&job->params, g_hash_table_unref);
    g_array_unref(job->profiles);
    g_ptr_array_unref(job->targets);
    relabel_rules_unref(job->rules);
    http_client_free(job->client);
}

ScrapeJob *
scrape_job_new(void)
{
    ScrapeJob *job = g_atomic_rc_box_new0(ScrapeJob);
    job->interval_us = SCRAPE_INTERVAL_DEFAULT_S * G_USEC_PER_SEC;
    job->body_bytes_max = SCRAPE_BODY_BYTES_DEFAULT;
    job->profile_bytes_max = SCRAPE_PROFILE_BYTES_DEFAULT;
    job->follows_redirects = true;
    job->uses_http2 = true;
    job->profiles = g_array_new(FALSE, FALSE, sizeof(ScrapeProfile));
    g_array_set_clear_func(job->profiles, clear_profile);
    job->targets = g_ptr_array_new_with_free_func((GDestroyNotify)label_set_free);
    for (size_t i = 0; i < profile_types_count; i++) {
        const ProfileType *type = &profile_types[i];
        const ScrapeProfile profile = {.name = g_strdup(type->name),
                                       .path = g_strdup(type->path),
                                       .type = type,
                                       .is_on = type->is_on,
                                       .takes_seconds = type->takes_seconds};
        g_array_append_val(job->profiles, profile);
    }
    return job;
}

ScrapeJob *
scrape_job_ref(ScrapeJob *job)
{
    return g_atomic_rc_box_acquire(job);
}

void
scrape_job_unref(ScrapeJob *job)
{
    if (job != NULL)
        g_atomic_rc_box_release_full(job, clear_job);
}

ScrapeProfile *
scrape_job_profile(const ScrapeJob *job, const char *name)
{
    for (guint i = 0; i < job->profiles->len; i++) {
        ScrapeProfile *profile = &g_array_index(job->profiles, ScrapeProfile, i);
        if (strcmp(profile->name, name) == 0)
            return profile;
    }
    return NULL;
}

static bool
check_times(ScrapeJob *job, GError **error)
{
    int64_t interval_us = job->interval_us, second_us = G_USEC_PER_SEC;
    if (interval_us < SCRAPE_INTERVAL_MIN_S * second_us ||
        interval_us > SCRAPE_INTERVAL_MAX_S * second_us)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "scrape_interval is to be from %d s to a day", SCRAPE_INTERVAL_MIN_S);
    if (job->timeout_us == 0)
        job->timeout_us = MIN(SCRAPE_TIMEOUT_DEFAULT_S * second_us, interval_us);
    if (job->timeout_us > interval_us)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "scrape_timeout is longer than scrape_interval");
    if (job->seconds == 0)
        job->seconds = interval_us / second_us - 1;
    if ((job->seconds + 1) * second_us > interval_us)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "delta_profiling_duration is to be at least one second shorter than "
                         "scrape_interval");
    return true;
}

static bool
check_access(const ScrapeJob *job, GError **error)
{
    if (strcmp(job->scheme, "http") != 0 && strcmp(job->scheme, "https") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "scheme: '%s' is neither http nor https", job->scheme);
    if ((job->certificate_file == NULL) != (job->key_file == NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "tls_config: cert_file and key_file go together");
    return scrape_auth_check(&job->auth, error);
}

bool
scrape_job_finish(ScrapeJob *job, GError **error)
{
    if (job->scheme == NULL)
        job->scheme = g_strdup("http");
    if (job->path_prefix == NULL)
        job->path_prefix = g_strdup("");
    if (job->name == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a scrape job needs a job_name");
    if (!check_times(job, error) || !check_access(job, error))
        return false;
    const HttpClientConfig config = {
        .ca_file = job->ca_file,
        .tls_server_name = job->tls_server_name,
        .tls_unchecked = job->tls_unchecked,
        .proxy_url = job->proxy_url,
        .uncompressed = true, /* profiles are packed already */
        .follows_redirects = job->follows_redirects,
        .http1_only = !job->uses_http2,
    };
    job->client = http_client_new(&config);
    if (job->auth.oauth2 != NULL)
        job->token = scrape_token_new(job->auth.oauth2);
    return true;
}
