/* Option files: keys and values in the order of their lines, or an error that names the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/option_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
visit(void *user, const char *key, const char *const *texts, size_t n_texts, size_t line,
      GError **error)
{
    (void)error;
    size_t *last = user;
    if (line < *last || !g_utf8_validate(key, -1, NULL))
        abort();
    *last = line;
    for (size_t i = 0; i < n_texts; i++) {
        if (!g_utf8_validate(texts[i], -1, NULL))
            abort();
    }
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        exit(1);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    size_t line = 1;
    bool is_ok = option_file_read(path, visit, &line, &error);
    if (is_ok != (error == NULL) || (error != NULL && !g_str_has_prefix(error->message, path)))
        abort();
    close(fd);
    return 0;
}
