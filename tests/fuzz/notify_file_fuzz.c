/* Files of --notify-file: an error that names the file, or receivers that each change finds, now or
 * at the end of quiet hours. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzers/notify/notify_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WEEK_S = 7 * 24 * 60 * 60 };

static void
check_routing(const NotifyConfig *config)
{
    static const char *const namespaces[] = {"", "shop", "payments-eu"};
    const int64_t now_s = 1769860800;
    const Routing routing = notify_config_routing(config);
    for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++) {
        const Incident incident = {.check = "pod-unschedulable",
                                   .kind = "Pod",
                                   .ns = namespaces[i],
                                   .name = "web",
                                   .severity = (Severity)i};
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        routing.find(routing.data, &incident, names);
        for (guint at = 0; at < names->len; at++) {
            int64_t due_s = routing.due(routing.data, &incident, names->pdata[at], now_s);
            if (notify_config_find(config, names->pdata[at]) == NULL || due_s < now_s ||
                due_s > now_s + WEEK_S)
                abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char others[] = "_file"; /* of the machine are not read */
    if (memmem(data, size, others, strlen(others)) != NULL)
        return 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        exit(1);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(NotifyConfig) config = notify_config_load(path, "prod", &error);
    if ((config != NULL) != (error == NULL) ||
        (error != NULL && strstr(error->message, path) == NULL))
        abort();
    if (config != NULL)
        check_routing(config);
    close(fd);
    return 0;
}
