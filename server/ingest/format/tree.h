/* Profiles as trees in the binary form of older Pyroscope agents. Nodes stand in pre-order, each as
 *
 *   varint length of the name, name, varint value, varint number of children
 *
 * In a tree a node is a frame, and its value is what was counted in it and not in its children. In
 * a trie the names along a path together are a folded stack with ';' between the frames, which
 * nodes may split anywhere. Both begin with one root, whose name is usually empty. */
#pragma once
#include "server/ingest/format/profile_set.h"

/* Each reads one profile into `set`; one without values is no profile. INVALID_ARGUMENT names the
 * byte, or the limit. */
bool tree_read(const uint8_t *data, size_t size, const ProfileSource *source, ProfileSet *set,
               GError **error);
bool trie_read(const uint8_t *data, size_t size, const ProfileSource *source, ProfileSet *set,
               GError **error);
