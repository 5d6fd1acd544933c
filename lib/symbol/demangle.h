/* Readable names of C++ (Itanium ABI) and Rust (legacy and v0) symbols.
 *
 * Parameters and return types are left out, template arguments stay, the hash of legacy Rust
 * symbols is dropped, and the pieces into which GCC splits a C++ function (.cold, .part.0) get its
 * name. A C name is not touched: `parse.isra.0` stays. */
#pragma once
#include <glib.h>

/* Longest symbol that is tried and longest result that is accepted; a result grows exponentially
 * with some inputs. Beyond either the name stays as it is. */
#define DEMANGLE_INPUT_MAX  4096
#define DEMANGLE_OUTPUT_MAX 8192

/* Returns the readable form of `name`, held by `scratch` (whose former content is lost), or `name`
 * itself when it is not mangled. Thread-safe. */
const char *demangle_name(const char *name, GString *scratch);
