/* What Loki has of logs that the cluster has no more, and whether errors became more frequent.
 * Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"

void log_enrich(Enquiry *enquiry);
