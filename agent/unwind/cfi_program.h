/* The interpreter of CFI programs (DWARF 5, section 6.4.2, and the GNU extensions). */
#pragma once
#include "agent/unwind/cfi.h"

/* Runs a CIE's program on `state`; `common` has its factors, section properties already set. */
bool cfi_program_run_initial(const CfiCommon *common, CfiState *state);
