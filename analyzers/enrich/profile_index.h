/* Which profiles are those of the objects of findings. SDKs and agents label them differently: by
 * pod, by container id, by the name of a service, by node. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"
#include "analyzers/telemetry/profile_series.h"

typedef struct {
    Arena *arena;
    ProfileSeriesList list; /* of the last hours */
    char *matchers;         /* of the cluster; "" when profiles have no such label */
} ProfileIndex;

void profile_index_clear(ProfileIndex *index);
/* Asks the back end; false with the reason in *ret_why (free with g_free). */
bool profile_index_ask(Enquiry *enquiry, ProfileIndex *ret_index, char **ret_why);

/* Profiles of one type. */
typedef struct {
    const char *type;
    char *labels;      /* matchers: namespace="shop",pod=~"web-1|web-2" */
    char *service;     /* service_name that all of them have; "" */
    const char *pod;   /* the label that has the pod; NULL: they were found by another one */
    char *surrounding; /* the matchers without that of the pod; "" */
} ProfileTarget;

void profile_target_clear(ProfileTarget *target);
/* The profiles of what a finding is about, of the first of `types` (NULL at the end) that there
 * is. */
bool profile_index_find(const ProfileIndex *index, const CheckRun *run, const Finding *finding,
                        const char *const *types, ProfileTarget *ret_target);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProfileIndex, profile_index_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProfileTarget, profile_target_clear)
