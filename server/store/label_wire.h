/* Label sets in the log and in blocks: v number of pairs, then name and value of each as texts. */
#pragma once
#include "server/store/labels.h"
#include "server/store/wire.h"

void wire_put_labels(Wire *wire, const Labels *labels);
/* NULL when they are cut or hold a NUL. */
Labels *scan_labels(Scan *scan);
