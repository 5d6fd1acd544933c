/* A profile in a format that has stacks and numbers and nothing else. What is counted follows from
 * the text behind the last dot of the application's name, as in "shop.alloc_space"; a name without
 * a dot counts CPU samples. */
#pragma once
#include "lib/pprof/encode.h"
#include "server/ingest/format/profile_set.h"

typedef struct CountedProfile CountedProfile;

/* NOT_FOUND "unknown profile type: …" when the suffix is none of the known ones. */
CountedProfile *counted_profile_new(const ProfileSource *source, GError **error);
void counted_profile_free(CountedProfile *profile);

/* For locations: see server/ingest/format/stack.h. */
PprofBuilder *counted_profile_builder(CountedProfile *profile);
/* What a count of one is worth. */
int64_t counted_profile_scale(const CountedProfile *profile);
/* Whether the values are nanoseconds, or bytes. */
bool counted_profile_is_time(const CountedProfile *profile);
bool counted_profile_is_bytes(const CountedProfile *profile);

/* Adds a stack, the leaf first, with `value` in the unit of the profile. INVALID_ARGUMENT when the
 * profile becomes too large. */
bool counted_profile_add(CountedProfile *profile, const uint32_t *locations, size_t n,
                         int64_t value, GError **error);
/* The same for a stack seen `count` times; also INVALID_ARGUMENT when that is too much. */
bool counted_profile_add_count(CountedProfile *profile, const uint32_t *locations, size_t n,
                               uint64_t count, GError **error);

/* Moves what was added into `set`, with the labels __name__ and service_name: the application's
 * name without the suffix. */
SetProfile *counted_profile_finish(CountedProfile *profile, ProfileSet *set);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CountedProfile, counted_profile_free)
