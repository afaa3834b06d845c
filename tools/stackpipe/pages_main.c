/* SPDX-License-Identifier: MIT */
/*
 * Built and run while building only: prints a man page ("man" and, for a verb's, its name) or the completion
 * ("completion").
 */
#include "help.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "completion") == 0) {
        spipe_completion_write(stdout);
    } else if (argc == 2 && strcmp(argv[1], "man") == 0) {
        spipe_man_write(NULL, SPIPE_VERSION, stdout);
    } else if (argc == 3 && strcmp(argv[1], "man") == 0 && spipe_verb_find(argv[2]) != NULL) {
        spipe_man_write(spipe_verb_find(argv[2]), SPIPE_VERSION, stdout);
    } else {
        return SPIPE_EXIT_USAGE;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? SPIPE_EXIT_OK : SPIPE_EXIT_FAILED;
}
