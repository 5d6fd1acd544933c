#include "lib/base/error.h"

#include <errno.h>
#include <stdarg.h>

G_DEFINE_QUARK(cresset - error - quark, cresset_error)

bool(error_set)(GError **error, CressetError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    GError *made = g_error_new_valist(CRESSET_ERROR, code, format, args);
    va_end(args);
    g_propagate_error(error, made);
    return false;
}

static CressetError
code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
        return CRESSET_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return CRESSET_ERROR_PERMISSION_DENIED;
    case ENOSPC:
    case ENOMEM:
        return CRESSET_ERROR_RESOURCE_EXHAUSTED;
    default:
        return CRESSET_ERROR_INTERNAL;
    }
}

bool(error_set_errno)(GError **error, int errno_value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(error, code_of_errno(errno_value), "%s: %s", what, g_strerror(errno_value));
}
