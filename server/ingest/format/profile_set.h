/* What a reader of a format makes of one input: profiles as pprof, each with labels, fit for
 * ingest_push. And what every reader is told. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/store/labels.h"
#include "server/tenant/limits.h"

/* What is known of an input besides its bytes. */
typedef struct {
    const char *app; /* the name of the application, with the suffix that says what is counted */
    int64_t sample_rate; /* samples per second; 0 leaves counts as they are */
    int64_t time_ns, duration_ns;
    const TenantLimits *limits; /* what a profile may hold */
} ProfileSource;

typedef struct {
    GByteArray *pprof; /* uncompressed */
    GArray *labels;    /* Label; strings live in the set */
    const char *id;    /* what tells the profile when it is sent again, or NULL */
} SetProfile;

typedef struct {
    GArray *profiles; /* SetProfile */
    GStringChunk *strings;
    size_t size_bytes; /* of all profiles */
} ProfileSet;

ProfileSet *profile_set_new(void);
void profile_set_free(ProfileSet *set);

/* Takes `pprof`. The profile is valid until the next one is added. */
SetProfile *profile_set_add(ProfileSet *set, GByteArray *pprof);
/* Adds a label, unless the profile has one of this name; both strings are copied. */
void profile_set_label(ProfileSet *set, SetProfile *profile, const char *name, const char *value);
/* A copy of `text` that lives as long as the set. */
const char *profile_set_string(ProfileSet *set, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProfileSet, profile_set_free)
