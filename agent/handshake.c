/* SPDX-License-Identifier: MIT */
#include "handshake.h"

#include "clock.h"
#include "control.h"
#include "descriptors.h"
#include "log.h"
#include "opening.h"
#include "outbox.h"
#include "protocol/status.h"
#include "settings.h"
#include "user.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
/* While the program waits for us it must not be held by a full backlog. */
#define CONNECT_MS 500u
/* Hosts with a starved thread pool answer late; after this nobody will. */
#define OPENING_NS (30000 * NS_PER_MS)
#define TEXT_SILENCE_NS (500 * NS_PER_MS)
#define REFUSAL_NS (200 * NS_PER_MS)
#define POLL_MS 50u
#define REFUSAL_OUTBOX 8192u

enum verdict { VERDICT_WAIT, VERDICT_SESSION, VERDICT_LEAVE };

void spipe_handshake_init(struct spipe_handshake *handshake)
{
    const struct spipe_environment *environment = &spipe_control.environment;
    const char *message = NULL;
    const char *folder = environment->temporary_folder[0] == '\0' ? NULL : environment->temporary_folder;
    int status = spipe_endpoint_parse(environment->endpoint, folder, &handshake->endpoint, &message);
    handshake->has_endpoint = status == 0;
    handshake->is_retry = false;
    if (status < 0) {
        spipe_log("the endpoint cannot be used", message != NULL ? message : spipe_status_message(status));
        memset(&handshake->endpoint, 0, sizeof handshake->endpoint);
        handshake->endpoint.read_handle = -1;
        handshake->endpoint.write_handle = -1;
    }
}

void spipe_handshake_refuse(struct spipe_handshake *handshake, const char *text)
{
    spipe_log("refused the host", text);
    if (handshake->is_text)
        return;
    struct spipe_outbox *outbox = spipe_outbox_new(REFUSAL_OUTBOX);
    if (outbox == NULL)
        return;
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {SPIPE_PROTOCOL_MAJOR, text}};
    uint64_t end_ns = spipe_clock_monotonic_ns() + REFUSAL_NS;
    uint32_t events;
    int status = spipe_outbox_put(outbox, spipe_preface, SPIPE_PREFACE_LEN);
    if (status == 0)
        status = spipe_outbox_put_record(outbox, &record);
    while (status == 0 && spipe_outbox_fill(outbox) > 0 && spipe_clock_monotonic_ns() < end_ns) {
        status = spipe_outbox_write(outbox, &handshake->pipe);
        if (status == 0 && spipe_outbox_fill(outbox) > 0)
            (void)spipe_pipe_wait(&handshake->pipe, SPIPE_PIPE_WRITABLE, -1, POLL_MS, &events);
    }
    spipe_outbox_free(outbox);
}

/* A launcher that made a token wants a host that knows it; text and silence carry none. */
static bool needs_token(void)
{
    if (spipe_control.environment.token[0] == '\0')
        return false;
    spipe_log("the host does not know the token", "it sent a text, or nothing");
    return true;
}

static void init_reader(struct spipe_handshake *handshake)
{
    spipe_message_reader_init(&handshake->reader, handshake->reader_memory, sizeof handshake->reader_memory,
                              SPIPE_HOST_MESSAGE_MAX);
}

static void take_words(struct spipe_handshake *handshake, const char *text, size_t len)
{
    struct spipe_text ignored;
    spipe_text_init(&ignored, handshake->ignored, sizeof handshake->ignored);
    spipe_settings_parse_text(text, len, &handshake->asked, &ignored);
}

static enum verdict take_text(struct spipe_handshake *handshake, const char *text, size_t len)
{
    if (needs_token())
        return VERDICT_LEAVE;
    handshake->is_text = true;
    take_words(handshake, text, len);
    /* Room for what the host says later, which is read and forgotten. */
    init_reader(handshake);
    return VERDICT_SESSION;
}

/* The host will not speak: what the environment says, or the defaults. */
static enum verdict take_silence(struct spipe_handshake *handshake)
{
    const char *config = spipe_control.environment.config;
    if (needs_token())
        return VERDICT_LEAVE;
    handshake->is_input_over = true;
    take_words(handshake, config, strlen(config));
    return VERDICT_SESSION;
}

static enum verdict take_configuration(struct spipe_handshake *handshake)
{
    struct spipe_bytes message;
    struct spipe_host_record record;
    const char *token = spipe_control.environment.token;
    int status = spipe_message_reader_next(&handshake->reader, &message);
    if (status == SPIPE_E_AGAIN)
        return VERDICT_WAIT;
    if (status == 0)
        status = spipe_decode_host_record(message, &handshake->arena, &record);
    if (status < 0) {
        spipe_handshake_refuse(handshake, status == SPIPE_E_LIMIT
                                              ? "the first message is longer than a host's may be"
                                              : "the first message cannot be decoded");
        return VERDICT_LEAVE;
    }
    if (record.kind != SPIPE_HOST_RECORD_CONFIGURATION) {
        spipe_handshake_refuse(handshake, "the first message is not a configuration");
        return VERDICT_LEAVE;
    }
    if (token[0] != '\0' && strcmp(token, record.configuration.token) != 0) {
        spipe_handshake_refuse(handshake, "the configuration's token is not the one that the agent was started with");
        return VERDICT_LEAVE;
    }
    handshake->asked = record.configuration;
    handshake->asked.token = "";
    return VERDICT_SESSION;
}

static enum verdict judge(struct spipe_handshake *handshake, bool is_end, bool *is_protobuf)
{
    struct spipe_message_reader *reader = &handshake->reader;
    const uint8_t *bytes = reader->memory + reader->start;
    size_t text_len;
    uint8_t major;
    if (*is_protobuf)
        return take_configuration(handshake);
    switch (spipe_opening_judge(bytes, reader->end - reader->start, is_end, &text_len)) {
    case SPIPE_OPENING_MORE: return VERDICT_WAIT;
    case SPIPE_OPENING_PROTOBUF:
        (void)spipe_message_reader_preface(reader, &major);
        *is_protobuf = true;
        return take_configuration(handshake);
    case SPIPE_OPENING_OTHER_MAJOR:
        spipe_handshake_refuse(handshake, "the host speaks another major version; this agent speaks 1");
        break;
    case SPIPE_OPENING_NO_PREFACE: spipe_handshake_refuse(handshake, "the host did not begin with the preface"); break;
    case SPIPE_OPENING_TEXT: return take_text(handshake, (const char *)bytes, text_len);
    }
    return VERDICT_LEAVE;
}

/* Reads what is there. 0, SPIPE_E_AGAIN, or SPIPE_E_END and others when no more will come. */
static int read_some(struct spipe_handshake *handshake)
{
    size_t room;
    size_t len = 0;
    void *space = spipe_message_reader_space(&handshake->reader, &room);
    int status = spipe_pipe_read(&handshake->pipe, space, room, &len);
    if (status == 0)
        spipe_message_reader_fed(&handshake->reader, len);
    return status;
}

/* Silence ends a text, but not a preface that comes in pieces. */
static bool is_preface_so_far(const struct spipe_message_reader *reader)
{
    size_t len = reader->end - reader->start;
    return len < SPIPE_PREFACE_LEN && memcmp(reader->memory + reader->start, spipe_preface, len) == 0;
}

static enum verdict await_words(struct spipe_handshake *handshake)
{
    uint64_t now_ns = spipe_clock_monotonic_ns();
    uint64_t end_ns = now_ns + OPENING_NS;
    uint64_t silent_since_ns = now_ns;
    bool is_protobuf = false;
    bool has_spoken = false;
    while ((atomic_load(&spipe_control.requests) & SPIPE_REQUEST_LEAVE) == 0 && now_ns < end_ns) {
        int status = read_some(handshake);
        now_ns = spipe_clock_monotonic_ns();
        bool is_end = status < 0 && status != SPIPE_E_AGAIN;
        if (is_end && !has_spoken)
            return status == SPIPE_E_END ? take_silence(handshake) : VERDICT_LEAVE;
        if (status == 0) {
            silent_since_ns = now_ns;
            has_spoken = true;
        }
        bool is_silent = has_spoken && now_ns - silent_since_ns >= TEXT_SILENCE_NS &&
                         !is_preface_so_far(&handshake->reader);
        handshake->is_input_over = is_end;
        enum verdict verdict = has_spoken ? judge(handshake, is_end || is_silent, &is_protobuf) : VERDICT_WAIT;
        if (verdict != VERDICT_WAIT)
            return verdict;
        if (is_end)
            break;
        uint32_t events;
        if (status == SPIPE_E_AGAIN)
            (void)spipe_pipe_wait(&handshake->pipe, SPIPE_PIPE_READABLE, -1, POLL_MS, &events);
    }
    spipe_log("the host did not send a configuration", now_ns >= end_ns ? "no answer within 30 s" : NULL);
    return VERDICT_LEAVE;
}

static bool is_trusted(const struct spipe_handshake *handshake)
{
    struct spipe_peer peer;
    if (spipe_pipe_peer(&handshake->pipe, &peer) < 0)
        return false;
    return !peer.known || peer.user_id == 0 || peer.user_id == spipe_user_effective_id();
}

static bool connect_pipe(struct spipe_handshake *handshake)
{
    int status = spipe_pipe_connect(&handshake->endpoint, CONNECT_MS, &handshake->pipe);
    if (status < 0) {
        if (!handshake->is_retry)
            spipe_log("cannot connect", spipe_status_message(status));
        return false;
    }
    spipe_descriptors_note(&handshake->pipe);
    if (is_trusted(handshake))
        return true;
    spipe_log("the host belongs to another user", NULL);
    spipe_pipe_close(&handshake->pipe);
    return false;
}

bool spipe_handshake_run(struct spipe_handshake *handshake)
{
    if (!handshake->has_endpoint || !connect_pipe(handshake))
        return false;
    init_reader(handshake);
    spipe_arena_init(&handshake->arena, handshake->arena_memory, sizeof handshake->arena_memory);
    memset(&handshake->asked, 0, sizeof handshake->asked);
    handshake->asked.token = "";
    handshake->is_text = false;
    handshake->is_input_over = false;
    if (await_words(handshake) == VERDICT_SESSION)
        return true;
    spipe_pipe_close(&handshake->pipe);
    return false;
}
