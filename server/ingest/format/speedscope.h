/* Profiles as speedscope stores them (https://www.speedscope.app/file-format-schema.json): JSON
 * with a table of frames and any number of profiles, each of stacks with weights ("sampled") or of
 * frames that open and close ("evented"). */
#pragma once
#include "server/ingest/format/profile_set.h"

/* Reads every profile of a file into `set`, with its name as label profile_name. Seconds, milli-,
 * micro- and nanoseconds and bytes become the unit of the profile where that is time or bytes;
 * anything else counts 100, as with Pyroscope, and is scaled as counts are. When a file has several
 * profiles, each has its unit in the place of the suffix of source->app.
 *
 * INVALID_ARGUMENT names the first profile that is wrong, and the field; the others are added. */
bool speedscope_read(const uint8_t *text, size_t size, const ProfileSource *source, ProfileSet *set,
                     GError **error);
