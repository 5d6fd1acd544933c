#include "agent/scrape/scrape_token.h"

#include "lib/base/error.h"

struct ScrapeToken {
    const ScrapeOAuth2 *oauth2;
    HttpClient *client;
    OAuth2Style style; /* that the server took last, or that is to be tried */
    char *value;       /* NULL: none */
    int64_t fetched_us, ends_us;
    GError *failure; /* of the last fetch; NULL: it did not fail */
    int64_t failed_us;
    /* Under way: */
    HttpTransfer *transfer; /* NULL: nothing is */
    OAuth2Request request;
    const char *headers[3];
    bool is_second_try;
    HttpMulti *multi;
    ScrapeTokenFunc func;
    void *user;
};

ScrapeToken *
scrape_token_new(const ScrapeOAuth2 *oauth2)
{
    const HttpClientConfig config = {
        .ca_file = oauth2->ca_file,
        .tls_server_name = oauth2->tls_server_name,
        .tls_unchecked = oauth2->tls_unchecked,
        .proxy_url = oauth2->proxy_url,
    };
    ScrapeToken *token = g_new0(ScrapeToken, 1);
    token->oauth2 = oauth2;
    token->client = http_client_new(&config);
    return token;
}

void
scrape_token_free(ScrapeToken *token)
{
    if (token == NULL)
        return;
    g_assert(token->transfer == NULL);
    http_client_free(token->client);
    oauth2_request_clear(&token->request);
    g_clear_error(&token->failure);
    g_free(token->value);
    g_free(token);
}

const char *
scrape_token_value(const ScrapeToken *token, int64_t now_us)
{
    return token->value != NULL && now_us < token->ends_us ? token->value : NULL;
}

const GError *
scrape_token_failure(const ScrapeToken *token, int64_t now_us)
{
    return now_us < token->failed_us + SCRAPE_TOKEN_PAUSE_US ? token->failure : NULL;
}

bool
scrape_token_is_pending(const ScrapeToken *token)
{
    return token->transfer != NULL;
}

void
scrape_token_refuse(ScrapeToken *token, int64_t begun_us, int64_t now_us)
{
    if (token->fetched_us < begun_us && now_us >= token->fetched_us + SCRAPE_TOKEN_PAUSE_US)
        g_clear_pointer(&token->value, g_free);
}

/* --- fetching --------------------------------------------------------------------------------- */

static void
take_value(ScrapeToken *token, char *value, int64_t lifetime_s)
{
    int64_t margin_s = MIN(SCRAPE_TOKEN_MARGIN_S, lifetime_s / 4);
    g_free(token->value);
    token->value = value;
    token->fetched_us = g_get_monotonic_time();
    token->ends_us =
        lifetime_s > 0 ? token->fetched_us + (lifetime_s - margin_s) * G_USEC_PER_SEC : G_MAXINT64;
}

/* Takes the error over. */
static void
take_failure(ScrapeToken *token, GError *failure)
{
    g_prefix_error(&failure, "oauth2: ");
    token->failure = failure;
    token->failed_us = g_get_monotonic_time();
}

static ScrapeResult
take_reply(ScrapeToken *token, const HttpClientReply *reply)
{
    GError *failure = NULL;
    int64_t lifetime_s;
    char *value = oauth2_read_token(reply, &lifetime_s, &failure);
    if (value != NULL) {
        take_value(token, value, lifetime_s);
        return SCRAPE_OK;
    }
    take_failure(token, failure);
    ScrapeResult result = scrape_result_of_status(reply->status);
    return result == SCRAPE_OK ? SCRAPE_MALFORMED : result;
}

static bool begin(ScrapeToken *token);

static void
on_done(const HttpOutcome *outcome, void *user)
{
    ScrapeToken *token = user;
    ScrapeResult result = scrape_result_of_failure(outcome->failure);
    token->transfer = NULL;
    if (outcome->reply != NULL)
        result = take_reply(token, outcome->reply);
    else
        take_failure(token, g_error_copy(outcome->error));
    bool is_again = result == SCRAPE_HTTP_4XX && !token->is_second_try;
    if (result == SCRAPE_HTTP_4XX)
        token->style = token->style == OAUTH2_IN_HEADER ? OAUTH2_IN_BODY : OAUTH2_IN_HEADER;
    token->is_second_try = is_again;
    bool is_begun = is_again && begin(token);
    token->func(result, !is_begun, token->user);
}

static bool
begin(ScrapeToken *token)
{
    const ScrapeOAuth2 *oauth2 = token->oauth2;
    const OAuth2Client client = {
        .client_id = oauth2->client_id,
        .client_secret = oauth2->client_secret,
        .client_secret_file = oauth2->client_secret_file,
        .scopes = (const char *const *)oauth2->scopes,
        .endpoint_params = oauth2->endpoint_params,
    };
    GError *failure = NULL;
    oauth2_request_clear(&token->request);
    g_clear_error(&token->failure);
    if (oauth2_request_make(&client, token->style, &token->request, &failure)) {
        token->headers[0] = "Content-Type: application/x-www-form-urlencoded";
        token->headers[1] = token->request.authorization;
        const HttpClientRequest http = {
            .url = oauth2->token_url,
            .headers = token->headers,
            .body = token->request.body,
            .timeout_ms = SCRAPE_TOKEN_TIMEOUT_MS,
            .reply_bytes_max = SCRAPE_TOKEN_REPLY_MAX,
        };
        token->transfer =
            http_multi_start(token->multi, token->client, &http, on_done, token, &failure);
    }
    if (token->transfer == NULL)
        take_failure(token, failure);
    return token->transfer != NULL;
}

bool
scrape_token_fetch(ScrapeToken *token, HttpMulti *multi, ScrapeTokenFunc func, void *user)
{
    g_assert(token->transfer == NULL);
    token->multi = multi;
    token->func = func;
    token->user = user;
    token->is_second_try = false;
    return begin(token);
}

void
scrape_token_cancel(ScrapeToken *token, HttpMulti *multi)
{
    if (token->transfer != NULL)
        http_multi_cancel(multi, g_steal_pointer(&token->transfer));
}
