/* Containers that were seen before anybody told of them: where pods are only told of from time to
 * time, a new one is waited for, as it may have opted out. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Containers of a node that are in no pod are some dozens; beyond so many none is waited for. */
enum { NEWCOMERS_MAX = 4096 };

/* What was not seen for so long is forgotten when room is needed. */
#define NEWCOMERS_KEPT_US (5 * 60 * G_USEC_PER_SEC)

typedef struct Newcomers Newcomers;

/* Each is waited for `patience_us` from the first time on that it was seen. */
Newcomers *newcomers_new(int64_t patience_us);
/* NULL is allowed. */
void newcomers_free(Newcomers *newcomers);

/* Whether it is still waited for what has this id. `now_us` is g_get_monotonic_time. */
bool newcomers_is_new(Newcomers *newcomers, const char *id, int64_t now_us);
/* How many ids are remembered. */
size_t newcomers_size(Newcomers *newcomers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Newcomers, newcomers_free)
