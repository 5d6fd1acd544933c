/* Finds all of many words in a text in one pass, by Aho and Corasick ("Efficient string matching",
 * CACM 1975). Bytes are compared folded (vocabulary.h). */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Trie Trie;

Trie *trie_new(void);
void trie_free(Trie *trie);
/* A word of 1 byte or more, with an id of its own; the first of equal ones stays. */
void trie_add(Trie *trie, const char *word, size_t n, uint32_t id);
/* All words are in: texts can be scanned, by any number of threads. */
void trie_finish(Trie *trie);

typedef struct {
    size_t start, end; /* bytes of the text */
    uint32_t id;
} TrieMatch;

/* Every word in the text at every place, overlapping ones too, by their ends; an array of
 * TrieMatch.
 */
GArray *trie_scan(const Trie *trie, const char *text, size_t n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trie, trie_free)
