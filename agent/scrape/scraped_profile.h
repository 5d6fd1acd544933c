/* From the body of an answer to a profile that can be sent: unpacked within bounds, checked, and of
 * types that count from the start of the program what came since the last one. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/scrape/scrape_result.h"
#include "agent/scrape/scrape_target.h"
#include "lib/net/http_client.h"
#include "lib/pprof/delta.h"

/* Below the limits of 16,000 samples and 4 MiB (max_profile_stacktrace_samples,
 * max_profile_size_bytes) that Pyroscope has. */
#define SCRAPED_PROFILE_SAMPLES_MAX 15000
#define SCRAPED_PROFILE_BYTES_MAX   (7 * 512 * 1024)

/* Reads the reply, whose status is 200, of a target. Sets `out` to the plain pprof that is to be
 * sent; it is empty where there is nothing to send. `delta` is NULL for types without cumulative
 * values. Of a result that is a failure *error says more. */
ScrapeResult scraped_profile_read(const ScrapeTarget *target, PprofDelta *delta,
                                  const HttpClientReply *reply, GByteArray *out, GError **error);

/* Called for each part; borrowed. */
typedef void (*ScrapedPartFunc)(const uint8_t *pprof, size_t size, void *data);

/* Hands a plain pprof over in parts that servers accept. False when a part is too large still, as
 * its functions and mappings are: those parts are left out, *ret_dropped counts their samples. */
bool scraped_profile_split(const GByteArray *pprof, ScrapedPartFunc func, void *data,
                           uint64_t *ret_dropped);
