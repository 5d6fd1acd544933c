#include "tests/unit/lib/pprof/heap_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"

enum { TYPES = 3 };

static const int64_t SECOND_NS = 1000000000;

static void
put_row(PprofBuilder *builder, const char *row)
{
    g_auto(GStrv) words = g_strsplit(row, " ", -1);
    g_auto(GStrv) frames = g_strsplit(words[0], ";", -1);
    uint32_t stack[16], n = g_strv_length(frames);
    for (uint32_t i = 0; i < n; i++) {
        PprofFunction function = {.name = pprof_builder_text(builder, frames[n - 1 - i])};
        PprofLine line = {pprof_builder_function(builder, &function), 10};
        PprofMapping mapping = {.start = 4096, .filename = pprof_builder_text(builder, "/app")};
        PprofLocation location = {.mapping = pprof_builder_mapping(builder, &mapping),
                                  .address = g_str_hash(frames[n - 1 - i]),
                                  .lines = &line,
                                  .n_lines = 1};
        stack[i] = pprof_builder_location(builder, &location);
    }
    PprofLabel label = {.key = pprof_builder_text(builder, "bytes"),
                        .num = g_ascii_strtoll(words[1], NULL, 10)};
    int64_t values[TYPES];
    for (size_t i = 0; i < TYPES; i++)
        values[i] = g_ascii_strtoll(words[2 + i], NULL, 10);
    PprofSample sample = {stack, n, values, &label, 1};
    pprof_builder_sample(builder, &sample);
}

GByteArray *
heap_text_encode(int64_t period, int64_t time_s, const char *rows)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "alloc_objects", "count");
    pprof_builder_sample_type(builder, "alloc_space", "bytes");
    pprof_builder_sample_type(builder, "inuse_space", "bytes");
    g_auto(GStrv) lines = g_strsplit(rows, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '\0')
            put_row(builder, lines[i]);
    }
    pprof_builder_period(builder, "space", "bytes", period);
    pprof_builder_time(builder, time_s * SECOND_NS, 0);
    return pprof_builder_finish(builder);
}

static void
print_sample(const Profile *p, uint32_t sample, GString *text)
{
    const ProfileSample *s = &p->samples[sample];
    for (uint32_t i = s->n_locations; i-- > 0;) {
        const ProfileLocation *location = &p->locations[p->stack_locations[s->first_location + i]];
        const ProfileString *name =
            &p->strings[p->functions[p->lines[location->first_line].function].name];
        g_string_append_len(text, name->data, name->length);
        g_string_append_c(text, i > 0 ? ';' : ' ');
    }
    g_string_append_printf(text, "%" PRId64, p->labels[s->first_label].num);
    for (uint32_t i = 0; i < p->n_sample_types; i++)
        g_string_append_printf(text, " %" PRId64, p->values[sample * p->n_sample_types + i]);
    g_string_append_c(text, '\n');
}

void
heap_text_decode(Arena *arena, const GByteArray *bytes, Profile *ret_profile)
{
    g_autoptr(GError) error = NULL;
    PprofInput input = {.data = bytes->data, .size = bytes->len, .arena = arena};
    assert_int_equal(pprof_decode(&input, ret_profile, &error), PPROF_OK);
}

char *
heap_text_print(const GByteArray *bytes)
{
    GString *text = g_string_new(NULL);
    if (bytes->len > 0) {
        g_autoptr(Arena) arena = arena_new(1 << 20);
        Profile profile;
        heap_text_decode(arena, bytes, &profile);
        g_string_append_printf(text, "%" PRId64 "+%" PRId64 ":\n", profile.time_ns / SECOND_NS,
                               profile.duration_ns / SECOND_NS);
        for (uint32_t i = 0; i < profile.n_samples; i++)
            print_sample(&profile, i, text);
    }
    return g_string_free(text, FALSE);
}
