/* What metrics say about findings. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"

/* Adds lines of evidence; one query for all findings that want the same. */
void metric_enrich(Enquiry *enquiry);
