#include "agent/scrape/scrape_request.h"

#include <string.h>

#include "lib/base/secret_file.h"

static bool
load_pem(const char *path, GBytes **ret_bytes, GError **error)
{
    if (path == NULL)
        return true;
    char *text = secret_file_read(path, error);
    if (text == NULL)
        return false;
    *ret_bytes = g_bytes_new_take(text, strlen(text));
    return true;
}

static bool
load_secrets(ScrapeRequest *request, const char *access_token, GError **error)
{
    const ScrapeJob *job = request->job;
    HttpAuth auth = scrape_auth_http(&job->auth);
    if (access_token != NULL)
        auth.token = access_token;
    return http_auth_line(&auth, &request->authorization, error) &&
           load_pem(job->certificate_file, &request->certificate, error) &&
           load_pem(job->key_file, &request->key, error);
}

ScrapeRequest *
scrape_request_new(const ScrapeTarget *target, int64_t seconds, const char *access_token,
                   GError **error)
{
    const ScrapeJob *job = target->job;
    g_autoptr(ScrapeRequest) request = g_new0(ScrapeRequest, 1);
    request->job = scrape_job_ref(target->job);
    if (!load_secrets(request, access_token, error))
        return NULL;
    request->url = scrape_target_url(target, seconds);
    request->headers = g_ptr_array_new();
    if (request->authorization != NULL)
        g_ptr_array_add(request->headers, request->authorization);
    for (size_t i = 0; job->headers != NULL && job->headers[i] != NULL; i++)
        g_ptr_array_add(request->headers, job->headers[i]);
    g_ptr_array_add(request->headers, NULL);
    request->http = (HttpClientRequest){
        .url = request->url,
        .headers = (const char *const *)request->headers->pdata,
        .certificate_pem = request->certificate,
        .key_pem = request->key,
        .timeout_ms = job->timeout_us / 1000 + seconds * 1000,
        .connect_timeout_ms = MIN(job->timeout_us / 1000, HTTP_CONNECT_TIMEOUT_DEFAULT_MS),
        .reply_bytes_max = (size_t)job->body_bytes_max,
    };
    return g_steal_pointer(&request);
}

void
scrape_request_free(ScrapeRequest *request)
{
    if (request == NULL)
        return;
    scrape_job_unref(request->job);
    g_free(request->url);
    g_free(request->authorization);
    g_clear_pointer(&request->headers, g_ptr_array_unref);
    g_clear_pointer(&request->certificate, g_bytes_unref);
    g_clear_pointer(&request->key, g_bytes_unref);
    g_free(request);
}
