/* Facts of Jobs that the checks of CronJobs ask for as well. */
#pragma once
#include "analyzers/checks/check.h"

/* When it completed or failed for good; 0: it has not. */
int64_t job_finished(const Object *job, bool *ret_is_failed);
/* Adds what the newest failed pod of a Job says to the evidence; returns it as sentences, each with
 * a space before it, "" for none. Free with g_free. */
char *job_failure(const CheckRun *run, Finding *finding, const Object *job);
