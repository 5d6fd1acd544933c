#include "tests/harness/wait.h"

#include <glib.h>

bool
wait_until(bool (*predicate)(void *user), void *user, int timeout_ms)
{
    gint64 end_us = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
    while (!predicate(user)) {
        if (g_get_monotonic_time() >= end_us)
            return false;
        g_usleep(5000);
    }
    return true;
}
