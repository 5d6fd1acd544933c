/* The YAML file of a program's options: one flat mapping from option name to value. */
#pragma once
#include "lib/base/option.h"

/* Called once per key with its value: one text, or the elements of a list. `line` counts from 1.
 * Returns false with *error set to stop. */
typedef bool (*OptionFileVisit)(void *user, const char *key, const char *const *texts,
                                size_t n_texts, size_t line, GError **error);

/* Reads the file and visits every key in order. Errors carry "path:line: ". Nested mappings,
 * aliases, tags and further documents are refused; an empty file has no keys. */
bool option_file_read(const char *path, OptionFileVisit visit, void *user, GError **error);
