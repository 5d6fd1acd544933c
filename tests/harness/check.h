/* What every test includes: cmocka with the headers that it needs in front of it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

/* The text holds the part; both are printed when it does not. */
#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (text_ == NULL || g_strstr_len(text_, -1, part_) == NULL)                               \
            fail_msg("'%s' does not contain '%s'", text_ != NULL ? text_ : "(null)", part_);       \
    } while (0)

#define assert_lacks(text, part)                                                                   \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (g_strstr_len(text_, -1, part_) != NULL)                                                \
            fail_msg("'%s' contains '%s'", text_, part_);                                          \
    } while (0)

/* The GError is set, and its message holds the part. */
#define assert_error_says(error, part)                                                             \
    do {                                                                                           \
        assert_non_null(error);                                                                    \
        assert_contains((error)->message, part);                                                   \
    } while (0)

#define assert_no_error(error)                                                                     \
    do {                                                                                           \
        if ((error) != NULL)                                                                       \
            fail_msg("unexpected error: %s", (error)->message);                                    \
    } while (0)
