/* Who a client says that it is: a bearer token (RFC 6750) or a user with a password (RFC 7617). Of
 * those that are in files these are read for each request, as they are replaced while a program
 * runs. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const char *token_file;    /* NULL or "": no bearer token */
    const char *user;          /* NULL or "": no basic authentication */
    const char *password_file; /* of the user; NULL or "": an empty password */
    const char *token;         /* in place of the file; NULL or "": there */
    const char *type;          /* of the token; NULL or "": Bearer */
    const char *password;      /* in place of the file; NULL or "": there */
} HttpAuth;

/* "Authorization: …", to be freed; NULL in *ret_line when there is nothing to say. Files are
 * read as secret_file_read does. False with *error, which names the file but nothing of what
 * it holds, when it cannot be read or holds what no header can; what is in no file was checked. */
bool http_auth_line(const HttpAuth *auth, char **ret_line, GError **error);
