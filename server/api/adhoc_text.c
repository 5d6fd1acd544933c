/* Collapsed stacks and the output of perf script. */
#include <string.h>

#include "lib/base/error.h"
#include "server/api/adhoc_profile.h"

typedef struct {
    const char *at, *end;
    unsigned number; /* of the line, from 1 */
} Lines;

/* Takes the next line, without its end. */
static bool
next_line(Lines *lines, const char **ret_line, size_t *ret_length)
{
    if (lines->at == lines->end)
        return false;
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    const char *end = newline != NULL ? newline : lines->end;
    *ret_line = lines->at;
    *ret_length = (size_t)(end - lines->at);
    if (*ret_length > 0 && end[-1] == '\r')
        (*ret_length)--;
    lines->at = newline != NULL ? newline + 1 : lines->end;
    lines->number++;
    return true;
}

static bool
fail_line(const Lines *lines, const char *what, GError **error)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "line %u: %s", lines->number, what);
}

/* Reads a number that fills the text and is not negative. */
static bool
read_count(const char *text, size_t length, int64_t *ret_value)
{
    uint64_t value = 0;
    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]))
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_value = (int64_t)value;
    return true;
}

static void
finish(TreeBuilder *builder, AdhocProfile *profile)
{
    profile->type = g_strdup("samples");
    profile->unit = g_strdup("count");
    profile->tree = tree_builder_finish(builder);
}

/* ---- Collapsed. ---- */

static void
add_folded(TreeBuilder *builder, const char *stack, size_t length, int64_t value)
{
    uint32_t node = 0;
    const char *end = stack + length;
    while (stack < end) {
        const char *semicolon = memchr(stack, ';', (size_t)(end - stack));
        const char *frame_end = semicolon != NULL ? semicolon : end;
        node = tree_builder_child(builder, node, stack, (size_t)(frame_end - stack));
        stack = semicolon != NULL ? semicolon + 1 : end;
    }
    tree_builder_add(builder, node, value);
}

bool
adhoc_read_collapsed(const char *text, size_t size, AdhocProfile *profile, GError **error)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    Lines lines = {.at = text, .end = text + size};
    const char *line;
    size_t length;
    while (next_line(&lines, &line, &length)) {
        while (length > 0 && g_ascii_isspace(line[length - 1]))
            length--;
        if (length == 0 || line[0] == '#')
            continue;
        size_t space = length;
        while (space > 0 && line[space - 1] != ' ' && line[space - 1] != '\t')
            space--;
        int64_t value;
        if (space < 2 || !read_count(line + space, length - space, &value))
            return fail_line(&lines, "expected frames, a blank and a whole number", error);
        add_folded(builder, line, space - 1, value);
    }
    finish(builder, profile);
    return true;
}

/* ---- perf script. ---- */

typedef struct {
    const char *name;
    size_t length;
} Frame;

/* "  ffffffff8103 symbol+0x12 (module)": the symbol without its offset. */
static bool
read_frame(const char *line, size_t length, Frame *ret_frame)
{
    const char *end = line + length, *at = line;
    while (at < end && g_ascii_isspace(*at))
        at++;
    const char *address = at;
    while (at < end && g_ascii_isxdigit(*at))
        at++;
    if (at == address || at == end || *at != ' ')
        return false;
    at++;
    /* The module stands last, in parentheses, which symbols may have too. */
    const char *module = end;
    for (const char *p = at; p + 1 < end; p++) {
        if (p[0] == ' ' && p[1] == '(')
            module = p;
    }
    const char *name_end = module;
    for (const char *p = at; p + 2 < module; p++) {
        if (p[0] == '+' && p[1] == '0' && p[2] == 'x')
            name_end = p;
    }
    *ret_frame = (Frame){at, (size_t)(name_end - at)};
    return true;
}

/* "comm 123 [000] 1.5: 250000 cycles:u:": the period in front of the event, 1 when there is none.
 */
static int64_t
read_period(const char *line, size_t length)
{
    while (length > 0 && (g_ascii_isspace(line[length - 1]) || line[length - 1] == ':'))
        length--;
    while (length > 0 && !g_ascii_isspace(line[length - 1]))
        length--;
    while (length > 0 && g_ascii_isspace(line[length - 1]))
        length--;
    size_t end = length;
    while (length > 0 && g_ascii_isdigit(line[length - 1]))
        length--;
    int64_t period;
    return read_count(line + length, end - length, &period) ? period : 1;
}

/* Frames come leaf first. */
static void
add_sample(TreeBuilder *builder, const GArray *frames, int64_t period)
{
    uint32_t node = 0;
    for (guint i = frames->len; i-- > 0;) {
        const Frame *frame = &g_array_index(frames, Frame, i);
        node = tree_builder_child(builder, node, frame->name, frame->length);
    }
    if (frames->len > 0)
        tree_builder_add(builder, node, period);
}

bool
adhoc_read_perf_script(const char *text, size_t size, AdhocProfile *profile, GError **error)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(Frame));
    Lines lines = {.at = text, .end = text + size};
    int64_t period = 1;
    const char *line;
    size_t length;
    while (next_line(&lines, &line, &length)) {
        bool is_frame = length > 0 && g_ascii_isspace(line[0]);
        Frame frame;
        if (length > 0 && line[0] == '#')
            continue;
        if (is_frame) {
            if (!read_frame(line, length, &frame))
                return fail_line(&lines, "expected an address and a symbol", error);
            g_array_append_val(frames, frame);
            continue;
        }
        add_sample(builder, frames, period);
        g_array_set_size(frames, 0);
        if (length > 0)
            period = read_period(line, length);
    }
    add_sample(builder, frames, period);
    finish(builder, profile);
    return true;
}
