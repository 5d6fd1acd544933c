/* Certificate authorities that configurations carry. Internal to analyzers/checks. */
#pragma once
#include <stdint.h>

/* When the last of the certificates of a bundle ends (PEM in base64, as in caBundle), in seconds
 * since 1970; 0 when there is none that can be read. */
int64_t authority_end(const char *base64);
