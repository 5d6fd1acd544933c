/* Quantities of the Kubernetes API: "100m", "1Gi", "1e3", "0.5"
 * (k8s.io/apimachinery/pkg/api/resource, the grammar in its package comment). */
#pragma once
#include <stdbool.h>

/* Reads a whole text as a number of units (cores, bytes, pieces). False when it is no quantity. */
bool quantity_parse(const char *text, double *ret_units);
