#include "agent/scrape/scraped_profile.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

enum {
    DECODED_SHARE = 8, /* a decoded profile may take so many times its size, and */
    DECODED_MORE = 1 << 20,
    SAMPLE_BYTES_MIN = 6, /* a sample with one location and one value */
    TEXT_BYTES = 64,      /* looked at to tell a page from a damaged profile */
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool
is_page(const HttpClientReply *reply)
{
    const char *type = http_client_reply_header(reply, "content-type");
    return type != NULL &&
           (g_ascii_strncasecmp(type, "text/html", strlen("text/html")) == 0 ||
            g_ascii_strncasecmp(type, "application/json", strlen("application/json")) == 0);
}

static bool
is_text(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < MIN(size, TEXT_BYTES); i++)
        if (!g_ascii_isprint(data[i]) && !g_ascii_isspace(data[i]))
            return false;
    return true;
}

/* Unpacks a body; its owner is *ret_plain, which is NULL where it was plain. */
static ScrapeResult
unpack(const ScrapeJob *job, const uint8_t **data, size_t *size, GByteArray **ret_plain,
       GError **error)
{
    g_autoptr(GError) failure = NULL;
    *ret_plain = gzip_decompress(*data, *size, (size_t)job->profile_bytes_max, &failure);
    bool is_bomb =
        g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED) ||
        (failure == NULL && *ret_plain == NULL && *size > (size_t)job->profile_bytes_max);
    if (is_bomb) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "the profile has more than %" G_GINT64_FORMAT
                  " bytes (profile_size_limit of the job)",
                  job->profile_bytes_max);
        return SCRAPE_BOMB;
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return SCRAPE_MALFORMED;
    }
    if (*ret_plain != NULL) {
        *data = (*ret_plain)->data;
        *size = (*ret_plain)->len;
    }
    return SCRAPE_OK;
}

static size_t
decoded_bytes_max(size_t size)
{
    return DECODED_SHARE * size + DECODED_MORE;
}

/* Checks a whole profile. */
static ScrapeResult
check(const uint8_t *data, size_t size, GByteArray *out, GError **error)
{
    Profile profile;
    g_autoptr(Arena) arena = arena_new(decoded_bytes_max(size));
    const PprofInput input = {.data = data, .size = size, .arena = arena};
    PprofResult result = pprof_decode(&input, &profile, error);
    if (result != PPROF_OK)
        return result == PPROF_MALFORMED ? SCRAPE_MALFORMED : SCRAPE_BOMB;
    if (profile.n_samples == 0)
        return SCRAPE_EMPTY;
    g_byte_array_append(out, data, (guint)size);
    return SCRAPE_OK;
}

/* What is new since the last profile. */
static ScrapeResult
subtract(const ScrapeTarget *target, PprofDelta *delta, const uint8_t *data, size_t size,
         GByteArray *out, GError **error)
{
    PprofDeltaKind kind;
    g_autoptr(GError) failure = NULL;
    const PprofDeltaInput input = {.profile = data,
                                   .size = size,
                                   .time_ns = g_get_real_time() * 1000,
                                   .start_ns = target->start_ns,
                                   .interval_ns = target->job->interval_us * 1000};
    if (!pprof_delta_next(delta, &input, out, &kind, &failure)) {
        bool is_bomb = g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED);
        g_propagate_error(error, g_steal_pointer(&failure));
        return is_bomb ? SCRAPE_BOMB : SCRAPE_MALFORMED;
    }
    if (kind == PPROF_DELTA_FIRST)
        return SCRAPE_FIRST;
    return kind == PPROF_DELTA_EMPTY || out->len == 0 ? SCRAPE_EMPTY : SCRAPE_OK;
}

ScrapeResult
scraped_profile_read(const ScrapeTarget *target, PprofDelta *delta, const HttpClientReply *reply,
                     GByteArray *out, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(reply->body, &size);
    g_autoptr(GByteArray) plain = NULL;
    g_byte_array_set_size(out, 0);
    if (is_page(reply)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is %s, not a profile",
                  http_client_reply_header(reply, "content-type"));
        return SCRAPE_NOT_PROFILE;
    }
    ScrapeResult result = unpack(target->job, &data, &size, &plain, error);
    if (result != SCRAPE_OK)
        return result;
    result = delta != NULL ? subtract(target, delta, data, size, out, error)
                           : check(data, size, out, error);
    if (result != SCRAPE_MALFORMED || !is_text(data, size))
        return result;
    if (error != NULL)
        g_clear_error(error);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is text, not a profile");
    return SCRAPE_NOT_PROFILE;
}

/* --- parts ------------------------------------------------------------------------------------ */

typedef struct {
    const Profile *profile;
    ScrapedPartFunc func;
    void *data;
    uint64_t n_dropped;
} Splitting;

/* Sends the samples from `first` on, `n` of them, halved as long as they are too many. */
static void
send_part(Splitting *splitting, uint32_t first, uint32_t n)
{
    Profile part = *splitting->profile;
    part.samples += first;
    part.n_samples = n;
    part.values += (size_t)first * part.n_sample_types;
    if (n <= SCRAPED_PROFILE_SAMPLES_MAX) {
        g_autoptr(GByteArray) pprof = pprof_encode(&part);
        if (pprof->len <= SCRAPED_PROFILE_BYTES_MAX) {
            splitting->func(pprof->data, pprof->len, splitting->data);
            return;
        }
        /* Tables come with every part: where they are most of it, halving the samples is vain. */
        Profile tables = part;
        tables.n_samples = 0;
        g_autoptr(GByteArray) bare = pprof_encode(&tables);
        if (n < 2 || bare->len > SCRAPED_PROFILE_BYTES_MAX / 2) {
            splitting->n_dropped += n;
            return;
        }
    }
    send_part(splitting, first, n / 2);
    send_part(splitting, first + n / 2, n - n / 2);
}

bool
scraped_profile_split(const GByteArray *pprof, ScrapedPartFunc func, void *data,
                      uint64_t *ret_dropped)
{
    Profile profile;
    *ret_dropped = 0;
    if (pprof->len < SAMPLE_BYTES_MIN * SCRAPED_PROFILE_SAMPLES_MAX) {
        func(pprof->data, pprof->len, data);
        return true;
    }
    g_autoptr(Arena) arena = arena_new(decoded_bytes_max(pprof->len));
    const PprofInput input = {.data = pprof->data, .size = pprof->len, .arena = arena};
    if (pprof_decode(&input, &profile, NULL) != PPROF_OK)
        return false;
    Splitting splitting = {&profile, func, data, 0};
    if (profile.n_samples <= SCRAPED_PROFILE_SAMPLES_MAX && pprof->len <= SCRAPED_PROFILE_BYTES_MAX)
        func(pprof->data, pprof->len, data);
    else
        send_part(&splitting, 0, profile.n_samples);
    *ret_dropped = splitting.n_dropped;
    return splitting.n_dropped == 0;
}
