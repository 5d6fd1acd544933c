#include "tests/unit/server/ingest/format/read_back.h"

#include <inttypes.h>

#include "lib/pprof/decode.h"
#include "tests/harness/check.h"

const TenantLimits TEST_LIMITS = {.body_limit_mb = 16,
                                  .profile_bytes_max = 1024 * 1024,
                                  .samples_max = 1000,
                                  .sample_labels_max = 20,
                                  .stack_depth_max = 100,
                                  .symbol_length_max = 1000,
                                  .label_names_max = 30,
                                  .label_name_length_max = 100,
                                  .label_value_length_max = 2000};

ProfileSource
test_source(const char *app)
{
    return (ProfileSource){
        .app = app, .sample_rate = 100, .time_ns = 7, .duration_ns = 3, .limits = &TEST_LIMITS};
}

static void
put_string(GString *out, const Profile *profile, uint32_t string)
{
    g_string_append_len(out, profile->strings[string].data, profile->strings[string].length);
}

static void
put_type(GString *out, const Profile *profile, const ProfileValueType *type)
{
    put_string(out, profile, type->type);
    g_string_append_c(out, ':');
    put_string(out, profile, type->unit);
}

static void
put_location(GString *out, const Profile *profile, const ProfileLocation *location)
{
    if (location->n_lines == 0)
        g_string_append_printf(out, "0x%" PRIx64, location->address);
    for (uint32_t i = location->n_lines; i-- > 0;) {
        const ProfileLine *line = &profile->lines[location->first_line + i];
        put_string(out, profile, profile->functions[line->function].name);
        if (line->line != 0)
            g_string_append_printf(out, ":%" PRId64, line->line);
        if (i > 0)
            g_string_append_c(out, ';');
    }
}

static void
put_sample(GString *out, const Profile *profile, uint32_t at)
{
    const ProfileSample *sample = &profile->samples[at];
    for (uint32_t i = sample->n_locations; i-- > 0;) {
        uint32_t location = profile->stack_locations[sample->first_location + i];
        put_location(out, profile, &profile->locations[location]);
        if (i > 0)
            g_string_append_c(out, ';');
    }
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        g_string_append_printf(out, " %" PRId64,
                               profile->values[(size_t)at * profile->n_sample_types + i]);
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const ProfileLabel *label = &profile->labels[sample->first_label + i];
        g_string_append(out, i == 0 ? " {" : ",");
        put_string(out, profile, label->key);
        g_string_append_c(out, '=');
        put_string(out, profile, label->str);
    }
    g_string_append(out, sample->n_labels > 0 ? "}\n" : "\n");
}

static void
put_profile(GString *out, const SetProfile *from)
{
    g_autoptr(Arena) arena = arena_new(64 * 1024 * 1024);
    const PprofInput input = {.data = from->pprof->data, .size = from->pprof->len, .arena = arena};
    Profile profile;
    g_autoptr(GError) error = NULL;
    pprof_decode(&input, &profile, &error);
    assert_no_error(error);
    for (guint i = 0; i < from->labels->len; i++) {
        const Label *label = &g_array_index(from->labels, Label, i);
        g_string_append_printf(out, "%s%s=%s", i > 0 ? " " : "", label->name, label->value);
    }
    g_string_append_c(out, '\n');
    for (uint32_t i = 0; i < profile.n_sample_types; i++) {
        put_type(out, &profile, &profile.sample_types[i]);
        g_string_append_c(out, ' ');
    }
    if (profile.has_period_type) {
        g_string_append(out, "per ");
        put_type(out, &profile, &profile.period_type);
        g_string_append_printf(out, " %" PRId64 " ", profile.period);
    }
    g_string_append_printf(out, "at %" PRId64 "+%" PRId64 "\n", profile.time_ns,
                           profile.duration_ns);
    for (uint32_t i = 0; i < profile.n_samples; i++)
        put_sample(out, &profile, i);
}

char *
read_back(const ProfileSet *set)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < set->profiles->len; i++)
        put_profile(out, &g_array_index(set->profiles, SetProfile, i));
    return g_string_free(out, FALSE);
}
