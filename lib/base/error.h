/* Error codes shared by every component.
 *
 * The values are the gRPC status codes (https://grpc.io/docs/guides/status-codes/), so that the API
 * layer maps an error to a Connect name and an HTTP status with one table. Messages are one line of
 * lower-case text without a full stop; they name the field that is wrong and, for a limit, the knob
 * that moves it. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define CRESSET_ERROR (cresset_error_quark())

typedef enum {
    CRESSET_ERROR_CANCELLED = 1,
    CRESSET_ERROR_UNKNOWN = 2,
    CRESSET_ERROR_INVALID_ARGUMENT = 3,
    CRESSET_ERROR_DEADLINE_EXCEEDED = 4,
    CRESSET_ERROR_NOT_FOUND = 5,
    CRESSET_ERROR_ALREADY_EXISTS = 6,
    CRESSET_ERROR_PERMISSION_DENIED = 7,
    CRESSET_ERROR_RESOURCE_EXHAUSTED = 8,
    CRESSET_ERROR_FAILED_PRECONDITION = 9,
    CRESSET_ERROR_ABORTED = 10,
    CRESSET_ERROR_OUT_OF_RANGE = 11,
    CRESSET_ERROR_UNIMPLEMENTED = 12,
    CRESSET_ERROR_INTERNAL = 13,
    CRESSET_ERROR_UNAVAILABLE = 14,
    CRESSET_ERROR_DATA_LOSS = 15,
    CRESSET_ERROR_UNAUTHENTICATED = 16,
} CressetError;

GQuark cresset_error_quark(void);

/* Sets *error (which may be NULL) and returns false, so that a failing function ends in
 * `return error_set(error, CODE, "what failed: %s", why);`. */
bool error_set(GError **error, CressetError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Like error_set, with ": " and the text of `errno_value` behind the message. The code follows the
 * errno: ENOENT is NOT_FOUND, EACCES and EPERM are PERMISSION_DENIED, ENOSPC and ENOMEM are
 * RESOURCE_EXHAUSTED, everything else is INTERNAL. */
bool error_set_errno(GError **error, int errno_value, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The compiler and the static analyser know by this that both return false. */
#define error_set(...)                                                                             \
    ({                                                                                             \
        (void)error_set(__VA_ARGS__);                                                              \
        false;                                                                                     \
    })
#define error_set_errno(...)                                                                       \
    ({                                                                                             \
        (void)error_set_errno(__VA_ARGS__);                                                        \
        false;                                                                                     \
    })
