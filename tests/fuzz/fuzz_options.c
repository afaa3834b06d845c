/* SPDX-License-Identifier: MIT */
/* Any words as a command line, for each verb. The first byte chooses the verb; NULs part the words. */
#include "tools/stackpipe/numbers.h"
#include "tools/stackpipe/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The complaints are not what is looked for. The fuzzer itself has kept the stream that it reports to. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "w");
    return stderr == NULL;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void ask_for_everything(const struct spipe_options *options)
{
    for (size_t i = 0; i < options->verb->option_count; i++) {
        const char *name = options->verb->option[i].name;
        uint64_t number = 7;
        double real = 7;
        require(spipe_options_has(options, name) == options->given[i]);
        if (options->verb->option[i].argument == NULL)
            continue;
        require(spipe_options_text(options, name, "none") != NULL);
        if (spipe_options_count(options, name, 1, 100, &number))
            require(number >= 1 && number <= 100);
        if (spipe_options_real(options, name, 0.5, 100, &real))
            require(real >= 0.5 && real <= 100);
        number = 4096;
        if (spipe_options_size(options, name, 4096, 1u << 30, &number))
            require(number >= 4096 && number <= 1u << 30);
        number = 1000;
        if (spipe_options_seconds(options, name, 1000, 1000000000, &number))
            require(number >= 1000 && number <= 1000000000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *word[WORDS_MAX + 1] = {NULL};
    int count = 0;
    if (size < 2)
        return 0;
    const struct spipe_verb *verb = &spipe_verbs[data[0] % spipe_verb_count];
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    word[count++] = (char *)(uintptr_t)verb->name;
    for (size_t at = 0; at < size && count < WORDS_MAX; at += strlen(text + at) + 1)
        word[count++] = text + at;
    struct spipe_options options;
    if (spipe_options_parse(verb, count, word, &options) == SPIPE_OPTIONS_RUN) {
        require(options.operand_count <= count && options.operand[options.operand_count] == NULL);
        ask_for_everything(&options);
    }
    free(text);
    return 0;
}
