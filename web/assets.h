/* The files of the web interface, embedded in the program.
 *
 * Paths are those of the site, without a leading slash ("index.html", "assets/index-Dk3.js"). Every
 * file has its plain bytes; compressible ones also have a Brotli and a gzip form, made at build
 * time. All bytes live in the program's read-only data: nothing is copied, nothing has to be freed.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum { WEB_IDENTITY, WEB_GZIP, WEB_BROTLI, WEB_N_ENCODINGS } WebEncoding;

typedef struct {
    const char *path;
    const char *content_type; /* with charset where it is text */
    char etag[36];            /* strong, quoted; the same for every encoding's identity bytes */
    bool immutable;           /* the name holds a hash of the content: may be cached for ever */
    struct {
        const void *bytes; /* NULL when the file has no such form (never for WEB_IDENTITY) */
        size_t size;
    } form[WEB_N_ENCODINGS];
} WebAsset;

/* The file at exactly this path, or NULL: no traversal, no directory, no fallback. Thread-safe. */
const WebAsset *web_assets_find(const char *path);

/* The token of the Content-Encoding header, or NULL for WEB_IDENTITY. */
const char *web_encoding_name(WebEncoding encoding);

/* The best form that the Accept-Encoding header allows (NULL: the header is absent). A weight of 0
 * refuses a form; plain bytes are the answer when nothing else is accepted. */
WebEncoding web_assets_choose(const WebAsset *asset, const char *accept_encoding);

/* The value of the Content-Security-Policy header that the pages are written for. */
#define WEB_CONTENT_SECURITY_POLICY                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'self'; "                    \
    "form-action 'none'; frame-ancestors 'none'"
