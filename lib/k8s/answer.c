#include "lib/k8s/answer.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/json_scan.h"

/* A Status is small; what is larger is an error page of something else. */
enum { STATUS_BYTES_MAX = 256 * 1024 };

static const char ELLIPSIS[] = "…";

bool
list_head_read(GBytes *body, ListHead *ret_head, GError **error)
{
    g_auto(ListHead) head = {0};
    const JsonScanField fields[] = {
        {"kind", &head.kind},
        {"metadata.continue", &head.continue_token},
    };
    gsize size;
    const void *data = g_bytes_get_data(body, &size);
    if (!json_scan_fields(data, size, fields, G_N_ELEMENTS(fields), "metadata", error))
        return false;
    /* Servers write the kind first; the order of a proxy's may be another. */
    if (head.kind == NULL &&
        !json_scan_fields(data, size, fields, G_N_ELEMENTS(fields), NULL, error))
        return false;
    if (head.kind == NULL || !g_str_has_suffix(head.kind, "List"))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field kind of the answer does not name a list");
    if (head.continue_token != NULL && *head.continue_token == '\0')
        g_clear_pointer(&head.continue_token, g_free);
    *ret_head = head;
    head = (ListHead){0};
    return true;
}

void
list_head_clear(ListHead *head)
{
    g_free(head->kind);
    g_free(head->continue_token);
    *head = (ListHead){0};
}

void
error_answer_read(GBytes *body, ErrorAnswer *ret_answer)
{
    gsize size = 0;
    const char *data = body != NULL ? g_bytes_get_data(body, &size) : NULL;
    g_autofree char *kind = NULL, *reason = NULL, *message = NULL;
    const JsonScanField fields[] = {{"kind", &kind}, {"reason", &reason}, {"message", &message}};
    bool is_status = size > 0 && size <= STATUS_BYTES_MAX &&
                     json_scan_fields(data, size, fields, G_N_ELEMENTS(fields), NULL, NULL) &&
                     g_strcmp0(kind, "Status") == 0;
    *ret_answer = (ErrorAnswer){0};
    if (!is_status) {
        ret_answer->message = printable_line(data, size, ANSWER_MESSAGE_BYTES_MAX);
        return;
    }
    const char *text = message != NULL ? message : "";
    ret_answer->message = printable_line(text, strlen(text), ANSWER_MESSAGE_BYTES_MAX);
    if (reason != NULL)
        ret_answer->reason = printable_line(reason, strlen(reason), ANSWER_MESSAGE_BYTES_MAX);
}

void
error_answer_clear(ErrorAnswer *answer)
{
    g_free(answer->reason);
    g_free(answer->message);
    *answer = (ErrorAnswer){0};
}

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
