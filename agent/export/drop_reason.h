/* Why a profile never reaches a server. */
#pragma once

#define DROP_REASONS(X)                                                                            \
    X(DROP_QUEUE_FULL, "queue_full")     /* gave way to newer ones in memory (queue-bytes) */      \
    X(DROP_SPOOL_FULL, "spool_full")     /* gave way to newer ones on the disk (spool-bytes) */    \
    X(DROP_TOO_OLD, "too_old")           /* waited longer than spool-age */                        \
    X(DROP_DAMAGED, "damaged")           /* could not be read from the spool */                    \
    X(DROP_BAD_TENANT, "bad_tenant")     /* __tenant_id__ is no tenant */                          \
    X(DROP_INVALID, "invalid")           /* refused with 400 or 422 */                             \
    X(DROP_UNAUTHORIZED, "unauthorized") /* refused with 401 or 403 */                             \
    X(DROP_RATE_LIMITED, "rate_limited") /* refused with 429 that shall not be tried again */      \
    X(DROP_TOO_LARGE, "too_large")       /* refused with 413 although it was sent alone */         \
    X(DROP_REFUSED, "refused")           /* refused with any other status */                       \
    X(DROP_RETRIES, "retries")           /* tried as often as the endpoint allows */               \
    X(DROP_STOPPED, "stopped")           /* in memory when the agent ended */                      \
    X(DROP_REMOVED, "removed")           /* its endpoint is not named any more; see outbox.h */

typedef enum {
#define X(name, label) name,
    DROP_REASONS(X)
#undef X
        DROP_REASON_COUNT
} DropReason;
