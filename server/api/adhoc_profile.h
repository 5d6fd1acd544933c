/* A file that somebody has, as a tree of stacks: pprof (compressed or not), a flamebearer document,
 * collapsed stacks, or the output of perf script. The format is told by the content. */
#pragma once
#include "server/query/tree.h"

typedef struct {
    GStrv types;       /* names of the values that the file has; at least one */
    char *type, *unit; /* those of the tree */
    Tree *tree;
} AdhocProfile;

/* Reads the values called `type` (NULL: those that the file shows first). `size` is the caller's to
 * bound, and `size_max` what a compressed file may unfold to. INVALID_ARGUMENT says where the file
 * is wrong, or that it has no such values. */
bool adhoc_profile_read(const uint8_t *data, size_t size, size_t size_max, const char *type,
                        AdhocProfile *ret_profile, GError **error);
void adhoc_profile_clear(AdhocProfile *profile);

/* The readers of the text formats; `text` is valid UTF-8. Each fills type, unit and tree. */
bool adhoc_read_collapsed(const char *text, size_t size, AdhocProfile *profile, GError **error);
bool adhoc_read_perf_script(const char *text, size_t size, AdhocProfile *profile, GError **error);
bool adhoc_read_flamebearer(const char *text, size_t size, AdhocProfile *profile, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AdhocProfile, adhoc_profile_clear)
