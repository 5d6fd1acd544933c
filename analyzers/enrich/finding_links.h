/* Links that somebody has set up for findings: to runbooks, to dashboards, to logs. */
#pragma once
#include "analyzers/checks/check.h"

/* Each is "LABEL: URL". The URL (http or https) may have {cluster}, {check}, {kind}, {namespace},
 * {name}, {fingerprint}, and the time of the trouble as {from} and {until} in milliseconds, which
 * are escaped. NULL is none. INVALID_ARGUMENT that quotes the line. */
bool finding_links_check(const char *const *templates, GError **error);
/* Adds the links to each root finding; one that wants what a finding does not have, as the
 * namespace of a node, is left out. */
void finding_links_add(Findings *findings, const char *const *templates, const CheckOptions *check);
