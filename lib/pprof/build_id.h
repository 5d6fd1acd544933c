/* Build ids of mappings that also say where the source code is, as clients of the Pyroscope API
 * read them: {"repository":…,"git_ref":…,"build_id":…,"root_path":…}. */
#pragma once
#include <glib.h>

/* Where the source code of a program is; NULL or empty what is not known. */
typedef struct {
    const char *repository, *git_ref, *root_path;
} BuildSource;

/* The build id with this source, as JSON; what is empty is left out. A build id that is such JSON
 * already has its source replaced. The caller frees. */
char *build_id_with_source(const char *build_id, const BuildSource *source);
/* The plain build id, of one in either form; the caller frees. */
char *build_id_plain(const char *build_id);
