#include "lib/base/text.h"

#include <stdbool.h>
#include <string.h>

static const char ELLIPSIS[] = "…";

char *
printable_line(const char *text, size_t length, size_t bytes_max)
{
    /* Each character of the line comes from at least as many bytes, or from one that is replaced.
     */
    g_autofree char *valid =
        g_utf8_make_valid(text != NULL ? text : "", (gssize)MIN(length, 4 * bytes_max));
    GString *line = g_string_new(NULL);
    size_t keep = 0; /* bytes that leave room for the ellipsis */
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        bool is_space = g_unichar_isspace(c) || c == '\0';
        if (is_space && (line->len == 0 || line->str[line->len - 1] == ' '))
            continue;
        if (is_space)
            g_string_append_c(line, ' ');
        else
            g_string_append_unichar(line, g_unichar_isprint(c) ? c : 0xFFFD);
        if (line->len + strlen(ELLIPSIS) <= bytes_max)
            keep = line->len;
        if (line->len > bytes_max) {
            g_string_truncate(line, keep);
            g_string_append(line, ELLIPSIS);
            return g_string_free(line, FALSE);
        }
    }
    return g_strchomp(g_string_free(line, FALSE));
}

char *
rfc3339_text(int64_t seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("");
}

bool
globs_match(char *const *globs, const char *text)
{
    for (size_t i = 0; globs != NULL && globs[i] != NULL; i++) {
        if (g_pattern_match_simple(globs[i], text))
            return true;
    }
    return globs == NULL;
}

GUri *
http_url_parse(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED | G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    bool is_http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    /* A password with an '@' that is not encoded would be taken for a part of the host. */
    bool is_host = host != NULL && host[0] != '\0' && strchr(host, '@') == NULL;
    return is_http && is_host ? g_steal_pointer(&uri) : NULL;
}

char *
http_url_shown(const char *url)
{
    g_autoptr(GUri) uri = http_url_parse(url);
    if (uri == NULL)
        return g_strdup("(not a URL)");
    return g_uri_to_string_partial(uri,
                                   G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
}
