#include "analyzers/llm/trie.h"

#include "analyzers/llm/vocabulary.h"

/* Indices of nodes; the root is 0, which is no child of any. */
typedef struct {
    uint32_t child, sibling;
    uint32_t fail;   /* the node of the longest proper suffix */
    uint32_t output; /* the nearest node that ends a word, on the way of `fail`; 0: none */
    uint32_t id;     /* of the word that ends here, and 1; 0: none */
    uint32_t depth;
    char c;
} Node;

struct Trie {
    GArray *nodes;         /* Node */
    uint32_t of_root[256]; /* its children */
};

static Node *
node_at(const Trie *trie, uint32_t i)
{
    return &g_array_index(trie->nodes, Node, i);
}

Trie *
trie_new(void)
{
    Trie *trie = g_new0(Trie, 1);
    Node root = {0};
    trie->nodes = g_array_new(FALSE, TRUE, sizeof root);
    g_array_append_val(trie->nodes, root);
    return trie;
}

void
trie_free(Trie *trie)
{
    if (trie == NULL)
        return;
    g_array_unref(trie->nodes);
    g_free(trie);
}

/* 0: there is none. */
static uint32_t
child_of(const Trie *trie, uint32_t at, char c)
{
    if (at == 0)
        return trie->of_root[(uint8_t)c];
    uint32_t child = node_at(trie, at)->child;
    while (child != 0 && node_at(trie, child)->c != c)
        child = node_at(trie, child)->sibling;
    return child;
}

static uint32_t
add_child(Trie *trie, uint32_t at, char c)
{
    Node node = {
        .sibling = node_at(trie, at)->child, .c = c, .depth = node_at(trie, at)->depth + 1};
    uint32_t i = trie->nodes->len;
    g_array_append_val(trie->nodes, node);
    node_at(trie, at)->child = i;
    if (at == 0)
        trie->of_root[(uint8_t)c] = i;
    return i;
}

void
trie_add(Trie *trie, const char *word, size_t n, uint32_t id)
{
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        char c = word_fold(word[i]);
        uint32_t child = child_of(trie, at, c);
        at = child != 0 ? child : add_child(trie, at, c);
    }
    if (at != 0 && node_at(trie, at)->id == 0)
        node_at(trie, at)->id = id + 1;
}

/* The node that a byte leads to. */
static uint32_t
step(const Trie *trie, uint32_t at, char c)
{
    for (;;) {
        uint32_t child = child_of(trie, at, c);
        if (child != 0 || at == 0)
            return child;
        at = node_at(trie, at)->fail;
    }
}

/* By breadth: what a node falls back to is less deep. */
void
trie_finish(Trie *trie)
{
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t root = 0;
    g_array_append_val(queue, root);
    for (guint next = 0; next < queue->len; next++) {
        uint32_t parent = g_array_index(queue, uint32_t, next);
        for (uint32_t i = node_at(trie, parent)->child; i != 0; i = node_at(trie, i)->sibling) {
            Node *node = node_at(trie, i);
            node->fail = parent != 0 ? step(trie, node_at(trie, parent)->fail, node->c) : 0;
            const Node *fail = node_at(trie, node->fail);
            node->output = fail->id != 0 ? node->fail : fail->output;
            g_array_append_val(queue, i);
        }
    }
}

GArray *
trie_scan(const Trie *trie, const char *text, size_t n)
{
    GArray *matches = g_array_new(FALSE, FALSE, sizeof(TrieMatch));
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        at = step(trie, at, word_fold(text[i]));
        uint32_t word = node_at(trie, at)->id != 0 ? at : node_at(trie, at)->output;
        for (; word != 0; word = node_at(trie, word)->output) {
            const Node *node = node_at(trie, word);
            TrieMatch match = {i + 1 - node->depth, i + 1, node->id - 1};
            g_array_append_val(matches, match);
        }
    }
    return matches;
}
