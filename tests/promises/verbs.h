/* SPDX-License-Identifier: MIT */
/*
 * Target programs with several things to do: the first argument names one.
 */
#ifndef SPIPE_TESTS_PROMISES_VERBS_H
#define SPIPE_TESTS_PROMISES_VERBS_H

#include "../targets/burn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

struct verb {
    const char *name;
    int (*run)(int argc, char **argv); /* with the arguments behind the verb; returns the exit status */
};

static inline int verbs_run(const struct verb *verbs, size_t count, int argc, char **argv)
{
    for (size_t i = 0; i < count && argc > 1; i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0)
            return verbs[i].run(argc - 2, argv + 2);
    }
    fprintf(stderr, "%s: no such verb\n", argv[0]);
    return 99;
}

#define VERBS_MAIN(verbs)                                                                                              \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        return verbs_run((verbs), sizeof(verbs) / sizeof((verbs)[0]), argc, argv);                                     \
    }

#endif
