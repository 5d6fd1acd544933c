/* Who needs a Secret. Internal to analyzers/checks. */
#pragma once
#include "analyzers/checks/check.h"

/* The controllers of a namespace whose pods need a Secret (a volume or a variable) that a finding
 * says will not come: that it is missing there is the consequence. "" for none. */
void secret_users_add(const CheckRun *run, Finding *finding, const char *ns, const char *secret);
