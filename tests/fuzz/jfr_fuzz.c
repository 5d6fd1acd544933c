/* Recordings of the JDK Flight Recorder; the first two bytes are the size of the labels in front of
 * the recording. */
#include "server/ingest/format/jfr.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n_labels = MIN(data[0] | (size_t)data[1] << 8, size - 2);
    g_autofree uint8_t *labels = g_memdup2(data + 2, n_labels);
    g_autofree uint8_t *recording = g_memdup2(data + 2 + n_labels, size - 2 - n_labels);
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    bool ok = jfr_read((JfrInput){recording, size - 2 - n_labels}, (JfrInput){labels, n_labels},
                       &FORMAT_SOURCE, set, &error);
    if (ok != (error == NULL))
        abort();
    format_check(set);
    return 0;
}
