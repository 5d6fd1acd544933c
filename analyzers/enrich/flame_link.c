#include "analyzers/enrich/flame_link.h"

#include <glib.h>
#include <string.h>

#include "analyzers/telemetry/api.h"

static char *
selector_of(const FlameView *view)
{
    g_autofree char *quoted = telemetry_quote(view->service);
    if (*view->service == '\0')
        return g_strdup_printf("{%s}", view->labels);
    return g_strdup_printf("{service_name=%s%s%s}", quoted, *view->labels != '\0' ? "," : "",
                           view->labels);
}

static void
replace_encoded(GString *url, const char *word, const char *text)
{
    g_autofree char *encoded = g_uri_escape_string(text, NULL, false);
    g_string_replace(url, word, encoded, 0);
}

/* A parameter of Cresset's page; none when it is empty. */
static void
add_parameter(GString *url, const char *name, const char *text)
{
    g_autofree char *encoded = g_uri_escape_string(text, NULL, false);
    if (*text != '\0')
        g_string_append_printf(url, "%c%s=%s", strchr(url->str, '?') != NULL ? '&' : '?', name,
                               encoded);
}

char *
flame_link(const char *base, const FlameView *view)
{
    g_autofree char *from = g_strdup_printf("%" G_GINT64_FORMAT, view->from_ms),
                    *until = g_strdup_printf("%" G_GINT64_FORMAT, view->until_ms),
                    *selector = selector_of(view);
    g_autofree char *labels =
        *view->labels != '\0' ? g_strdup_printf("{%s}", view->labels) : g_strdup("");
    GString *url = g_string_new(base);
    const struct {
        const char *name, *word, *text;
    } parts[] = {
        {"tenant", "{tenant}", view->tenant}, {"service", "{service}", view->service},
        {"type", "{type}", view->type},       {"labels", "{labels}", labels},
        {NULL, "{selector}", selector},       {"from", "{from}", from},
        {"until", "{until}", until},
    };
    bool is_template = strchr(base, '{') != NULL;
    if (!is_template && !g_str_has_suffix(base, "/"))
        g_string_append_c(url, '/');
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (is_template)
            replace_encoded(url, parts[i].word, parts[i].text);
        else if (parts[i].name != NULL)
            add_parameter(url, parts[i].name, parts[i].text);
    }
    return g_string_free(url, FALSE);
}
