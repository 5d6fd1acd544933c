/* The memory of one session of nghttp2.
 *
 * A session has a buffer of 16 KiB for the frames that it sends, which holds nothing while nothing
 * waits to be sent, and a table of its streams that is all zero while there are none: their pages
 * can be given back as long as the connection rests. */
#pragma once
#include <nghttp2/nghttp2.h>
#include <stddef.h>

/* Whole pages, which no other allocation is in; NULL: there are none. */
typedef struct {
    void *data;
    size_t size;
} Http2Pages;

typedef struct {
    Http2Pages frames, table;
} Http2Memory;

/* For nghttp2_session_server_new3; `memory`, zeroed at first, must outlive the session and stay in
 * its place. */
nghttp2_mem http2_memory_functions(Http2Memory *memory);

/* Gives pages back: of the buffer, so only while the session has nothing to send
 * (nghttp2_session_mem_send has returned 0 last), and of the table where it is all zero. */
void http2_memory_rest(Http2Memory *memory);
