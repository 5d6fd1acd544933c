#include "server/http/http2_allowances.h"

/* Streams that a client may reset: so many at once, and so many more a second. Who cancels calls
 * does it now and then; "rapid reset" (CVE-2023-44487) does nothing else. */
#define RESETS_BURST 200
#define RESETS_PER_S 50
/* Frames that cost an answer or a look and carry nothing: pings, settings, priorities, empty data.
 * gRPC clients ping for each round trip of a large body, at most. */
#define CHATTER_BURST 10000
#define CHATTER_PER_S 1000

Http2Allowances
http2_allowances_full(int64_t now_us)
{
    return (Http2Allowances){.resets = {RESETS_BURST, now_us}, .chatter = {CHATTER_BURST, now_us}};
}

static bool
take(Http2Allowance *allowance, double burst, double per_s)
{
    int64_t now_us = g_get_monotonic_time();
    double gained = (double)(now_us - allowance->filled_us) * per_s / G_USEC_PER_SEC;
    allowance->left = MIN(allowance->left + gained, burst) - 1;
    allowance->filled_us = now_us;
    return allowance->left >= 0;
}

static bool
is_chatter(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        return (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
    case NGHTTP2_PRIORITY:
        return true;
    case NGHTTP2_DATA:
        return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    default:
        return false;
    }
}

bool
http2_allowances_take(Http2Allowances *allowances, const nghttp2_frame *frame, HttpRefusal *ret_why)
{
    *ret_why = HTTP_REFUSED_RESETS;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        return take(&allowances->resets, RESETS_BURST, RESETS_PER_S);
    *ret_why = HTTP_REFUSED_FLOOD;
    return !is_chatter(frame) || take(&allowances->chatter, CHATTER_BURST, CHATTER_PER_S);
}
