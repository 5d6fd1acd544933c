/* Pseudonyms: names of a cluster out of a text, and back into an answer about it.
 *
 * A placeholder is a type and the start of an HMAC of the name: "pod-7f3a12" (small letters:
 * capitals among digits look like a secret). The same name has the same one in every run with the
 * same key, and without the key nobody can tell which name it was.
 */
#pragma once
#include "analyzers/llm/dictionary.h"

/* Bytes of a key. */
enum { MASK_KEY_BYTES = 32 };

typedef struct Mask Mask;

/* Borrows the dictionary. `key` has MASK_KEY_BYTES. */
Mask *mask_new(const Dictionary *dictionary, const uint8_t *key);
void mask_free(Mask *mask);

/* The text without secrets, control characters and names; nothing but "[withheld]" when a pattern
 * gave up. A name within a longer word takes the word with it, but for the ends that Kubernetes
 * generates. Free with g_free. */
char *mask_text(Mask *mask, const char *text);
/* "a secret" or "an address or host" when one is in the text that is no placeholder; NULL: none. */
const char *mask_find_foreign(const Mask *mask, const char *text);
/* Why a text that was masked may not be sent all the same: the above, or "a name", found by other
 * means than those of mask_text; NULL: nothing is in it. Names of fewer than four bytes are not
 * looked for. */
const char *mask_find_leak(const Mask *mask, const char *text);
/* With the names that this mask has put placeholders for, where exactly those stand. Of URLs
 * nothing comes back. Free with g_free. */
char *mask_restore(const Mask *mask, const char *text);
/* Hexadecimal digits of the HMAC of a text for another use of the key; free with g_free. */
char *mask_digest(const Mask *mask, const char *purpose, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mask, mask_free)
