/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <string.h>

/* Field numbers of Configuration in profile.proto. */
enum field {
    FIELD_CPU_PERIOD = 3,
    FIELD_WALL_PERIOD = 4,
    FIELD_ALLOCATION = 5,
    FIELD_MAX_DEPTH = 6,
    FIELD_FLUSH = 7,
    FIELD_BUFFER = 8,
    FIELD_BUDGET = 14
};

void spipe_settings_add_unmet(struct spipe_settings *settings, uint32_t field_number, const char *text)
{
    if (settings->unmet_count < SPIPE_SETTINGS_UNMET_MAX)
        settings->unmet[settings->unmet_count++] = (struct spipe_unmet){field_number, text};
}

static void clamp(struct spipe_settings *settings, uint32_t *value, uint32_t fallback, uint32_t min, uint32_t max,
                  uint32_t field_number, const char *text)
{
    if (*value == 0)
        *value = fallback;
    if (*value >= min && *value <= max)
        return;
    *value = *value < min ? min : max;
    spipe_settings_add_unmet(settings, field_number, text);
}

void spipe_settings_apply(struct spipe_settings *settings, const struct spipe_configuration *asked, uint32_t tick_us)
{
    struct spipe_configuration *applied = &settings->applied;
    uint32_t default_period_us = tick_us > SPIPE_PERIOD_DEFAULT_US ? tick_us : SPIPE_PERIOD_DEFAULT_US;
    memset(settings, 0, sizeof *settings);
    *applied = *asked;
    applied->token = "";

    clamp(settings, &applied->cpu_period_us, default_period_us, SPIPE_PERIOD_MIN_US, SPIPE_PERIOD_MAX_US,
          FIELD_CPU_PERIOD, "the period is outside 50 us to 4 s; the nearest is used");
    clamp(settings, &applied->max_depth, SPIPE_DEPTH_DEFAULT, 1, SPIPE_DEPTH_MAX, FIELD_MAX_DEPTH,
          "at most 2048 frames are kept");
    clamp(settings, &applied->flush_interval_ms, SPIPE_FLUSH_DEFAULT_MS, SPIPE_FLUSH_MIN_MS, SPIPE_FLUSH_MAX_MS,
          FIELD_FLUSH, "the flush interval is outside 5 ms to 1 s; the nearest is used");
    clamp(settings, &applied->buffer_kib, SPIPE_BUFFER_DEFAULT_KIB, SPIPE_BUFFER_MIN_KIB, SPIPE_BUFFER_MAX_KIB,
          FIELD_BUFFER, "the buffer is outside 1 MiB to 256 MiB; the nearest is used");
    clamp(settings, &applied->budget_ppm, SPIPE_BUDGET_DEFAULT_PPM, SPIPE_BUDGET_MIN_PPM, SPIPE_BUDGET_NONE_PPM, FIELD_BUDGET,
          "the budget is outside 0.01 % to 100 %; the nearest is used");
    if (applied->wall_period_us != 0)
        clamp(settings, &applied->wall_period_us, 0, SPIPE_WALL_PERIOD_MIN_US, SPIPE_WALL_PERIOD_MAX_US,
              FIELD_WALL_PERIOD, "the wall-clock period is outside 1 ms to 4 s; the nearest is used");
    if (applied->allocation_bytes != 0)
        spipe_settings_add_unmet(settings, FIELD_ALLOCATION, "this agent has no allocation sampling");
    applied->allocation_bytes = 0;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void spipe_settings_hash(const struct spipe_settings *settings, const char *mechanism, uint8_t *ret_hash)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = mix(hash, &settings->applied.cpu_period_us, sizeof settings->applied.cpu_period_us);
    hash = mix(hash, &settings->applied.max_depth, sizeof settings->applied.max_depth);
    hash = mix(hash, mechanism, strlen(mechanism));
    if (settings->applied.wall_period_us != 0)
        hash = mix(hash, &settings->applied.wall_period_us, sizeof settings->applied.wall_period_us);
    memcpy(ret_hash, &hash, sizeof hash);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool begins_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool ends_value(char byte)
{
    return byte == ' ' || byte == ',' || byte == ';' || byte == '}' || byte == ']' || byte == '"' || byte == '\t' ||
           byte == '\r' || byte == '\n';
}

static bool is_word(const char *word, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(word, name, len) == 0;
}

static bool set_word(struct spipe_configuration *asked, const char *word, size_t len, uint64_t number)
{
    uint32_t value = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    if (is_word(word, len, "rate"))
        asked->cpu_period_us = value == 0 ? 0 : value > 1000000 ? 1 : 1000000 / value;
    else if (is_word(word, len, "period_us"))
        asked->cpu_period_us = value;
    else if (is_word(word, len, "depth"))
        asked->max_depth = value;
    else if (is_word(word, len, "flush_ms"))
        asked->flush_interval_ms = value;
    else if (is_word(word, len, "stop_after_ms"))
        asked->stop_after_ms = value;
    else if (is_word(word, len, "buffer_kib"))
        asked->buffer_kib = value;
    else if (is_word(word, len, "budget_ppm"))
        asked->budget_ppm = value;
    else
        return false;
    return true;
}

/* A number, and nothing behind it but a fraction. */
static bool take_value(const char **cursor, const char *end, uint64_t *ret_number)
{
    const char *at = *cursor;
    if (!spipe_text_take_number(&at, end, 10, ret_number))
        return false;
    if (at < end && *at == '.')
        at++;
    while (at < end && is_digit(*at))
        at++;
    *cursor = at;
    return at == end || ends_value(*at);
}

/* What stands where a number should: a text in quotes, or all up to the next blank. */
static void skip_value(const char **cursor, const char *end, bool is_quoted)
{
    while (*cursor < end && (is_quoted ? **cursor != '"' : !ends_value(**cursor)))
        (*cursor)++;
    if (is_quoted && *cursor < end)
        (*cursor)++;
}

/* What stands between a name and its number: =, or ": in JSON. True when a quote is open behind it. */
static bool skip_joint(const char **cursor, const char *end)
{
    const char *at = *cursor;
    bool is_quoted = false;
    if (at < end && *at == '"')
        at++;
    while (at < end && *at == ' ')
        at++;
    if (at == end || (*at != '=' && *at != ':'))
        return false;
    at++;
    while (at < end && (*at == ' ' || *at == '"'))
        is_quoted = *at++ == '"';
    *cursor = at;
    return is_quoted;
}

static void note_ignored(struct spipe_text *ignored, const char *word, size_t len)
{
    if (ignored->len > 0)
        spipe_text_add(ignored, " ");
    spipe_text_add_bytes(ignored, word, len);
}

void spipe_settings_parse_text(const char *text, size_t len, struct spipe_configuration *ret_asked,
                               struct spipe_text *ignored)
{
    const char *at = text;
    const char *end = text + len;
    memset(ret_asked, 0, sizeof *ret_asked);
    ret_asked->token = "";
    while (at < end) {
        const char *word = at;
        while (at < end && (begins_word(*at) || (at > word && is_digit(*at))))
            at++;
        size_t word_len = (size_t)(at - word);
        if (word_len == 0) {
            at++;
            continue;
        }
        uint64_t number;
        bool is_quoted = skip_joint(&at, end);
        if (!take_value(&at, end, &number) || !set_word(ret_asked, word, word_len, number)) {
            note_ignored(ignored, word, word_len);
            skip_value(&at, end, is_quoted);
        }
    }
}
