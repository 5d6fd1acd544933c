/* Files of --silences: an error that names the file, or rules that cover a finding until they
 * expire, and then never again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzers/checks/check.h"
#include "analyzers/checks/silence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rules(const Silences *silences)
{
    static const CheckRow check = {.id = "pod-unschedulable"};
    static const int64_t times_s[] = {0, 1769860800, INT64_MAX};
    Object object = {.kind = KIND_POD, .ns = "shop", .name = "web"};
    Finding finding = {.check = &check, .object = &object};
    bool was_covered = true;
    for (size_t i = 0; i < G_N_ELEMENTS(times_s); i++) {
        g_autoptr(GPtrArray) expired = silences_expired(silences, times_s[i]);
        for (guint at = 0; at < expired->len; at++) {
            if (!g_utf8_validate(expired->pdata[at], -1, NULL))
                abort();
        }
        bool is_covered = silences_cover(silences, &finding, times_s[i]);
        if (is_covered && !was_covered)
            abort();
        was_covered = is_covered;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        exit(1);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(Silences) silences = silences_load(path, &error);
    if ((silences != NULL) != (error == NULL) ||
        (error != NULL && strstr(error->message, path) == NULL))
        abort();
    if (silences != NULL)
        check_rules(silences);
    close(fd);
    return 0;
}
