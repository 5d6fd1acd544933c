/* What the log of a container says about its end. */
#pragma once
#include "analyzers/checks/container.h"

/* The line that says most about why the container ended or is not ready: the last one that looks
 * like an error, else the last one; secrets taken out, bounded. NULL without a log; free with
 * g_free. */
char *log_line(const CheckRun *run, const Container *container, bool previous);
/* The same of a text. */
char *log_line_of(const char *log);
/* Takes out what looks like a secret: values of passwords, tokens and keys, credentials in URLs,
 * bearer tokens. Free with g_free. */
char *log_redact(const char *text);
