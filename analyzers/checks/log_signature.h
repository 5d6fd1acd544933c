/* What a line of a log is about, told by words that programs of any language use. */
#pragma once
#include <glib.h>

typedef enum {
    LOG_NOTHING,    /* no sign of trouble */
    LOG_TROUBLE,    /* some error */
    LOG_PANIC,      /* an exception, a panic */
    LOG_DEPENDENCY, /* something else cannot be reached */
    LOG_TLS,        /* a certificate is refused */
    LOG_LOGIN,      /* a password or token is refused */
    LOG_PERMISSION, /* the system forbids it */
    LOG_DISK,       /* a disk is full */
    LOG_FILES,      /* too many open files */
    LOG_MEMORY,     /* out of memory, by its own words */
    LOG_PORT,       /* a port cannot be opened */
    LOG_FORMAT,     /* a program for another machine */
    LOG_LOCK,       /* a lock of a migration */
    LOG_SCHEMA,     /* a table that is not there */
    LOG_CONFIG,     /* settings, or files that they name */
    LOG_LIMIT,      /* a rate limit */
} LogSignature;

/* The signature of a line. */
LogSignature log_signature(const char *line);
/* "something it needs cannot be reached"; NULL for none in particular. */
const char *log_signature_text(LogSignature signature);
