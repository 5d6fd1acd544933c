/* Whether single objects are there now, by the API of a cluster. */
#pragma once
#include "analyzers/collect/snapshot.h"
#include "lib/k8s/client.h"
#include "lib/k8s/discovery.h"

enum {
    LOOKUPS_MAX = 100, /* of one snapshot; what is asked beyond them is as the lists say */
    LOOKUP_TIMEOUT_S = 10,
};

/* The snapshot asks the API from now on (snapshot_lookup): for a list of the one object of that
 * name, at the newest version, which wants no other right than the list of all. Each object is
 * asked for once; after a first failure nothing is asked any more, and nobody knows. `client` is
 * borrowed for as long as the snapshot lives, `discovery` is taken. */
void lookup_open(Snapshot *snapshot, K8sClient *client, Discovery *discovery);
