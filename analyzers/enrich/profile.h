/* Where time or memory of unhealthy workloads goes, function by function. Internal to
 * analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"

/* Adds lines of evidence and links to flame graphs. */
void profile_enrich(Enquiry *enquiry);
