/* profile_deltas TYPE,TYPE INTERVAL_NS FILE[@START_NS]...: the deltas between successive pprof
 * files of one target. Each file that has one gets it beside it as FILE.delta; a line for each says
 * the kind, or "error: " and what is wrong. */
#include <stdio.h>
#include <string.h>

#include "lib/pprof/delta.h"

static const char *const KINDS[] = {
    [PPROF_DELTA_FIRST] = "first",
    [PPROF_DELTA_CHANGED] = "changed",
    [PPROF_DELTA_RESET] = "reset",
    [PPROF_DELTA_EMPTY] = "empty",
};

static bool
next(PprofDelta *delta, PprofDeltaInput input, const char *file, GError **error)
{
    g_autofree char *data = NULL;
    if (!g_file_get_contents(file, &data, &input.size, error))
        return false;
    input.profile = (const uint8_t *)data;
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) problem = NULL;
    PprofDeltaKind kind;
    if (!pprof_delta_next(delta, &input, out, &kind, &problem)) {
        printf("error: %s\n", problem->message);
        return true;
    }
    puts(KINDS[kind]);
    g_autofree char *path = g_strconcat(file, ".delta", NULL);
    return out->len == 0 || g_file_set_contents(path, (const char *)out->data, out->len, error);
}

int
main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: profile_deltas TYPE,TYPE INTERVAL_NS FILE[@START_NS]...\n");
        return 2;
    }
    g_auto(GStrv) types = g_strsplit(argv[1], ",", -1);
    PprofDeltaInput input = {.interval_ns = g_ascii_strtoll(argv[2], NULL, 10)};
    g_autoptr(PprofDelta) delta = pprof_delta_new((const char *const *)types);
    for (int i = 3; i < argc; i++) {
        g_auto(GStrv) file = g_strsplit(argv[i], "@", 2);
        input.start_ns = file[1] != NULL ? g_ascii_strtoll(file[1], NULL, 10) : 0;
        g_autoptr(GError) error = NULL;
        if (!next(delta, input, file[0], &error)) {
            fprintf(stderr, "profile_deltas: %s\n", error->message);
            return 1;
        }
    }
    return 0;
}
