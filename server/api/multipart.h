/* multipart/form-data bodies (RFC 7578), without copying. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *name, *filename; /* filename is NULL when the part has none */
    const uint8_t *data;   /* into the body */
    size_t size;
} MultipartPart;

/* The parts of a body, an array of MultipartPart that frees them. INVALID_ARGUMENT when the body
 * is not what the boundary promises. */
GArray *multipart_parse(const uint8_t *body, size_t size, const char *boundary, GError **error);

/* The file part called `name`, or NULL. */
const MultipartPart *multipart_find_file(const GArray *parts, const char *name);
