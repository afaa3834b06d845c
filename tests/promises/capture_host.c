/* SPDX-License-Identifier: MIT */
#include "capture_host.h"

#include "protocol/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* On a busy machine samples cost more, and tests are to have as many as they ask for. */
#define NO_BUDGET 1000000u
#define FINISH_MS 2000
/* Read before a host closes or stands still: more than the greeting. */
#define SOME_BYTES 1024u

struct capture_host {
    struct capture_settings settings;
    char endpoint[160];
    char path[108];
    int listener;
    int wake[2];
    pthread_t thread;
    pid_t pid; /* of a host in a process, or 0 */
    bool is_finished;
    int connection[CAPTURE_SESSIONS_MAX];
    struct capture_session session[CAPTURE_SESSIONS_MAX];
    size_t connection_count;
    size_t session_count;
};

static void fail(const char *what)
{
    fprintf(stderr, "capture_host: %s: %s\n", what, strerror(errno));
    abort();
}

/* --------------------------------------------------------------------------------------------------- what it says */

static void send_all(int connection, const void *bytes, size_t len)
{
    (void)!send(connection, bytes, len, MSG_NOSIGNAL);
}

static void send_configuration(int connection, const struct capture_settings *settings)
{
    static const uint8_t no_message[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3, 4, 5};
    uint8_t bytes[512];
    uint8_t memory[4096];
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, SPIPE_PREFACE_LEN, sizeof bytes};
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION};
    record.configuration.token = settings->manner == CAPTURE_WRONG_TOKEN ? "another" : CAPTURE_TOKEN;
    record.configuration.cpu_period_us = settings->cpu_period_us;
    record.configuration.budget_ppm = NO_BUDGET;
    record.configuration.buffer_kib = settings->buffer_kib;
    record.configuration.reconnect_ms = settings->reconnect_ms;
    memcpy(bytes, spipe_preface, SPIPE_PREFACE_LEN);
    if (settings->manner == CAPTURE_OTHER_MAJOR)
        bytes[SPIPE_PREFACE_LEN - 1] = 9;
    spipe_arena_init(&scratch, memory, sizeof memory);
    if (spipe_encode_host_record(&record, &scratch, &buffer) < 0)
        fail("encode");
    send_all(connection, buffer.data, buffer.len);
    if (settings->manner == CAPTURE_LATER_GARBAGE)
        send_all(connection, no_message, sizeof no_message);
}

static void greet(int connection, const struct capture_settings *settings)
{
    static const uint8_t garbage[] = {0xff, 0xfe, 0,    1,    2,    3,    0x80, 0x81,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (settings->manner == CAPTURE_GARBAGE)
        send_all(connection, garbage, sizeof garbage);
    else if (settings->manner != CAPTURE_SILENT && settings->manner != CAPTURE_HANGS_UP)
        send_configuration(connection, settings);
}

/* ------------------------------------------------------------------------------------------------------- the loop */

static void close_connection(struct capture_host *host, size_t index)
{
    close(host->connection[index]);
    host->connection[index] = -1;
}

static void accept_one(struct capture_host *host)
{
    int connection = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return;
    if (host->connection_count == CAPTURE_SESSIONS_MAX) {
        close(connection);
        return;
    }
    size_t index = host->connection_count;
    host->connection[index] = connection;
    host->connection_count = index + 1;
    greet(connection, &host->settings);
    if (host->settings.manner == CAPTURE_HANGS_UP)
        close_connection(host, index);
}

static void read_one(struct capture_host *host, size_t index)
{
    static __thread uint8_t bytes[65536];
    enum capture_manner manner = host->settings.manner;
    ssize_t got = recv(host->connection[index], bytes, manner == CAPTURE_READS ? sizeof bytes : 256, 0);
    if (got <= 0) {
        close_connection(host, index);
        return;
    }
    capture_session_feed(&host->session[index], bytes, (size_t)got);
    if (host->session[index].len < SOME_BYTES)
        return;
    if (manner == CAPTURE_CLOSES)
        close_connection(host, index);
    else if (manner == CAPTURE_STANDS_STILL)
        raise(SIGSTOP);
}

static bool has_open_connection(const struct capture_host *host)
{
    for (size_t i = 0; i < host->connection_count; i++) {
        if (host->connection[i] >= 0)
            return true;
    }
    return false;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* One round of waiting and serving; true when anything happened. */
static bool serve(struct capture_host *host, int timeout_ms, bool *ret_is_woken)
{
    struct pollfd wait[CAPTURE_SESSIONS_MAX + 2];
    size_t count = host->connection_count;
    bool reads = host->settings.manner != CAPTURE_NEVER_READS;
    wait[0] = (struct pollfd){host->settings.manner == CAPTURE_NEVER_ACCEPTS ? -1 : host->listener, POLLIN, 0};
    wait[1] = (struct pollfd){*ret_is_woken ? -1 : host->wake[0], POLLIN, 0};
    for (size_t i = 0; i < count; i++)
        wait[i + 2] = (struct pollfd){reads ? host->connection[i] : -1, POLLIN, 0};
    if (poll(wait, count + 2, timeout_ms) <= 0)
        return false;
    *ret_is_woken = *ret_is_woken || wait[1].revents != 0;
    for (size_t i = 0; i < count; i++) {
        if (wait[i + 2].revents != 0)
            read_one(host, i);
    }
    if (wait[0].revents != 0)
        accept_one(host);
    return true;
}

static void *run_host(void *argument)
{
    struct capture_host *host = argument;
    bool is_woken = false;
    while (!is_woken)
        (void)serve(host, -1, &is_woken);
    uint64_t end_ms = now_ms() + FINISH_MS;
    while (host->settings.manner == CAPTURE_READS && now_ms() < end_ms) {
        if (!serve(host, has_open_connection(host) ? 20 : 0, &is_woken) && !has_open_connection(host))
            break;
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------------------- start and end */

static struct capture_host *new_host(const char *folder, struct capture_settings settings)
{
    static unsigned number;
    struct capture_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        fail("calloc");
    host->settings = settings;
    snprintf(host->path, sizeof host->path, "%s/host-%u", folder, ++number);
    snprintf(host->endpoint, sizeof host->endpoint, "unix:%s", host->path);
    if (pipe2(host->wake, O_CLOEXEC) < 0)
        fail("pipe2");
    return host;
}

static void listen_on(struct capture_host *host)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", host->path);
    host->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (host->listener < 0 || bind(host->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(host->path, 0777) < 0 || listen(host->listener, 16) < 0)
        fail("listen");
}

struct capture_host *capture_host_start(const char *folder, struct capture_settings settings)
{
    struct capture_host *host = new_host(folder, settings);
    listen_on(host);
    if (pthread_create(&host->thread, NULL, run_host, host) != 0)
        fail("pthread_create");
    return host;
}

struct capture_host *capture_host_start_process(const char *folder, struct capture_settings settings, uid_t user_id)
{
    struct capture_host *host = new_host(folder, settings);
    char ready;
    host->pid = fork();
    if (host->pid == 0) {
        if (user_id != geteuid() && (setgid((gid_t)user_id) < 0 || setuid(user_id) < 0))
            fail("setuid");
        /* Behind the change of user, which would undo it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        listen_on(host);
        (void)!write(host->wake[1], "", 1);
        bool is_woken = true;
        for (;;)
            (void)serve(host, -1, &is_woken);
    }
    if (host->pid < 0 || read(host->wake[0], &ready, 1) != 1)
        fail("start of a host's process");
    host->listener = -1;
    return host;
}

const char *capture_host_endpoint(const struct capture_host *host)
{
    return host->endpoint;
}

const char *capture_host_path(const struct capture_host *host)
{
    return host->path;
}

static void stop(struct capture_host *host)
{
    if (host->pid != 0) {
        kill(host->pid, SIGKILL);
        waitpid(host->pid, NULL, 0);
    } else {
        (void)!write(host->wake[1], "", 1);
        pthread_join(host->thread, NULL);
        close(host->listener);
    }
    close(host->wake[0]);
    close(host->wake[1]);
    unlink(host->path);
    for (size_t i = 0; i < host->connection_count; i++) {
        if (host->connection[i] >= 0)
            close_connection(host, i);
    }
}

/* Connections without a word go to the end, so that the sessions come first. */
static void read_sessions(struct capture_host *host)
{
    for (size_t i = 0; i < host->connection_count; i++) {
        if (host->session[i].len == 0)
            continue;
        struct capture_session session = host->session[i];
        host->session[i] = host->session[host->session_count];
        host->session[host->session_count] = session;
        capture_session_read(&host->session[host->session_count++]);
    }
}

size_t capture_host_finish(struct capture_host *host)
{
    if (!host->is_finished) {
        stop(host);
        read_sessions(host);
        host->is_finished = true;
    }
    return host->session_count;
}

size_t capture_host_connections(const struct capture_host *host)
{
    return host->connection_count;
}

struct capture_session *capture_host_session(struct capture_host *host, size_t index)
{
    return &host->session[index];
}

void capture_host_free(struct capture_host *host)
{
    if (host == NULL)
        return;
    (void)capture_host_finish(host);
    for (size_t i = 0; i < CAPTURE_SESSIONS_MAX; i++)
        capture_session_done(&host->session[i]);
    free(host);
}
