#include "lib/k8s/path.h"

#include <string.h>

static void
add_segment(GString *path, const char *text)
{
    g_string_append_c(path, '/');
    g_string_append_uri_escaped(path, text, NULL, FALSE);
}

char *
k8s_path(const char *group, const char *version, const char *namespace, const char *resource,
         const char *name)
{
    GString *path = g_string_new(*group == '\0' ? "/api" : "/apis");
    if (*group != '\0')
        add_segment(path, group);
    add_segment(path, version);
    if (namespace != NULL) {
        g_string_append(path, "/namespaces");
        add_segment(path, namespace);
    }
    add_segment(path, resource);
    if (name != NULL)
        add_segment(path, name);
    return g_string_free(path, FALSE);
}

void
k8s_path_add(GString *url, const char *name, const char *value)
{
    g_string_append_printf(url, "%c%s=", strchr(url->str, '?') != NULL ? '&' : '?', name);
    g_string_append_uri_escaped(url, value, NULL, FALSE);
}

void
k8s_path_add_number(GString *url, const char *name, unsigned value)
{
    g_autofree char *text = g_strdup_printf("%u", value);
    k8s_path_add(url, name, text);
}
