#include "analyzers/checks/exit_code.h"

#include <glib.h>

const char *
exit_code_text(int64_t code)
{
    static const struct {
        int64_t code;
        const char *text;
    } texts[] = {
        {0, "it finished"},
        {2, "wrong use of a command or shell"},
        {125, "the command could not be executed"},
        {126, "the command is not executable"},
        {127, "the command was not found"},
        {129, "hung up (SIGHUP)"},
        {130, "interrupted (SIGINT)"},
        {131, "quit (SIGQUIT)"},
        {132, "illegal instruction (SIGILL)"},
        {134, "aborted (SIGABRT)"},
        {135, "bus error (SIGBUS)"},
        {136, "arithmetic error (SIGFPE)"},
        {137, "killed (SIGKILL)"},
        {139, "segmentation fault (SIGSEGV)"},
        {141, "broken pipe (SIGPIPE)"},
        {143, "asked to end (SIGTERM)"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].code == code)
            return texts[i].text;
    }
    return "an error of the program";
}
