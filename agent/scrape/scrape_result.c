#include "agent/scrape/scrape_result.h"

ScrapeResult
scrape_result_of_failure(HttpFailure failure)
{
    static const ScrapeResult table[] = {
        [HTTP_FAILURE_NONE] = SCRAPE_OK,         [HTTP_FAILURE_RESOLVE] = SCRAPE_DNS,
        [HTTP_FAILURE_CONNECT] = SCRAPE_REFUSED, [HTTP_FAILURE_TLS] = SCRAPE_TLS,
        [HTTP_FAILURE_TIMEOUT] = SCRAPE_TIMEOUT, [HTTP_FAILURE_TOO_LARGE] = SCRAPE_TOO_LARGE,
        [HTTP_FAILURE_OTHER] = SCRAPE_CUT,
    };
    return table[failure];
}

ScrapeResult
scrape_result_of_status(int status)
{
    if (status / 100 == 2)
        return SCRAPE_OK;
    if (status == 404)
        return SCRAPE_HTTP_404;
    if (status / 100 == 3)
        return SCRAPE_HTTP_3XX;
    return status / 100 == 5 ? SCRAPE_HTTP_5XX : SCRAPE_HTTP_4XX;
}

const char *
scrape_result_text(ScrapeResult result)
{
    static const char *const texts[] = {
#define X(name, text, help) text,
        SCRAPE_RESULTS(X)
#undef X
    };
    return texts[result];
}

const char *
scrape_result_help(ScrapeResult result)
{
    static const char *const texts[] = {
#define X(name, text, help) help,
        SCRAPE_RESULTS(X)
#undef X
    };
    return texts[result];
}
