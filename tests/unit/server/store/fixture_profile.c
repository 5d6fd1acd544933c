#include <string.h>
#include <xxhash.h>

#include "tests/unit/server/store/fixture.h"

uint64_t
fixture_path_hash(uint64_t above, const char *name, size_t length)
{
    return (above * 0x9E3779B97F4A7C15ull) ^ XXH3_64bits(name, length);
}

static ProfileString
text_of(char *text)
{
    return (ProfileString){text, (uint32_t)strlen(text)};
}

/* Strings: "", file, build id, function names. */
static void
make_functions(Profile *profile, const FixtureShape *shape)
{
    profile->n_strings = shape->n_functions + 3;
    profile->strings = g_new0(ProfileString, profile->n_strings);
    profile->strings[0] = text_of(g_strdup(""));
    profile->strings[1] = text_of(g_strdup("/usr/bin/program"));
    profile->strings[2] = text_of(g_strdup("0123456789abcdef"));
    profile->n_functions = shape->n_functions;
    profile->functions = g_new0(ProfileFunction, shape->n_functions);
    for (uint32_t i = 0; i < shape->n_functions; i++) {
        profile->strings[3 + i] = text_of(g_strdup_printf("%s%u", shape->prefix, i));
        profile->functions[i] = (ProfileFunction){i + 1, 3 + i, 3 + i, 1, 10};
    }
    profile->n_mappings = 1;
    profile->mappings = g_new0(ProfileMapping, 1);
    profile->mappings[0] = (ProfileMapping){.id = 1,
                                            .start = 0x400000,
                                            .limit = 0x500000,
                                            .filename = 1,
                                            .build_id = 2,
                                            .has_functions = true};
}

/* Two locations per function: one of its own, one with the next function inlined into it. */
static void
make_locations(Profile *profile, const FixtureShape *shape)
{
    uint32_t n = shape->n_functions;
    profile->n_locations = 2 * n;
    profile->locations = g_new0(ProfileLocation, 2 * n);
    profile->n_lines = 3 * n;
    profile->lines = g_new0(ProfileLine, 3 * n);
    for (uint32_t i = 0; i < n; i++) {
        profile->lines[3 * i] = (ProfileLine){i, 20};
        profile->lines[3 * i + 1] = (ProfileLine){(i + 1) % n, 21};
        profile->lines[3 * i + 2] = (ProfileLine){i, 22};
        for (uint32_t j = 0; j < 2; j++) {
            uint64_t address = shape->has_addresses ? 0x400000 + 32 * i + 16 * j : 0;
            profile->locations[2 * i + j] =
                (ProfileLocation){2 * i + j + 1, address, 0, 3 * i + j, 1 + j, false};
        }
    }
}

static uint64_t
stack_hash(const Profile *profile, const ProfileSample *sample)
{
    uint64_t hash = 0;
    for (uint32_t i = sample->n_locations; i-- > 0;) {
        const ProfileLocation *location =
            &profile->locations[profile->stack_locations[sample->first_location + i]];
        for (uint32_t j = location->n_lines; j-- > 0;) {
            uint32_t function = profile->lines[location->first_line + j].function;
            ProfileString name = profile->strings[profile->functions[function].name];
            hash = fixture_path_hash(hash, name.data, name.length);
        }
    }
    return hash;
}

FixtureProfile *
fixture_profile_new(GRand *random, const FixtureShape *shape)
{
    FixtureProfile *made = g_new0(FixtureProfile, 1);
    Profile *profile = &made->profile;
    make_functions(profile, shape);
    make_locations(profile, shape);
    profile->samples = g_new0(ProfileSample, shape->n_samples + 1);
    profile->n_samples = shape->n_samples;
    profile->stack_locations = g_new0(uint32_t, shape->n_samples * shape->max_depth + 1);
    made->stack_hash = g_new0(uint64_t, shape->n_samples + 1);
    for (uint32_t i = 0; i < shape->n_samples; i++) {
        ProfileSample *sample = &profile->samples[i];
        sample->first_location = profile->n_stack_locations;
        sample->n_locations = (uint32_t)g_rand_int_range(random, 0, (int)shape->max_depth + 1);
        for (uint32_t j = 0; j < sample->n_locations; j++) {
            /* Towards the root the choice narrows, as in real programs. */
            uint32_t choice = MAX(1, profile->n_locations >> MIN(sample->n_locations - 1 - j, 0u));
            choice = MAX(1, MIN(choice, 2 + 8 * (sample->n_locations - j)));
            profile->stack_locations[profile->n_stack_locations++] =
                (uint32_t)g_rand_int_range(random, 0, (int)MIN(choice, profile->n_locations));
        }
        made->stack_hash[i] = stack_hash(profile, sample);
    }
    return made;
}

void
fixture_profile_free(FixtureProfile *made)
{
    Profile *profile = &made->profile;
    for (uint32_t i = 0; i < profile->n_strings; i++)
        g_free((char *)(uintptr_t)profile->strings[i].data);
    g_free(profile->strings);
    g_free(profile->functions);
    g_free(profile->mappings);
    g_free(profile->locations);
    g_free(profile->lines);
    g_free(profile->samples);
    g_free(profile->stack_locations);
    g_free(made->stack_hash);
    g_free(made);
}
