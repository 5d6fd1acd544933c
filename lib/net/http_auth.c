#include "lib/net/http_auth.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/secret_file.h"

static bool
is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

/* The text of a file; `may_have_blanks`: within it. */
static char *
read_secret(const char *path, bool may_have_blanks, GError **error)
{
    g_autofree char *text = secret_file_read(path, error);
    bool is_text = true;
    for (const char *at = text; at != NULL && is_text && *at != '\0'; at++)
        is_text = may_have_blanks ? !g_ascii_iscntrl(*at) : g_ascii_isgraph(*at);
    if (text == NULL || is_text)
        return g_steal_pointer(&text);
    (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                    "%s holds no %s: one line of text is expected", path,
                    may_have_blanks ? "password" : "token");
    return NULL;
}

/* What is given, or the text of the file; "" where there is neither. */
static char *
get_secret(const char *secret, const char *path, bool may_have_blanks, GError **error)
{
    if (is_given(secret) || !is_given(path))
        return g_strdup(secret != NULL ? secret : "");
    return read_secret(path, may_have_blanks, error);
}

bool
http_auth_line(const HttpAuth *auth, char **ret_line, GError **error)
{
    *ret_line = NULL;
    if (is_given(auth->token) || is_given(auth->token_file)) {
        g_autofree char *token = get_secret(auth->token, auth->token_file, false, error);
        const char *type = is_given(auth->type) ? auth->type : "Bearer";
        if (token != NULL)
            *ret_line = g_strconcat("Authorization: ", type, " ", token, NULL);
        return token != NULL;
    }
    if (!is_given(auth->user))
        return true;
    g_autofree char *password = get_secret(auth->password, auth->password_file, true, error);
    if (password == NULL)
        return false;
    g_autofree char *pair = g_strconcat(auth->user, ":", password, NULL);
    g_autofree char *coded = g_base64_encode((const guchar *)pair, strlen(pair));
    *ret_line = g_strconcat("Authorization: Basic ", coded, NULL);
    return true;
}
