/* How the lines of an HTTP/1.1 head end. */
#pragma once
#include <microhttpd.h>
#include <stdbool.h>

/* Whether each line of the head that libmicrohttpd has read ends with CR LF, and has no CR in it.
 * It takes an LF alone, and sometimes a CR, for the end of a line as well, or a CR for a part of
 * the value, where another reader may see it otherwise (RFC 9112, section 2.2), and joins lines
 * that are folded (section 5.2). `method` and `version` are those that it gave: they, and every
 * name and value, point into one buffer with the head as it came, in which only the ends are
 * overwritten. Before the head is replied to. */
bool
line_ends_are_strict(struct MHD_Connection *connection, const char *method, const char *version);
