#include "lib/symbol/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
    GString *out;
    jmp_buf too_long;
} Sink;

/* The demangler offers no way to stop it but leaving: it keeps its state on the stack (a Punycode
 * identifier of a Rust symbol is the one thing on the heap), so that a jump out is safe. */
static void
on_text(const char *text, size_t length, void *data)
{
    Sink *sink = data;
    if (sink->out->len + length > DEMANGLE_OUTPUT_MAX)
        longjmp(sink->too_long, 1);
    g_string_append_len(sink->out, text, (gssize)length);
}

static bool
demangle_bounded(const char *name, Sink *sink)
{
    g_string_truncate(sink->out, 0);
    if (setjmp(sink->too_long) != 0)
        return false;
    if (rust_demangle_callback(name, DMGL_NO_OPTS, on_text, sink))
        return true;
    g_string_truncate(sink->out, 0);
    return cplus_demangle_v3_callback(name, DMGL_NO_OPTS, on_text, sink) != 0;
}

const char *
demangle_name(const char *name, GString *scratch)
{
    bool is_mangled = (name[0] == '_' && (name[1] == 'Z' || name[1] == 'R')) ||
                      strncmp(name, "__Z", 3) == 0 || strncmp(name, "_GLOBAL_", 8) == 0;
    if (!is_mangled || strnlen(name, DEMANGLE_INPUT_MAX + 1) > DEMANGLE_INPUT_MAX)
        return name;
    Sink sink = {.out = scratch};
    if (!demangle_bounded(name, &sink) || scratch->len == 0)
        return name;
    return scratch->str;
}
