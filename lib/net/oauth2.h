/* Access tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4): what is asked
 * of a token server, and what its answer says. Nothing is sent here. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/net/http_client.h"

typedef struct {
    const char *client_id;
    const char *client_secret;      /* NULL: from the file */
    const char *client_secret_file; /* read for each request; NULL with client_secret: empty */
    const char *const *scopes;      /* NULL: none */
    GHashTable *endpoint_params;    /* text to text: sent beside these; NULL: none */
} OAuth2Client;

/* How the client says who it is: servers have to take the first (section 2.3.1), and some want the
 * second all the same. */
typedef enum { OAUTH2_IN_HEADER, OAUTH2_IN_BODY } OAuth2Style;

typedef struct {
    char *authorization; /* a line of the head; NULL: none */
    GBytes *body;        /* to be POSTed as application/x-www-form-urlencoded */
} OAuth2Request;

/* Fills *ret_request, to be cleared by the caller. False with *error as of secret_file_read. */
bool oauth2_request_make(const OAuth2Client *client, OAuth2Style style, OAuth2Request *ret_request,
                         GError **error);
void oauth2_request_clear(OAuth2Request *request);

/* As long as servers let any token live; a longer time is taken for this. */
enum { OAUTH2_LIFETIME_MAX_S = 365 * 24 * 3600 };

/* The access token of an answer, which can stand in a header, to be freed; *ret_lifetime_s is how
 * long it is good for, 0: not told. NULL with INVALID_ARGUMENT when the answer is none, and with
 * UNAUTHENTICATED when it is an error; neither says anything of the body but its error code. */
char *oauth2_read_token(const HttpClientReply *reply, int64_t *ret_lifetime_s, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OAuth2Request, oauth2_request_clear)
