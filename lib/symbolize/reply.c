#include "lib/symbolize/reply.h"

#include <string.h>

#include "lib/symbol/demangle.h"

enum { NAME_MAX_BYTES = 16 * 1024 };

struct ReplyBuilder {
    GArray *counts; /* uint32_t */
    GArray *lines;  /* MessageLine */
    GByteArray *strings;
    GHashTable *offsets; /* text (own copy) → offset in strings */
    GHashTable *names;   /* raw name (own copy) → offset of the demangled one */
    GString *scratch;
    uint32_t n_addresses;
    GByteArray *reply;
};

ReplyBuilder *
reply_builder_new(void)
{
    ReplyBuilder *builder = g_new0(ReplyBuilder, 1);
    builder->counts = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    builder->lines = g_array_new(FALSE, FALSE, sizeof(MessageLine));
    builder->strings = g_byte_array_new();
    builder->offsets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    builder->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    builder->scratch = g_string_new(NULL);
    builder->reply = g_byte_array_new();
    return builder;
}

void
reply_builder_free(ReplyBuilder *builder)
{
    if (builder == NULL)
        return;
    g_array_unref(builder->counts);
    g_array_unref(builder->lines);
    g_byte_array_unref(builder->strings);
    g_hash_table_unref(builder->offsets);
    g_hash_table_unref(builder->names);
    g_string_free(builder->scratch, TRUE);
    g_byte_array_unref(builder->reply);
    g_free(builder);
}

static uint32_t
add_string(ReplyBuilder *builder, const char *text)
{
    size_t length = strnlen(text, NAME_MAX_BYTES);
    g_autofree char *valid = g_utf8_validate(text, (gssize)length, NULL)
                                 ? g_strndup(text, length)
                                 : g_utf8_make_valid(text, (gssize)length);
    gpointer known;
    if (g_hash_table_lookup_extended(builder->offsets, valid, NULL, &known))
        return GPOINTER_TO_UINT(known);
    uint32_t offset = builder->strings->len;
    g_byte_array_append(builder->strings, (const guint8 *)valid, (guint)strlen(valid) + 1);
    g_hash_table_insert(builder->offsets, g_steal_pointer(&valid), GUINT_TO_POINTER(offset));
    return offset;
}

static uint32_t
add_readable(ReplyBuilder *builder, const char *name)
{
    gpointer known;
    if (g_hash_table_lookup_extended(builder->names, name, NULL, &known))
        return GPOINTER_TO_UINT(known);
    uint32_t offset = add_string(builder, demangle_name(name, builder->scratch));
    g_hash_table_insert(builder->names, g_strdup(name), GUINT_TO_POINTER(offset));
    return offset;
}

void
reply_builder_begin(ReplyBuilder *builder, uint32_t n_addresses)
{
    g_array_set_size(builder->counts, 0);
    g_array_set_size(builder->lines, 0);
    g_byte_array_set_size(builder->strings, 0);
    g_hash_table_remove_all(builder->offsets);
    g_hash_table_remove_all(builder->names);
    builder->n_addresses = n_addresses;
    add_string(builder, "");
}

void
reply_builder_add(ReplyBuilder *builder, const SymbolLine *lines, size_t n_lines)
{
    size_t used = sizeof(MessageReplyHead) + builder->n_addresses * sizeof(uint32_t) +
                  builder->lines->len * sizeof(MessageLine) + builder->strings->len;
    size_t most = n_lines * (sizeof(MessageLine) + 3 * (size_t)(NAME_MAX_BYTES + 1) * 3);
    uint32_t count = used + most <= MESSAGE_REPLY_MAX ? (uint32_t)n_lines : 0;
    g_array_append_val(builder->counts, count);
    for (uint32_t i = 0; i < count; i++) {
        MessageLine line = {.name = add_readable(builder, lines[i].name),
                            .system_name = add_string(builder, lines[i].name),
                            .file = add_string(builder, lines[i].file),
                            .line = lines[i].line,
                            .start_line = lines[i].start_line};
        g_array_append_val(builder->lines, line);
    }
}

const GByteArray *
reply_builder_finish(ReplyBuilder *builder)
{
    g_array_set_size(builder->counts, builder->n_addresses);
    MessageReplyHead head = {.magic = MESSAGE_MAGIC,
                             .n_addresses = builder->n_addresses,
                             .n_lines = builder->lines->len,
                             .strings_size = builder->strings->len};
    g_byte_array_set_size(builder->reply, 0);
    g_byte_array_append(builder->reply, (const guint8 *)&head, sizeof(head));
    g_byte_array_append(builder->reply, (const guint8 *)builder->counts->data,
                        builder->counts->len * (guint)sizeof(uint32_t));
    g_byte_array_append(builder->reply, (const guint8 *)builder->lines->data,
                        builder->lines->len * (guint)sizeof(MessageLine));
    g_byte_array_append(builder->reply, builder->strings->data, builder->strings->len);
    return builder->reply;
}
