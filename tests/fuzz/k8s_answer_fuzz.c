/* Answers of an API server, of a proxy in front of it, or of a credential plug-in: any bytes. What
 * is shown of them to people is short, valid and cannot move a terminal. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/k8s/answer.h"
#include "lib/k8s/exec_plugin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(const char *line)
{
    if (strlen(line) > ANSWER_MESSAGE_BYTES_MAX || !g_utf8_validate(line, -1, NULL))
        __builtin_trap();
    for (const char *at = line; *at != '\0'; at = g_utf8_next_char(at))
        if (g_unichar_iscntrl(g_utf8_get_char(at)))
            __builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) body = g_bytes_new_static(data, size);
    g_auto(ListHead) head = {0};
    g_autoptr(GError) head_error = NULL, credential_error = NULL;
    if (list_head_read(body, &head, &head_error) != (head_error == NULL))
        __builtin_trap();
    if (head_error == NULL && head.kind == NULL)
        __builtin_trap();
    g_auto(ErrorAnswer) answer = {0};
    error_answer_read(body, &answer);
    check_line(answer.message);
    if (answer.reason != NULL)
        check_line(answer.reason);
    g_auto(ExecCredential) credential = {0};
    if (exec_credential_read((const char *)data, size, "client.authentication.k8s.io/v1",
                             &credential, &credential_error) &&
        credential.token == NULL && credential.certificate_pem == NULL)
        __builtin_trap();
    return 0;
}
