/* What the log of a container says about its end. */
#pragma once
#include "analyzers/checks/container.h"
#include "analyzers/checks/log_signature.h"

/* The line that says most about why the container ended or is not ready: of the last lines the
 * newest with a signature, else with an exception, else with an error, else the last one; secrets
 * taken out, bounded. Without a log, of the message that the container left behind (previous). NULL
 * without either; free with g_free. */
char *log_line(const CheckRun *run, const Container *container, bool previous);
/* The same of a text. */
char *log_line_of(const char *log);
/* Says that a check, which reads logs, has not had all of them, when it is so. */
void log_say_unread(CheckRun *run, const CheckRow *row);
/* A port that a program says it listens on, when `port` is none of them; 0: it says nothing, or
 * that it listens there. */
int64_t log_other_port(const char *log, int64_t port);
