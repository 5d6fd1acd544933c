/* Builds the reply to one request: lines whose equal strings are kept once, names demangled. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/symbol/symbol_line.h"
#include "lib/symbolize/message.h"

typedef struct ReplyBuilder ReplyBuilder;

ReplyBuilder *reply_builder_new(void);
void reply_builder_free(ReplyBuilder *builder);

/* Begins the reply to a request of `n_addresses`, all of them without lines yet. */
void reply_builder_begin(ReplyBuilder *builder, uint32_t n_addresses);
/* Gives the next address (they come in order) its lines. Over the size limit of a reply it stays
 * without. */
void reply_builder_add(ReplyBuilder *builder, const SymbolLine *lines, size_t n_lines);
/* Returns the whole reply, valid until the next begin. */
const GByteArray *reply_builder_finish(ReplyBuilder *builder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReplyBuilder, reply_builder_free)
