/* What the exit status of a container means. */
#pragma once
#include <stdint.h>

/* "command not found", "killed (SIGKILL)" … ; "an error of the program" for what only the program
 * knows. Shell conventions: 126, 127, and 128 and the number of a signal (signal(7)). */
const char *exit_code_text(int64_t code);
