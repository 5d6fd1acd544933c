/* Replays every file of the corpus folders given as arguments through the fuzz target, so that
 * fuzz findings stay fixed in every ordinary test run, without clang. */
#include <gio/gio.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
replay_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (dir == NULL)
        return 0;
    size_t n_files = 0;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *data = NULL;
        gsize size = 0;
        if (!g_file_get_contents(file, &data, &size, NULL))
            continue;
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        n_files++;
    }
    return n_files;
}

int
main(int argc, char **argv)
{
    size_t n_files = 0;
    for (int i = 1; i < argc; i++)
        n_files += replay_folder(argv[i]);
    printf("replayed %zu inputs\n", n_files);
    return n_files > 0 ? 0 : 1;
}
