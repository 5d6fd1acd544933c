/* What a new revision of a Deployment does differently from the one before, function by function.
 * Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/profile_query.h"

/* Compares the pods of the two newest ReplicaSets of a Deployment that was rolled out within a day,
 * and adds a line about the functions whose share rose. */
void regression_tell(Enquiry *enquiry, const ProfileTarget *target, Finding *finding);
