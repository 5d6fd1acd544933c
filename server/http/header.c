#include "server/http/header.h"

#include <string.h>

bool
header_is_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    }
    return name[0] != '\0';
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
