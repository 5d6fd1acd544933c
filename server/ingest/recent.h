/* Which profiles were stored lately, so that a client's retry of a batch does not store them twice.
 *
 * A key is claimed before its profile is appended and counts as seen only once that is durable; a
 * second claim meanwhile waits for the outcome of the first. Seen keys are kept in two generations
 * of RECENT_KEYS_MAX: at least so many of the newest are known. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECENT_KEYS_MAX = 131072 };

typedef struct {
    uint64_t high, low; /* never both 0 */
} RecentKey;

typedef struct Recent Recent;

/* Called for every waiter of a key with the outcome of its first claim. */
typedef void (*RecentOutcome)(void *waiter, const GError *error);

Recent *recent_new(RecentOutcome outcome);
void recent_free(Recent *recent);

typedef enum {
    RECENT_NEW,     /* claimed: recent_resolve must follow */
    RECENT_SEEN,    /* it is durable */
    RECENT_PENDING, /* another claim is under way; the outcome will be called with `waiter` */
} RecentState;

RecentState recent_claim(Recent *recent, RecentKey key, void *waiter);
/* Ends a claim: without an error the key is seen from now on; then its waiters are told. */
void recent_resolve(Recent *recent, RecentKey key, const GError *error);
/* Marks a key as seen. */
void recent_add(Recent *recent, RecentKey key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recent, recent_free)
