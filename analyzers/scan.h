/* cresset-analyzer scan: one look at a cluster. */
#pragma once

/* `argv[0]` is the program. Returns its exit status: 0 nothing at or above --fail-on, 1 findings, 2
 * it could not run. */
int scan_main(int argc, char **argv);
