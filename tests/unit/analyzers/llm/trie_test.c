#include "analyzers/llm/trie.h"

#include <string.h>

#include "analyzers/llm/vocabulary.h"
#include "tests/harness/check.h"

static guint
count_by_hand(const char *const *words, size_t n, const char *text)
{
    g_autofree char *folded = word_fold_text(text, strlen(text));
    guint count = 0;
    for (size_t i = 0; i < n; i++) {
        g_autofree char *word = word_fold_text(words[i], strlen(words[i]));
        for (const char *at = folded; (at = strstr(at, word)) != NULL; at++)
            count++;
    }
    return count;
}

static void
test_finds_what_a_search_for_each_word_finds(void **state)
{
    (void)state;
    static const char letters[] = "ab-";
    for (guint32 seed = 0; seed < 200; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(Trie) trie = trie_new();
        const char *words[20];
        size_t n = 0;
        for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
            char *word = g_strnfill((gsize)g_rand_int_range(random, 1, 6), 'a');
            for (char *at = word; *at != '\0'; at++)
                *at = letters[g_rand_int_range(random, 0, 3)];
            if (g_hash_table_contains(seen, word)) {
                g_free(word);
                continue;
            }
            g_hash_table_add(seen, word);
            words[n] = word;
            trie_add(trie, word, strlen(word), (uint32_t)n++);
        }
        trie_finish(trie);
        char text[200];
        for (size_t i = 0; i < sizeof text - 1; i++)
            text[i] = "abAB-_"[g_rand_int_range(random, 0, 6)];
        text[sizeof text - 1] = '\0';
        g_autoptr(GArray) matches = trie_scan(trie, text, strlen(text));
        assert_int_equal(matches->len, count_by_hand(words, n, text));
        for (guint i = 0; i < matches->len; i++) {
            const TrieMatch *match = &g_array_index(matches, TrieMatch, i);
            g_autofree char *found = word_fold_text(text + match->start, match->end - match->start);
            assert_string_equal(found, words[match->id]);
        }
    }
}

static void
test_nothing_to_find(void **state)
{
    (void)state;
    g_autoptr(Trie) trie = trie_new();
    trie_add(trie, "", 0, 0);
    trie_finish(trie);
    g_autoptr(GArray) matches = trie_scan(trie, "abc", 3);
    assert_int_equal(matches->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_a_search_for_each_word_finds),
        cmocka_unit_test(test_nothing_to_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
