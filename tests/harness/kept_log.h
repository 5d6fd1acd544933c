/* What the code under test logs, kept instead of printed: one line for each message. Any thread. */
#pragma once

/* From now on, for the rest of the process: g_log_set_writer_func. Once. */
void kept_log_start(void);
/* Forgets what was logged so far. */
void kept_log_clear(void);
/* A copy of it, to be freed with g_free. */
char *kept_log_text(void);
/* How often it holds a text. */
unsigned kept_log_count(const char *part);
