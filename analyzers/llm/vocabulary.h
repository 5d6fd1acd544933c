/* Words that are no secret of anybody: what every cluster has, so that a model still understands.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* One byte as names are compared: small letters, "-" for "_" (SHOP_DB_HOST is of shop-db). */
char word_fold(char c);
/* A copy of `n` bytes so; free with g_free. */
char *word_fold_text(const char *text, size_t n);
/* Whether a word (folded or not) may be seen: kinds, resources, ids of checks, common namespaces,
 * programs and fields. */
bool vocabulary_has(const char *word, size_t n);
/* Whether it says nothing by itself: "1.25", "v2", "500m", "8080". */
bool word_is_number(const char *word, size_t n);
