/* What is kept between runs for a model, in a SQLite file that only its owner reads: the key of the
 * placeholders, and answers, as the model gave them. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzers/llm/mask.h"

enum {
    STORE_TTL_S = 7 * 24 * 60 * 60, /* of an answer */
    STORE_BUSY_MS = 5000,
};

typedef struct Store Store;

/* Opens or creates the file; the first time it gets a random key. Errors have the path: DATA_LOSS
 * when it is damaged or held by another process, others when it cannot be opened. */
Store *store_open(const char *path, GError **error);
void store_close(Store *store);

/* MASK_KEY_BYTES. */
const uint8_t *store_key(const Store *store);
/* The answer to a question that is younger than STORE_TTL_S, or NULL; free with g_free. */
char *store_find(Store *store, const char *question, int64_t now_s);
/* Keeps an answer, and forgets old ones. What cannot be kept is not. */
void store_put(Store *store, const char *question, const char *answer, int64_t now_s);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
