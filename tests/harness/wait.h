/* Waiting for a condition with a bound, for what gives no event to wait on. */
#pragma once
#include <stdbool.h>

/* Asks every few milliseconds until the predicate holds; false after `timeout_ms` without. */
bool wait_until(bool (*predicate)(void *user), void *user, int timeout_ms);
