#include "analyzers/catalog.h"

#include <errno.h>
#include <stdio.h>

#include "analyzers/report/check_page.h"
#include "lib/base/error.h"
#include "lib/base/nearest.h"

static const OptionRow catalog_rows[] = {
    {"write", OPTION_STRING, "", 0, 0, "DIR",
     "Write a page about each check, and a list of them, into this folder instead.",
     offsetof(CatalogOptions, write)},
};

const OptionTable catalog_option_table = {
    .program = "cresset-analyzer checks",
    .summary = "Lists every check.",
    .rows = catalog_rows,
    .n_rows = G_N_ELEMENTS(catalog_rows),
};

const OptionTable explain_option_table = {
    .program = "cresset-analyzer explain",
    .summary = "Says what a check looks for, and what to do about it.",
};

static bool
write_page(const char *dir, const char *name, char *text, GError **error)
{
    g_autofree char *file = g_strconcat(name, ".md", NULL);
    g_autofree char *path = g_build_filename(dir, file, NULL);
    bool ok = g_file_set_contents(path, text, -1, error);
    g_free(text);
    return ok;
}

static bool
write_pages(const char *dir, GError **error)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    if (g_mkdir_with_parents(dir, 0755) != 0)
        return error_set_errno(error, errno, "cannot create %s", dir);
    bool ok = write_page(dir, "README", check_page_list(), error);
    for (size_t i = 0; ok && i < n; i++)
        ok = write_page(dir, rows[i]->id, check_page(rows[i]), error);
    return ok;
}

static void
list_checks(void)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    for (size_t i = 0; i < n; i++)
        (void)printf("%-34s %-9s %d  %s\n", rows[i]->id, severity_name(rows[i]->severity),
                     rows[i]->tier, rows[i]->symptom);
}

int
catalog_run(const void *data, const char *argument)
{
    const CatalogOptions *options = data;
    g_autoptr(GError) error = NULL;
    (void)argument;
    if (options->write[0] == '\0') {
        list_checks();
        return EXIT_NOTHING;
    }
    if (write_pages(options->write, &error))
        return EXIT_NOTHING;
    (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return EXIT_NOT_RUN;
}

int
explain_run(const void *options, const char *argument)
{
    (void)options;
    const CheckRow *row = check_find(argument);
    if (row != NULL) {
        g_autofree char *page = check_page(row);
        (void)fputs(page, stdout);
        return EXIT_NOTHING;
    }
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    g_autofree const char **ids = g_new0(const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = rows[i]->id;
    int nearest = nearest_name(argument, ids, n);
    (void)fprintf(
        stderr,
        "cresset-analyzer: there is no check '%s'%s%s; `cresset-analyzer checks` lists them\n",
        argument, nearest >= 0 ? ", but there is " : "", nearest >= 0 ? ids[nearest] : "");
    return EXIT_NOT_RUN;
}
