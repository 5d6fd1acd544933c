#include "server/http/header.h"

#include <string.h>

/* How long the token at `text` is. */
static size_t
token_length(const char *text)
{
    size_t length = 0;
    while (g_ascii_isalnum(text[length]) ||
           (text[length] != '\0' && strchr("!#$%&'*+-.^_`|~", text[length]) != NULL))
        length++;
    return length;
}

bool
header_is_name(const char *name)
{
    return name[0] != '\0' && name[token_length(name)] == '\0';
}

/* The q among the parameters behind a coding (";q=0.5"); 1 when there is none. */
static double
quality_of(const char *parameters, size_t length)
{
    g_autofree char *text = g_strndup(parameters, length);
    char *q = strstr(text, "q=");
    double quality = q != NULL ? g_ascii_strtod(q + 2, NULL) : 1;
    return quality > 0 ? MIN(quality, 1) : 0; /* what is no number counts as 0 */
}

double
header_coding_quality(const char *accept, const char *coding)
{
    double any = 0;
    for (const char *item = accept; item != NULL && *item != '\0';) {
        size_t length = strcspn(item, ",");
        size_t skip = strspn(item, " \t");
        size_t name = strcspn(item + skip, " \t;,");
        double quality = quality_of(item + skip + name, length - MIN(length, skip + name));
        if (name == strlen(coding) && g_ascii_strncasecmp(item + skip, coding, name) == 0)
            return quality;
        if (name == 1 && item[skip] == '*')
            any = quality;
        item += length;
        if (*item == ',')
            item++;
    }
    return any;
}

bool
header_is_media_type(const char *content_type, const char *type)
{
    if (content_type == NULL)
        return false;
    content_type += strspn(content_type, " \t");
    size_t length = strcspn(content_type, " \t;");
    return length == strlen(type) && g_ascii_strncasecmp(content_type, type, length) == 0;
}

/* Reads a quoted string whose opening quote is at `text`. */
static char *
unquote(const char *text)
{
    GString *value = g_string_new(NULL);
    for (text++; *text != '\0' && *text != '"'; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        g_string_append_c(value, *text);
    }
    return g_string_free(value, FALSE);
}

/* Where the parameter that begins at `text` ends, quotes respected. */
static const char *
parameter_end(const char *text)
{
    bool quoted = false;
    for (; *text != '\0' && (quoted || *text != ';'); text++) {
        if (*text == '"')
            quoted = !quoted;
        else if (*text == '\\' && quoted && text[1] != '\0')
            text++;
    }
    return text;
}

char *
header_media_parameter(const char *content_type, const char *name)
{
    const char *item = content_type != NULL ? parameter_end(content_type) : "";
    size_t length = strlen(name);
    while (*item == ';') {
        item += 1 + strspn(item + 1, " \t");
        if (g_ascii_strncasecmp(item, name, length) == 0 && item[length] == '=') {
            const char *value = item + length + 1;
            return *value == '"' ? unquote(value) : g_strndup(value, strcspn(value, " \t;"));
        }
        item = parameter_end(item);
    }
    return NULL;
}

/* The text of the token or quoted string at *at, which moves behind it; NULL when neither is there.
 */
static char *
read_word(const char **at)
{
    size_t length = token_length(*at);
    if (length > 0) {
        *at += length;
        return g_strndup(*at - length, length);
    }
    const char *end = **at == '"' ? *at + 1 : NULL;
    while (end != NULL && *end != '"' && *end != '\0')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    if (end == NULL || *end == '\0')
        return NULL;
    char *text = unquote(*at);
    *at = end + 1;
    return text;
}

static void
skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

/* Reads ";name=value" and the like, any number of them, behind a media range. */
static bool
read_parameters(const char **at, const char *name, const char *value, bool *asks)
{
    for (skip_blanks(at); **at == ';'; skip_blanks(at)) {
        ++*at;
        skip_blanks(at);
        if (**at == ';' || **at == ',' || **at == '\0')
            continue;
        size_t length = token_length(*at);
        bool is_wanted = length == strlen(name) && g_ascii_strncasecmp(*at, name, length) == 0;
        *at += length;
        if (length == 0 || **at != '=')
            return false;
        ++*at;
        g_autofree char *word = read_word(at);
        if (word == NULL)
            return false;
        *asks |= is_wanted && strcmp(word, value) == 0;
    }
    return **at == ',' || **at == '\0';
}

bool
header_read_accept(const char *accept, const char *name, const char *value, bool *ret_asks)
{
    *ret_asks = false;
    const char *at = accept != NULL ? accept : "";
    for (at += strspn(at, " \t,"); *at != '\0'; at += strspn(at, " \t,")) {
        size_t type = token_length(at);
        at += type;
        size_t subtype = *at == '/' ? token_length(at + 1) : 0;
        if (type == 0 || (*at == '/' && subtype == 0))
            return false;
        at += subtype > 0 ? subtype + 1 : 0;
        if (!read_parameters(&at, name, value, ret_asks))
            return false;
    }
    return true;
}
