/* The names of a cluster: everything that may not be told to a model. */
#pragma once
#include "analyzers/collect/snapshot.h"
#include "analyzers/llm/trie.h"

enum {
    DICTIONARY_WORD_MAX = 1024,              /* bytes of one that is kept */
    DICTIONARY_BYTES_MAX = 64 * 1024 * 1024, /* of all: some millions of names */
};

typedef struct {
    char *text, *folded;
    const char *type; /* "pod", "ns": small letters, static */
} Original;

typedef struct Dictionary Dictionary;

/* Names of objects and of what they refer to, also of what is not there; namespaces, nodes,
 * containers, images, hosts, addresses, values of labels, users; `cluster` (NULL: none). Without
 * what the vocabulary has, and with the images' names only when `with_images`. NULL with
 * RESOURCE_EXHAUSTED when there are more than DICTIONARY_BYTES_MAX. */
Dictionary *
dictionary_new(const Snapshot *snapshot, const char *cluster, bool with_images, GError **error);
/* The same of single words, for tests and what else has no snapshot. */
Dictionary *dictionary_new_of(const char *const *words, size_t n);
void dictionary_free(Dictionary *dictionary);

const Trie *dictionary_trie(const Dictionary *dictionary);
/* By the id of a match of the trie. */
const Original *dictionary_original(const Dictionary *dictionary, uint32_t id);
uint32_t dictionary_size(const Dictionary *dictionary);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dictionary, dictionary_free)
