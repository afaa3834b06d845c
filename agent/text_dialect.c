/* SPDX-License-Identifier: MIT */
#include "text_dialect.h"

#include "dynamic_symbol.h"
#include "files.h"
#include "greeting.h"
#include "images.h"
#include "protocol/system_linux.h"

#include <string.h>

#define LINE_SIZE (64u * 1024u)
#define FRAMES_MAX 512u

static char line_memory[LINE_SIZE];

static void add_quoted(struct spipe_text *line, const char *text)
{
    spipe_text_add(line, "\"");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            spipe_text_add(line, "\\");
            spipe_text_add_bytes(line, text, 1);
        } else if (byte < 0x20) {
            spipe_text_add(line, byte < 0x10 ? "\\u000" : "\\u00");
            spipe_text_add_hex(line, byte);
        } else {
            spipe_text_add_bytes(line, text, 1);
        }
    }
    spipe_text_add(line, "\"");
}

static void add_member(struct spipe_text *line, const char *name, uint64_t number)
{
    spipe_text_add(line, ",\"");
    spipe_text_add(line, name);
    spipe_text_add(line, "\":");
    spipe_text_add_number(line, number);
}

static void put_line(struct spipe_session *session, struct spipe_text *line)
{
    spipe_text_add(line, "\n");
    if (!line->cut && session->failure == 0)
        session->failure = spipe_outbox_put(session->outbox, line->data, line->len);
}

void spipe_text_dialect_hello(struct spipe_session *session, size_t ignored_count)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    spipe_text_add(&line, "{\"hello\":{\"agent\":\"stackpipe " SPIPE_VERSION "\"");
    add_member(&line, "pid", (uint64_t)spipe_system(SYS_getpid));
    spipe_text_add(&line, ",\"executable\":");
    add_quoted(&line, spipe_greeting_executable());
    add_member(&line, "period_us", session->settings.applied.cpu_period_us);
    spipe_text_add(&line, ",\"mechanism\":");
    add_quoted(&line, spipe_sampler_mechanism_name(session->mechanism));
    add_member(&line, "ignored_words", ignored_count);
    spipe_text_add(&line, "}}");
    put_line(session, &line);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void add_frame(struct spipe_text *line, uint64_t address)
{
    char name[SPIPE_TEXT_NAME_MAX];
    const struct spipe_code_range *range = spipe_code_map_find(spipe_images_code_map(), address);
    const struct spipe_loaded_image *image = range == NULL ? NULL : spipe_images_of_range(range);
    struct spipe_text text;
    spipe_text_init(&text, name, sizeof name);
    if (image == NULL) {
        spipe_text_add(&text, "0x");
        spipe_text_add_hex(&text, address);
    } else if (!spipe_dynamic_symbol_find(image, address, &text)) {
        spipe_text_add(&text, base_name(image->path));
        spipe_text_add(&text, "+0x");
        spipe_text_add_hex(&text, address - image->start);
    }
    add_quoted(line, name);
}

void spipe_text_dialect_sample(struct spipe_session *session, const struct spipe_slot *slot,
                               const struct spipe_raw_sample *sample, const uint64_t *address, uint32_t depth)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    spipe_text_add(&line, "{\"sample\":{\"time_us\":");
    spipe_text_add_number(&line, spipe_session_time(session, sample->time_ns));
    add_member(&line, "tid", (uint64_t)slot->tid);
    spipe_text_add(&line, ",\"thread\":");
    add_quoted(&line, slot->name);
    add_member(&line, "weight_us", (uint64_t)sample->weight * session->settings.applied.cpu_period_us);
    spipe_text_add(&line, ",\"stack\":[");
    for (uint32_t i = 0; i < depth && i < FRAMES_MAX; i++) {
        if (i > 0)
            spipe_text_add(&line, ",");
        add_frame(&line, address[i]);
    }
    spipe_text_add(&line, "]}}");
    put_line(session, &line);
    session->samples_sent++;
}

void spipe_text_dialect_goodbye(struct spipe_session *session, enum spipe_goodbye_reason reason, uint64_t dropped)
{
    struct spipe_text line;
    spipe_text_init(&line, line_memory, sizeof line_memory);
    spipe_text_add(&line, "{\"goodbye\":{\"reason\":");
    add_quoted(&line, spipe_goodbye_reason_name(reason));
    add_member(&line, "samples_sent", session->samples_sent);
    add_member(&line, "samples_dropped", dropped);
    spipe_text_add(&line, "}}");
    put_line(session, &line);
}
