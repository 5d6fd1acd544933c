#include "analyzers/llm/mask.h"

#include <string.h>

#include "analyzers/llm/shape.h"
#include "analyzers/llm/vocabulary.h"
#include "lib/base/redact.h"
#include "lib/base/text.h"

enum {
    PLACEHOLDER_DIGITS = 6, /* more when two names would have the same */
    LOOSE_BYTES = 8,        /* names of so many are found within words as well */
    LEAK_BYTES_MIN = 4,
};

struct Mask {
    const Dictionary *dictionary;
    uint8_t key[MASK_KEY_BYTES];
    GHashTable *placeholders; /* folded name → placeholder */
    GHashTable *names;        /* placeholder → name; of a URL "[link]" */
};

/* A part of a text that a placeholder takes the place of. */
typedef struct {
    size_t start, end;
    const char *type;
    bool is_exact; /* a name of the dictionary, no more */
} Span;

Mask *
mask_new(const Dictionary *dictionary, const uint8_t *key)
{
    Mask *mask = g_new0(Mask, 1);
    mask->dictionary = dictionary;
    memcpy(mask->key, key, MASK_KEY_BYTES);
    mask->placeholders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    mask->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return mask;
}

void
mask_free(Mask *mask)
{
    if (mask == NULL)
        return;
    g_hash_table_unref(mask->placeholders);
    g_hash_table_unref(mask->names);
    g_free(mask);
}

/* ---- Placeholders. ---- */

char *
mask_digest(const Mask *mask, const char *purpose, const char *text)
{
    g_autofree char *all = g_strconcat(purpose, "|", text, NULL);
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, mask->key, MASK_KEY_BYTES, all, -1);
}

static const char *
placeholder_of(Mask *mask, const Span *span, const char *text)
{
    g_autofree char *folded = word_fold_text(text + span->start, span->end - span->start);
    const char *known = g_hash_table_lookup(mask->placeholders, folded);
    if (known != NULL)
        return known;
    g_autofree char *digest = mask_digest(mask, span->type, folded);
    char *placeholder = NULL;
    for (int digits = PLACEHOLDER_DIGITS; placeholder == NULL; digits += 2) {
        placeholder = g_strdup_printf("%s-%.*s", span->type, digits, digest);
        if (g_hash_table_contains(mask->names, placeholder))
            g_clear_pointer(&placeholder, g_free);
    }
    bool is_link = strcmp(span->type, "url") == 0 || strcmp(span->type, "path") == 0;
    g_hash_table_insert(mask->names, g_strdup(placeholder),
                        is_link ? g_strdup("[link]")
                                : g_strndup(text + span->start, span->end - span->start));
    g_hash_table_insert(mask->placeholders, g_steal_pointer(&folded), placeholder);
    return placeholder;
}

/* ---- Where names are. ---- */

/* Part of a word, also the bytes of a letter that is not ASCII. */
static bool
is_letter(char c)
{
    return g_ascii_isalnum(c) || (uint8_t)c >= 0x80;
}

/* Part of a word as names are made of. */
static bool
is_word(char c)
{
    return is_letter(c) || c == '-' || c == '_' || c == '.';
}

/* Whether nothing goes on on either side that belongs to the match's ends. */
static bool
stands_alone(const char *text, size_t size, size_t start, size_t end)
{
    bool goes_before = start > 0 && is_letter(text[start - 1]) && is_letter(text[start]);
    bool goes_behind = end < size && is_letter(text[end - 1]) && is_letter(text[end]);
    return !goes_before && !goes_behind;
}

/* "-7d9c4bf5d6-x2x4z", "-2": what ReplicaSets, Jobs and StatefulSets put behind names, from the
 * letters of k8s.io/apimachinery/pkg/util/rand. */
static bool
is_generated(const char *text, size_t n)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    size_t at = 0;
    while (at < n) {
        if (text[at++] != '-')
            return false;
        size_t part = at, digits = 0, random = 0;
        for (; at < n && text[at] != '-'; at++) {
            digits += g_ascii_isdigit(text[at]) ? 1 : 0;
            random += strchr(alphabet, text[at]) != NULL ? 1 : 0;
        }
        size_t length = at - part;
        if (length == 0 || length > 10 || (digits < length && (random < length || digits == 0)))
            return false;
    }
    return true;
}

/* Takes the whole word around a name, except a generated end. */
static void
widen(const char *text, size_t size, Span *span)
{
    size_t start = span->start, end = span->end;
    while (start > 0 && is_word(text[start - 1]))
        start--;
    while (end < size && is_word(text[end]))
        end++;
    while (start < span->start && !is_letter(text[start]))
        start++;
    while (end > span->end && !is_letter(text[end - 1]))
        end--;
    if (start == span->start && is_generated(text + span->end, end - span->end))
        return;
    span->is_exact = start == span->start && end == span->end;
    if (!span->is_exact)
        span->type = "name";
    span->start = start;
    span->end = end;
}

static void
add_names(const Mask *mask, const char *text, size_t size, GArray *spans)
{
    g_autoptr(GArray) matches = trie_scan(dictionary_trie(mask->dictionary), text, size);
    for (guint i = 0; i < matches->len; i++) {
        const TrieMatch *match = &g_array_index(matches, TrieMatch, i);
        bool is_loose = match->end - match->start >= LOOSE_BYTES;
        if (!is_loose && !stands_alone(text, size, match->start, match->end))
            continue;
        Span span = {match->start, match->end,
                     dictionary_original(mask->dictionary, match->id)->type, true};
        widen(text, size, &span);
        g_array_append_val(spans, span);
    }
}

static bool
add_shapes(const char *text, GArray *spans)
{
    g_autoptr(GArray) shapes = shape_scan(text);
    for (guint i = 0; shapes != NULL && i < shapes->len; i++) {
        const Shape *shape = &g_array_index(shapes, Shape, i);
        Span span = {shape->start, shape->end, shape->type, false};
        g_array_append_val(spans, span);
    }
    return shapes != NULL;
}

/* By their starts, the longest first, of equal ones names of the dictionary. */
static gint
compare_spans(gconstpointer left, gconstpointer right)
{
    const Span *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return (int)b->is_exact - (int)a->is_exact;
}

/* What overlaps becomes one. */
static void
join_spans(GArray *spans)
{
    guint n = 0;
    g_array_sort(spans, compare_spans);
    for (guint i = 0; i < spans->len; i++) {
        Span span = g_array_index(spans, Span, i);
        Span *last = n > 0 ? &g_array_index(spans, Span, n - 1) : NULL;
        if (last == NULL || span.start >= last->end)
            g_array_index(spans, Span, n++) = span;
        else
            last->end = MAX(last->end, span.end);
    }
    g_array_set_size(spans, n);
}

/* ---- Texts. ---- */

char *
mask_text(Mask *mask, const char *text)
{
    g_autofree char *redacted = redact(text);
    g_autofree char *clean = printable_line(redacted, strlen(redacted), REDACT_BYTES_MAX);
    size_t size = strlen(clean), at = 0;
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(Span));
    add_names(mask, clean, size, spans);
    if (!add_shapes(clean, spans))
        return g_strdup("[withheld]");
    join_spans(spans);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < spans->len; i++) {
        const Span *span = &g_array_index(spans, Span, i);
        g_string_append_len(out, clean + at, (gssize)(span->start - at));
        g_string_append(out, placeholder_of(mask, span, clean));
        at = span->end;
    }
    g_string_append(out, clean + at);
    return g_string_free(out, FALSE);
}

/* ---- The check before sending. ---- */

static bool
has_name(const char *folded, size_t size, const Original *original)
{
    size_t n = strlen(original->folded);
    if (n < LEAK_BYTES_MIN)
        return false;
    const char *at = folded;
    while ((at = memmem(at, size - (size_t)(at - folded), original->folded, n)) != NULL) {
        size_t start = (size_t)(at - folded);
        if (n >= LOOSE_BYTES || stands_alone(folded, size, start, start + n))
            return true;
        at++;
    }
    return false;
}

/* Anything that is told by its form, and is no placeholder of ours. */
static bool
has_shape(const Mask *mask, const char *text)
{
    g_autoptr(GArray) shapes = shape_scan(text);
    for (guint i = 0; shapes != NULL && i < shapes->len; i++) {
        const Shape *shape = &g_array_index(shapes, Shape, i);
        g_autofree char *told = g_strndup(text + shape->start, shape->end - shape->start);
        if (!g_hash_table_contains(mask->names, told))
            return true;
    }
    return shapes == NULL;
}

const char *
mask_find_foreign(const Mask *mask, const char *text)
{
    g_autofree char *redacted = redact(text);
    if (strcmp(redacted, text) != 0)
        return "a secret";
    return has_shape(mask, text) ? "an address or host" : NULL;
}

const char *
mask_find_leak(const Mask *mask, const char *text)
{
    size_t size = strlen(text);
    const char *foreign = mask_find_foreign(mask, text);
    if (foreign != NULL)
        return foreign;
    g_autofree char *folded = word_fold_text(text, size);
    for (uint32_t i = 0; i < dictionary_size(mask->dictionary); i++) {
        if (has_name(folded, size, dictionary_original(mask->dictionary, i)))
            return "a name";
    }
    return NULL;
}

/* ---- Back. ---- */

static gboolean
restore_match(const GMatchInfo *match, GString *out, gpointer data)
{
    const Mask *mask = data;
    g_autofree char *placeholder = g_match_info_fetch(match, 0);
    const char *name = g_hash_table_lookup(mask->names, placeholder);
    g_string_append(out, name != NULL ? name : placeholder);
    return FALSE;
}

static gpointer
compile_placeholder(gpointer data)
{
    (void)data;
    return g_regex_new("\\b[a-z]{1,40}-[0-9a-f]{6,64}\\b", G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT,
                       NULL);
}

char *
mask_restore(const Mask *mask, const char *text)
{
    static GOnce once = G_ONCE_INIT;
    const GRegex *regex = g_once(&once, compile_placeholder, NULL);
    char *restored = g_regex_replace_eval(regex, text, -1, 0, G_REGEX_MATCH_DEFAULT, restore_match,
                                          (gpointer)(uintptr_t)mask, NULL);
    return restored != NULL ? restored : g_strdup(text);
}
