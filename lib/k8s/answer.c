#include "lib/k8s/answer.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/k8s/json_scan.h"

/* A Status is small; what is larger is an error page of something else. */
enum { STATUS_BYTES_MAX = 256 * 1024 };

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
