/* Guesses which name a person meant: "did you mean --data-dir?". */
#pragma once
#include <stddef.h>

/* Returns the index of the name closest to `word` by edit distance (insertion, deletion,
 * substitution, swap of neighbours), or -1 when none is close enough to be worth naming (more than
 * a third of its letters differ). Words longer than 64 bytes match nothing. */
int nearest_name(const char *word, const char *const *names, size_t n_names);
