/* SPDX-License-Identifier: MIT */
#include "record_wishes.h"

#include "complain.h"

#include "protocol/endpoint.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define RATE_MIN_HZ     0.01
#define RATE_MAX_HZ     1e6
#define WALL_RATE_MAX_HZ 1000.0
#define WALL_PERIOD_USUAL_US 20000u
/* CPU samples, which show where threads run, are taken no less often than this in a wall-clock recording. */
#define WALL_CPU_PERIOD_US 10000u
#define DURATION_MIN_NS 1000000u
/* stop_after_ms has 32 bits. */
#define DURATION_MAX_NS (4294967u * UINT64_C(1000000000))
#define BUFFER_MIN      (64u << 10)
#define BUFFER_MAX      (UINT64_C(1024) << 30)
#define AUDIT_MAX       1000000000u
#define BUDGET_MIN_PERCENT 0.01
#define BUDGET_MAX_PERCENT 100.0
#define PPM_PER_PERCENT 1e4

static int read_children(const struct spipe_options *options, bool *ret_follows)
{
    const char *children = spipe_options_text(options, "children", "ignore");
    *ret_follows = strcmp(children, "follow") == 0;
    if (*ret_follows || strcmp(children, "ignore") == 0) {
        return 0;
    }
    return spipe_options_complain(options->verb, "--children: '%s' is neither follow nor ignore", children);
}

/* Others than sockets cannot be listened at. */
static int read_endpoint(const struct spipe_options *options, const char **ret_text)
{
    const char *text = spipe_options_text(options, "endpoint", NULL);
    if (text != NULL) {
        struct spipe_endpoint endpoint;
        const char *message = NULL;
        int status = spipe_endpoint_parse(text, getenv("TMPDIR"), &endpoint, &message);
        if (status != 0) {
            return spipe_options_complain(options->verb, "--endpoint: '%s': %s", text,
                                          message != NULL ? message : spipe_status_message(status));
        }
        if (endpoint.kind != SPIPE_ENDPOINT_SOCKET) {
            return spipe_options_complain(
                options->verb, "--endpoint: '%s' is nothing to listen at; pipe:NAME and unix:/PATH are", text);
        }
    }
    *ret_text = text;
    return 0;
}

/* Threads are looked at as often as was asked for; CPU samples are at least as frequent. */
static void set_wall_clock(struct spipe_configuration *configuration)
{
    uint32_t asked_us = configuration->cpu_period_us;
    configuration->wall_period_us = asked_us != 0 ? asked_us : WALL_PERIOD_USUAL_US;
    if (asked_us == 0 || asked_us > WALL_CPU_PERIOD_US) {
        configuration->cpu_period_us = 0;
    }
}

static int read_clock(const struct spipe_options *options, bool *ret_is_wall)
{
    const char *clock = spipe_options_text(options, "clock", "cpu");
    *ret_is_wall = strcmp(clock, "wall") == 0;
    if (*ret_is_wall || strcmp(clock, "cpu") == 0) {
        return 0;
    }
    return spipe_options_complain(options->verb, "--clock: '%s' is neither cpu nor wall", clock);
}

static bool read_numbers(const struct spipe_options *options, bool is_wall, struct spipe_configuration *configuration)
{
    double rate_hz = 0;
    uint64_t duration_ns = 0;
    uint64_t buffer = 0;
    uint64_t audit = 0;
    double budget_percent = 0;
    if (!spipe_options_real(options, "rate", RATE_MIN_HZ, is_wall ? WALL_RATE_MAX_HZ : RATE_MAX_HZ, &rate_hz) ||
        !spipe_options_seconds(options, "duration", DURATION_MIN_NS, DURATION_MAX_NS, &duration_ns) ||
        !spipe_options_size(options, "buffer", BUFFER_MIN, BUFFER_MAX, &buffer) ||
        !spipe_options_count(options, "audit", 1, AUDIT_MAX, &audit) ||
        !spipe_options_real(options, "budget", BUDGET_MIN_PERCENT, BUDGET_MAX_PERCENT, &budget_percent)) {
        return false;
    }
    configuration->cpu_period_us = rate_hz > 0 ? (uint32_t)(1e6 / rate_hz + 0.5) : 0;
    if (is_wall) {
        set_wall_clock(configuration);
    }
    configuration->stop_after_ms = (uint32_t)((duration_ns + 500000u) / 1000000u);
    configuration->buffer_kib = (uint32_t)((buffer + 1023u) / 1024u);
    configuration->audit_interval = (uint32_t)audit;
    configuration->budget_ppm = (uint32_t)(budget_percent * PPM_PER_PERCENT + 0.5);
    return true;
}

int spipe_record_wishes_read(const struct spipe_options *options, struct spipe_record_wishes *ret_wishes)
{
    struct spipe_record_wishes wishes = {
        .output = spipe_options_text(options, "output", "stackpipe.spipe"),
        .quiet = spipe_options_has(options, "quiet"),
        .argv = options->operand,
    };
    bool is_wall = false;
    int code = read_children(options, &wishes.configuration.follow_children);
    if (code == 0) {
        code = read_clock(options, &is_wall);
    }
    if (code == 0) {
        code = read_endpoint(options, &wishes.endpoint);
    }
    if (code == 0 && wishes.output[0] == '\0') {
        code = spipe_options_complain(options->verb, "--output: a name is missing");
    }
    if (code == 0 && !read_numbers(options, is_wall, &wishes.configuration)) {
        code = SPIPE_EXIT_USAGE;
    }
    if (code == 0) {
        *ret_wishes = wishes;
    }
    return code;
}
