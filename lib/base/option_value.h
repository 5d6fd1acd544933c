/* One option's value: from text into the field of a configuration struct and back to text. */
#pragma once
#include "lib/base/option.h"

/* Parses `texts` (one element, or any number for OPTION_LIST) into the row's field and frees what
 * was there. The error begins with the value and does not name the option. */
bool option_value_set(const OptionRow *row, void *config, const char *const *texts, size_t n_texts,
                      GError **error);
/* The text that option_value_set reads the same value from; of any type but OPTION_LIST. The caller
 * frees. */
char *option_value_text(const OptionRow *row, const void *config);
/* Whether both structs have the same value of the row. */
bool option_value_equal(const OptionRow *row, const void *a, const void *b);
/* Splits a text by commas for OPTION_LIST; a vector of the text itself for every other type.
 * Blank elements are dropped. The caller frees with g_strfreev. */
char **option_value_split(const OptionRow *row, const char *text);
/* Frees the field's memory and zeroes it. */
void option_value_clear(const OptionRow *row, void *config);
/* "DIR", or a word that fits the type when the row names none. Never NULL. */
const char *option_value_argument(const OptionRow *row);
