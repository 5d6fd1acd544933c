#include "server/api/finding_cursor.h"

#include <string.h>

#include "lib/base/error.h"

enum { WORD_MAJOR, WORD_MINOR, WORD_CLUSTER, WORD_FINGERPRINT, WORD_TENANT, WORDS };

char *
finding_cursor_text(const FindingPlace *place)
{
    g_autofree char *cluster = g_uri_escape_string(place->cluster, NULL, FALSE),
                    *fingerprint = g_uri_escape_string(place->fingerprint, NULL, FALSE),
                    *tenant = g_uri_escape_string(place->tenant, NULL, FALSE);
    g_autofree char *words =
        g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s %s", place->major,
                        place->minor, cluster, fingerprint, tenant);
    /* base64url without padding (RFC 4648, section 5) */
    char *text = g_base64_encode((const guchar *)words, strlen(words));
    *strchrnul(text, '=') = '\0';
    return g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
}

/* The words of a text, not yet unescaped; NULL when it is none. */
static GStrv
split(const char *text)
{
    if (text[strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_")] != '\0')
        return NULL;
    g_autofree char *standard = g_strconcat(text, &"==="[3 - (4 - strlen(text) % 4) % 4], NULL);
    g_strdelimit(g_strdelimit(standard, "-", '+'), "_", '/');
    gsize size;
    g_autofree guchar *bytes = g_base64_decode(standard, &size);
    g_autofree char *words = g_strndup((const char *)bytes, size);
    return strlen(words) == size ? g_strsplit(words, " ", -1) : NULL;
}

static bool
unescape(GStrv words)
{
    for (size_t i = WORD_CLUSTER; i < WORDS; i++) {
        char *plain = g_uri_unescape_string(words[i], NULL);
        if (plain == NULL)
            return false;
        g_free(words[i]);
        words[i] = plain;
    }
    return true;
}

bool
finding_cursor_read(const char *text, FindingCursor *ret_cursor, GError **error)
{
    *ret_cursor = (FindingCursor){0};
    if (text == NULL)
        return true;
    g_auto(GStrv) words = split(text);
    FindingPlace place;
    if (words == NULL || g_strv_length(words) != WORDS ||
        !g_ascii_string_to_signed(words[WORD_MAJOR], 10, 0, G_MAXINT64, &place.major, NULL) ||
        !g_ascii_string_to_signed(words[WORD_MINOR], 10, 0, G_MAXINT64, &place.minor, NULL) ||
        !unescape(words))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter cursor is no text that an answer had as next");
    place.cluster = words[WORD_CLUSTER];
    place.fingerprint = words[WORD_FINGERPRINT];
    place.tenant = words[WORD_TENANT];
    *ret_cursor = (FindingCursor){place, g_steal_pointer(&words)};
    return true;
}

void
finding_cursor_clear(FindingCursor *cursor)
{
    g_clear_pointer(&cursor->words, g_strfreev);
}
