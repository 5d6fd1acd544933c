/* How often a client of HTTP/2 may do what costs more than it carries: token buckets of a
 * connection. Internal to server/http. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "server/http/server.h"

typedef struct {
    double left;
    int64_t filled_us;
} Http2Allowance;

typedef struct {
    Http2Allowance resets, chatter;
} Http2Allowances;

Http2Allowances http2_allowances_full(int64_t now_us);
/* Counts a frame. False when its kind is used up; *ret_why is then what that is an attack by. */
bool http2_allowances_take(Http2Allowances *allowances, const nghttp2_frame *frame,
                           HttpRefusal *ret_why);
