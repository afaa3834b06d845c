/* SPDX-License-Identifier: MIT */
/* A host's first bytes: the judge is asked with all of them and byte by byte, and must say the same both times. */
#include "agent/opening.h"
#include "agent/settings.h"
#include "protocol/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* A copy of just that size, so that each look beyond the end is seen. */
static enum spipe_opening judge(const uint8_t *data, size_t len, bool is_end, size_t *ret_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    demand(copy != NULL);
    memcpy(copy, data, len);
    enum spipe_opening verdict = spipe_opening_judge(copy, len, is_end, ret_len);
    free(copy);
    demand(verdict == SPIPE_OPENING_TEXT ? *ret_len <= len && *ret_len <= SPIPE_OPENING_TEXT_MAX + 3 : true);
    return verdict;
}

static void parse(const uint8_t *data, size_t len)
{
    struct spipe_configuration asked;
    struct spipe_text ignored;
    struct spipe_settings settings;
    char memory[64];
    char *copy = malloc(len == 0 ? 1 : len);
    demand(copy != NULL);
    memcpy(copy, data, len);
    spipe_text_init(&ignored, memory, sizeof memory);
    spipe_settings_parse_text(copy, len, &asked, &ignored);
    free(copy);
    demand(ignored.len < sizeof memory && memory[ignored.len] == '\0');
    spipe_settings_apply(&settings, &asked, 4000);
    uint32_t period_us = settings.applied.cpu_period_us;
    demand(period_us >= SPIPE_PERIOD_MIN_US && period_us <= SPIPE_PERIOD_MAX_US);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t text_len = 0;
    size_t whole_len = 0;
    size_t most = size < 2 * SPIPE_OPENING_TEXT_MAX ? size : 2 * SPIPE_OPENING_TEXT_MAX;
    enum spipe_opening whole = judge(data, most, false, &whole_len);
    enum spipe_opening verdict = SPIPE_OPENING_MORE;
    for (size_t len = 0; len <= most && verdict == SPIPE_OPENING_MORE; len++)
        verdict = judge(data, len, false, &text_len);
    demand(verdict == whole && (verdict != SPIPE_OPENING_TEXT || text_len == whole_len));
    if (most > 0 && whole == SPIPE_OPENING_MORE)
        demand(judge(data, most, true, &text_len) != SPIPE_OPENING_MORE);
    parse(data, size);
    return 0;
}
