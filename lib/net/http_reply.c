#include <curl/curl.h>

#include "lib/net/http_client.h"

const char *
http_client_reply_header(const HttpClientReply *reply, const char *name)
{
    return reply->headers != NULL ? g_hash_table_lookup(reply->headers, name) : NULL;
}

int64_t
http_client_reply_date(const HttpClientReply *reply)
{
    const char *text = http_client_reply_header(reply, "date");
    return text != NULL ? MAX(curl_getdate(text, NULL), 0) : 0;
}

void
http_client_reply_clear(HttpClientReply *reply)
{
    g_clear_pointer(&reply->body, g_bytes_unref);
    g_clear_pointer(&reply->headers, g_hash_table_unref);
    g_clear_pointer(&reply->certificate_pem, g_bytes_unref);
    *reply = (HttpClientReply){0};
}
