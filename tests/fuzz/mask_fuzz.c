/* Names in lines up to an empty one, then a text: whatever they are, no name of eight bytes or more
 * is seen in what may be sent, and what may be sent has no secret. */
#include <stdlib.h>
#include <string.h>

#include "analyzers/llm/mask.h"
#include "analyzers/llm/vocabulary.h"
#include "lib/base/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Also what this program itself writes, and what it writes in place of bytes that are no UTF-8. */
static bool
is_allowed(const char *name)
{
    size_t n = strlen(name);
    return word_is_number(name, n) || vocabulary_has(name, n) || n > DICTIONARY_WORD_MAX ||
           strstr("[redacted]", name) != NULL || strstr("[withheld]", name) != NULL ||
           strstr(name, "\uFFFD") != NULL || strspn(name, " ") == n;
}

static void
check_name(const char *text, const char *name)
{
    enum { LONG = 8 };
    if (strlen(name) >= LONG && !is_allowed(name) && strstr(text, name) != NULL)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_MAX_FUZZED = 16 * 1024 };
    static const uint8_t key[MASK_KEY_BYTES] = "fuzz";
    if (size > SIZE_MAX_FUZZED)
        return 0;
    g_autofree char *input = g_strndup((const char *)data, size);
    char *text = strstr(input, "\n\n");
    if (text == NULL)
        return 0;
    *text = '\0';
    g_auto(GStrv) names = g_strsplit(input, "\n", -1);
    g_autoptr(Dictionary) dictionary =
        dictionary_new_of((const char *const *)names, g_strv_length(names));
    g_autoptr(Mask) mask = mask_new(dictionary, key);
    g_autofree char *masked = mask_text(mask, text + 2), *redacted = redact(masked);
    if (!g_utf8_validate(masked, -1, NULL))
        abort();
    if (mask_find_leak(mask, masked) == NULL && strcmp(redacted, masked) != 0)
        abort();
    for (size_t i = 0; names[i] != NULL; i++)
        check_name(masked, names[i]);
    g_autofree char *restored = mask_restore(mask, masked);
    return restored != NULL ? 0 : -1;
}
