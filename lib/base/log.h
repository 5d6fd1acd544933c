/* Log output of the programs, behind GLib's structured logging.
 *
 * Code logs with g_debug, g_info, g_message, g_warning and g_critical; the log domain (set per
 * library by CMake) becomes the module. Library code logs at debug only: errors travel as GError
 * and the top logs them once. Lines go to standard error as `time level module text`, or one JSON
 * object each. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef enum { LOG_FORMAT_TEXT, LOG_FORMAT_JSON } LogFormat;

/* Installs the writer. Messages below `level` (for example G_LOG_LEVEL_INFO) are dropped. A call
 * site that repeats more than 10 times a second is cut, with a count of what was left out. */
void log_init(GLogLevelFlags level, LogFormat format);

/* Parses "error", "warning", "message", "info" or "debug"; false when it is none of them. */
bool log_level_parse(const char *text, GLogLevelFlags *ret_level);
