/* SPDX-License-Identifier: MIT */
#include "text_dialect.h"

#include "files.h"
#include "frame_names.h"
#include "greeting.h"
#include "protocol/system_linux.h"
#include "protocol/wire_text.h"

#include <string.h>

#define LINE_SIZE (64u * 1024u)
/* Each byte of a text takes at most six, as \u001f; behind the last frame the line's end has to fit. */
#define QUOTED_MAX(len) (6u * (size_t)(len) + 16u)
#define FRAME_NAME_ROOM QUOTED_MAX(512u)
#define CLEAN_SIZE 8192u

static char line_memory[LINE_SIZE];
static _Alignas(16) unsigned char clean_memory[CLEAN_SIZE];

static void add_escaped(struct spipe_text *line, const char *byte)
{
    unsigned char code = (unsigned char)*byte;
    if (code < 0x20) {
        spipe_text_add(line, code < 0x10 ? "\\u000" : "\\u00");
        spipe_text_add_hex(line, code);
        return;
    }
    if (code == '"' || code == '\\')
        spipe_text_add(line, "\\");
    spipe_text_add_bytes(line, byte, 1);
}

/* Names of threads and files may hold any byte, JSON may not. */
static void add_quoted(struct spipe_text *line, const char *text)
{
    struct spipe_arena arena;
    spipe_arena_init(&arena, clean_memory, sizeof clean_memory);
    const char *clean = spipe_wire_text_clean(text, &arena);
    spipe_text_add(line, "\"");
    for (; clean != NULL && *clean != '\0'; clean++)
        add_escaped(line, clean);
    spipe_text_add(line, "\"");
}

static void add_number(struct spipe_text *line, const char *name, uint64_t number)
{
    spipe_text_add(line, name);
    spipe_text_add_number(line, number);
}

static void put_line(struct spipe_session *session, struct spipe_text *line)
{
    spipe_text_add(line, "\n");
    if (session->failure == 0)
        session->failure = spipe_outbox_put(session->outbox, line->data, line->len);
}

/* The words are letters, digits and underscores, parted by blanks. */
static void add_ignored(struct spipe_text *line, const char *ignored)
{
    spipe_text_add(line, ",\"ignored\":[");
    for (const char *word = ignored; *word != '\0';) {
        size_t len = strcspn(word, " ");
        spipe_text_add(line, word == ignored ? "\"" : ",\"");
        spipe_text_add_bytes(line, word, len);
        spipe_text_add(line, "\"");
        word += word[len] == ' ' ? len + 1 : len;
    }
    spipe_text_add(line, "]");
}

void spipe_text_dialect_hello(struct spipe_session *session, const char *ignored)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    spipe_text_add(&line, "{\"hello\":{\"agent\":\"stackpipe " SPIPE_VERSION "\"");
    add_number(&line, ",\"pid\":", (uint64_t)spipe_system(SYS_getpid));
    spipe_text_add(&line, ",\"executable\":");
    add_quoted(&line, spipe_greeting_executable());
    add_number(&line, ",\"period_us\":", session->settings.applied.cpu_period_us);
    spipe_text_add(&line, ",\"mechanism\":");
    add_quoted(&line, spipe_sampler_mechanism_name(session->mechanism));
    add_ignored(&line, ignored);
    spipe_text_add(&line, "}}");
    put_line(session, &line);
}

/* A stack that is too long for its line ends with "...", so that every line is whole. */
static void add_stack(struct spipe_text *line, const uint64_t *address, uint32_t depth)
{
    const char *before = "";
    spipe_text_add(line, ",\"stack\":[");
    for (uint32_t i = 0; i < depth; i++) {
        bool has_room = line->capacity - line->len >= FRAME_NAME_ROOM;
        const char *name = has_room ? spipe_frame_names_get(address[i]) : "...";
        if (name[0] == '\0')
            continue;
        spipe_text_add(line, before);
        add_quoted(line, name);
        before = ",";
        if (!has_room)
            break;
    }
    spipe_text_add(line, "]");
}

void spipe_text_dialect_sample(struct spipe_session *session, const struct spipe_slot *slot,
                               const struct spipe_raw_sample *sample, const uint64_t *address, uint32_t depth)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    add_number(&line, "{\"sample\":{\"time_us\":", spipe_session_time(session, sample->time_ns));
    add_number(&line, ",\"tid\":", (uint64_t)slot->tid);
    spipe_text_add(&line, ",\"thread\":");
    add_quoted(&line, slot->name);
    add_number(&line, ",\"weight_us\":", sample->weight * session->period_ns / 1000u);
    add_stack(&line, address, depth);
    spipe_text_add(&line, "}}");
    put_line(session, &line);
    session->samples_sent++;
}

void spipe_text_dialect_goodbye(struct spipe_session *session, enum spipe_goodbye_reason reason, uint64_t dropped)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    spipe_text_add(&line, "{\"goodbye\":{\"reason\":");
    add_quoted(&line, spipe_goodbye_reason_name(reason));
    add_number(&line, ",\"samples_sent\":", session->samples_sent);
    add_number(&line, ",\"samples_dropped\":", dropped);
    spipe_text_add(&line, "}}");
    put_line(session, &line);
}
