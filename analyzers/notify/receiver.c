#include "analyzers/notify/receiver.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/secret_file.h"
#include "lib/base/yaml_field.h"

void
receiver_free(Receiver *receiver)
{
    if (receiver == NULL)
        return;
    g_free(receiver->name);
    g_free(receiver->url);
    g_strfreev(receiver->headers);
    g_free(receiver);
}

char *
receiver_read_secret(const char *path, const char *what, GError **error)
{
    char *text = secret_file_read(path, error);
    if (text == NULL)
        g_prefix_error(error, "%s: ", what);
    return text;
}

bool
receiver_read_severity(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                       GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    return severity_parse(text, place) ||
           yaml_fail(tree, node, error, "%s: '%s' is none of info, low, medium, high, critical",
                     key, text);
}

/* A receiver as it stands in the file. */
typedef struct {
    char *name, *form, *url, *url_file, *token_file;
    GHashTable *headers, *header_files;
    Severity severity;
} Content;

static void
content_clear(Content *content)
{
    char *texts[] = {content->name, content->form, content->url, content->url_file,
                     content->token_file};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_clear_pointer(&content->headers, g_hash_table_unref);
    g_clear_pointer(&content->header_files, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Content, content_clear)

static const YamlField fields[] = {
    {"name", yaml_read_text, offsetof(Content, name)},
    {"form", yaml_read_text, offsetof(Content, form)},
    {"url", yaml_read_text, offsetof(Content, url)},
    {"url_file", yaml_read_text, offsetof(Content, url_file)},
    {"token_file", yaml_read_text, offsetof(Content, token_file)},
    {"headers", yaml_read_texts_by_key, offsetof(Content, headers)},
    {"header_files", yaml_read_texts_by_key, offsetof(Content, header_files)},
    {"severity", receiver_read_severity, offsetof(Content, severity)},
};

/* Adds a line of a header; RFC 9110, section 5: a name is a token, a value has no line breaks. */
static bool
add_header(GStrvBuilder *lines, const char *name, const char *value, GError **error)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    bool ok = *name != '\0';
    for (const char *at = name; *at != '\0'; at++)
        ok = ok && (g_ascii_isalnum(*at) || strchr(others, *at) != NULL);
    for (const char *at = value; *at != '\0'; at++)
        ok = ok && !g_ascii_iscntrl(*at);
    if (!ok)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' is not the name of a header, or its value has control characters",
                         name);
    g_autofree char *line = g_strdup_printf("%s: %s", name, value);
    g_strv_builder_add(lines, line);
    return true;
}

static bool
add_headers(GStrvBuilder *lines, GHashTable *headers, bool are_files, GError **error)
{
    GHashTableIter iter;
    gpointer name, value;
    if (headers == NULL)
        return true;
    g_hash_table_iter_init(&iter, headers);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        g_autofree char *text =
            are_files ? receiver_read_secret(value, "header_files", error) : g_strdup(value);
        if (text == NULL || !add_header(lines, name, text, error))
            return false;
    }
    return true;
}

static bool
fill_headers(Receiver *receiver, const Content *content, GError **error)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    if (!add_headers(lines, content->headers, false, error) ||
        !add_headers(lines, content->header_files, true, error))
        return false;
    if (content->token_file != NULL) {
        g_autofree char *token = receiver_read_secret(content->token_file, "token_file", error);
        g_autofree char *value = token != NULL ? g_strconcat("Bearer ", token, NULL) : NULL;
        if (value == NULL || !add_header(lines, "Authorization", value, error))
            return false;
    }
    receiver->headers = g_strv_builder_end(lines);
    return true;
}

bool
receiver_choose_form(Receiver *receiver, const char *form, GError **error)
{
    static const char other_form[] = "/slack";
    if (!message_form_parse(form, receiver->url, &receiver->form, error))
        return false;
    if (receiver->form == MESSAGE_DISCORD && g_str_has_suffix(receiver->url, other_form))
        receiver->url[strlen(receiver->url) - strlen(other_form)] = '\0';
    return true;
}

static bool
fill(Receiver *receiver, Content *content, GError **error)
{
    if (content->name == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a receiver needs a name");
    if ((content->url != NULL) == (content->url_file != NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "receiver %s needs either url or url_file", content->name);
    receiver->name = g_steal_pointer(&content->name);
    receiver->severity_min = content->severity;
    receiver->url = g_steal_pointer(&content->url);
    if (receiver->url == NULL &&
        (receiver->url = receiver_read_secret(content->url_file, "url_file", error)) == NULL)
        return false;
    if (!receiver_choose_form(receiver, content->form != NULL ? content->form : "auto", error)) {
        g_prefix_error(error, "form: ");
        return false;
    }
    return fill_headers(receiver, content, error);
}

Receiver *
receiver_read(YamlTree *tree, const YamlNode *node, GError **error)
{
    g_auto(Content) content = {.severity = SEVERITY_MEDIUM};
    g_autoptr(Receiver) receiver = g_new0(Receiver, 1);
    GError *why = NULL;
    if (!yaml_read_fields(tree, node, "a receiver", fields, G_N_ELEMENTS(fields), &content, error))
        return NULL;
    if (fill(receiver, &content, &why))
        return g_steal_pointer(&receiver);
    yaml_fail(tree, node, error, "%s", why->message);
    g_error_free(why);
    return NULL;
}
