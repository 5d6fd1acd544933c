#include "lib/base/nearest.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 };

/* Optimal string alignment distance over three rolling rows. */
static size_t
distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            now[j] = MIN(MIN(before[j] + 1, now[j - 1] + 1), before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], before2[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

int
nearest_name(const char *word, const char *const *names, size_t n_names)
{
    size_t length = strlen(word);
    if (length == 0 || length > WORD_MAX)
        return -1;
    int best = -1;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < n_names; i++) {
        size_t name_length = strlen(names[i]);
        if (name_length > WORD_MAX)
            continue;
        size_t d = distance(word, length, names[i], name_length);
        if (d < best_distance && d <= MAX(name_length, length) / 3 + 1 && d < name_length) {
            best_distance = d;
            best = (int)i;
        }
    }
    return best;
}
