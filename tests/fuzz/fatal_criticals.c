/* Linked with every fuzz target: what GLib calls critical, a wrong use of a function, is a finding.
 */
#include <glib.h>

static void __attribute__((constructor)) make_criticals_fatal(void)
{
    g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
}
