#include "server/http/line_ends.h"

#include <string.h>

enum { LINE_END = 2, HEAD_END = 4 }; /* CR LF, and with the empty line behind */

typedef struct {
    const char *at; /* the end of the last line, before what ends it */
    bool is_strict;
} Lines;

static enum MHD_Result
check_line(void *data, enum MHD_ValueKind kind, const char *name, size_t name_size,
           const char *value, size_t value_size)
{
    (void)kind;
    Lines *lines = data;
    /* What was joined lies elsewhere; with a NUL in it the value is shorter than its line. */
    lines->is_strict = name == lines->at + LINE_END && value > name + name_size &&
                       memchr(value, '\r', value_size) == NULL;
    lines->at = value + value_size;
    return lines->is_strict ? MHD_YES : MHD_NO;
}

bool
line_ends_are_strict(struct MHD_Connection *connection, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    Lines lines = {version + strlen(version), true};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, check_line, &lines);
    return lines.is_strict && info != NULL && method + info->header_size == lines.at + HEAD_END;
}
