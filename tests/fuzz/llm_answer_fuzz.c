/* The reply of an endpoint: any bytes give an answer within its limits, or none; what is shown of
 * it has no link, mark or control character. */
#include <stdlib.h>
#include <string.h>

#include "analyzers/llm/answer.h"
#include "analyzers/llm/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_shown(const char *text)
{
    static const uint8_t key[MASK_KEY_BYTES] = "fuzz";
    static const char *const names[] = {"ledger"};
    g_autoptr(Dictionary) dictionary = dictionary_new_of(names, G_N_ELEMENTS(names));
    g_autoptr(Mask) mask = mask_new(dictionary, key);
    const char *why = NULL;
    g_autofree char *shown = guard_text(mask, text, &why);
    if (shown == NULL) {
        if (why == NULL)
            abort();
        return;
    }
    if (strstr(shown, "://") != NULL || strchr(shown, '`') != NULL || strchr(shown, '\n') != NULL ||
        strpbrk(shown, "<>") != NULL || strstr(shown, "kubectl delete pod") != NULL ||
        !g_utf8_validate(shown, -1, NULL))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *raw = g_strndup((const char *)data, size);
    g_autofree char *content = answer_content(data, size, NULL);
    g_auto(ModelAnswer) answer = {0};
    check_shown(raw);
    if (!answer_parse(content != NULL ? content : raw, &answer, NULL))
        return 0;
    if (strlen(answer.cause) > ANSWER_CAUSE_MAX || strlen(answer.first_step) > ANSWER_STEP_MAX ||
        answer.confidence == NULL)
        abort();
    check_shown(answer.cause);
    check_shown(answer.first_step);
    return 0;
}
