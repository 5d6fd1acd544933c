/* When objects were last written, and by whom (metadata.managedFields). */
#pragma once
#include "analyzers/collect/snapshot.h"

/* When somebody last wrote what is wanted of an object: not its status, and not the controller
 * manager, which keeps its own notes there; its creation when nobody has since, 0 when that is not
 * known. *ret_manager (may be NULL): who did, "" when it is not said. */
int64_t object_changed_s(const Object *object, const char **ret_manager);
/* When anybody last wrote anything of it, for objects that controllers keep; likewise. */
int64_t object_written_s(const Object *object);
