/* SPDX-License-Identifier: MIT */
/*
 * Runs a program once, watched in the way that is asked for, and writes what it used.
 *
 *     bench_session [OPTION...] PROGRAM [ARGUMENT...]
 *
 *     --json FILE         where the result goes (standard output)
 *     --output FILE       the program's standard output (/dev/null)
 *     --cpu N,M           the program's processor, and this program's
 *     --agent FILE        load this agent into the program, and be its host
 *     --linked            the program has the agent in itself: be its host
 *     --rate HZ           samples a second (the agent's default)
 *     --flush MS          flush interval (the agent's default)
 *     --depth N           most frames of a stack (the agent's default)
 *     --hold              hold the session: the agent samples nothing
 *     --toggle MS         pause and resume sampling, so long after each change
 *     --start-at NS       fork when CLOCK_MONOTONIC has come that far, for programs that are to start together
 *     --set NAME=VALUE    in the program's environment
 *
 * With neither --agent nor --linked the program runs by itself, started and waited for in the same way, so that what is
 * compared differs in nothing else. The times are those that wait4() gives for the program and that of its own wall
 * clock, from before the fork to its end.
 *
 * The agent's threads are moved to this program's processor, as on a machine that has one to spare.
 */
#include "account.h"
#include "agent_memory.h"
#include "clock.h"
#include "toggle.h"

#include "viewer-stub/host/stackpipe-host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOKEN      "bench"
#define GRACE_MS   2000
#define VARIABLES  32u

struct session {
    const char *json_path, *output_path, *agent;
    bool is_linked;
    int program_cpu, host_cpu; /* -1: anywhere */
    struct spipe_configuration configuration;
    const char *variable[VARIABLES];
    size_t variable_count;
    char endpoint[96];
    struct spipe_host *host;
    struct account *account;
    struct toggle toggle;
    uint64_t start_at_ns;
    struct agent_memory memory;
    unsigned connected;
    bool has_ended;
};

struct outcome {
    int status;
    uint64_t wall_ns;
    struct rusage usage;
};

static void wait_until(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_session: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void pin(pid_t tid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (cpu >= 0 && sched_setaffinity(tid, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

/* ------------------------------------------------------------------------------------------------------------ host */

/* While the program waits for its configuration it has its first thread and the agent's. */
static void move_agent(const struct session *session, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid > 0 && tid != pid)
            pin(tid, session->host_cpu);
    }
    closedir(folder);
}

static void on_connected(void *user, struct spipe_connection *connection, const struct spipe_peer *peer)
{
    struct session *session = user;
    (void)connection;
    session->connected++;
    move_agent(session, (pid_t)peer->pid);
}

static bool on_configuration_wanted(void *user, struct spipe_connection *connection,
                                    struct spipe_configuration *configuration)
{
    const struct session *session = user;
    (void)connection;
    *configuration = session->configuration;
    return true;
}

static void on_record(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                      size_t message_len)
{
    struct session *session = user;
    account_add(session->account, record, message_len);
    toggle_add(&session->toggle, connection, record);
    /* The program waits for us to close, and everything that the agent has taken is still there. */
    if (record->kind == SPIPE_RECORD_GOODBYE)
        session->memory = agent_memory_read((pid_t)spipe_connection_peer(connection)->pid);
}

static void on_disconnected(void *user, struct spipe_connection *connection, const struct spipe_host_end *end)
{
    struct session *session = user;
    (void)connection;
    session->has_ended = true;
    toggle_end(&session->toggle);
    if (end->reason != SPIPE_HOST_END_GOODBYE && !session->configuration.hold)
        fprintf(stderr, "bench_session: the session ends with: %s (%s)\n", spipe_host_end_reason_name(end->reason),
                end->text != NULL ? end->text : "");
}

static void open_host(struct session *session)
{
    static const struct spipe_host_callbacks callbacks = {.connected = on_connected,
                                                          .configuration_wanted = on_configuration_wanted,
                                                          .record = on_record,
                                                          .disconnected = on_disconnected};
    const char *message = NULL;
    session->account = account_new();
    snprintf(session->endpoint, sizeof session->endpoint, "unix:/tmp/bench-session-%d.sock", (int)getpid());
    if (spipe_host_new(NULL, &callbacks, session, &session->host) != 0 ||
        spipe_host_listen(session->host, session->endpoint, &message) != 0) {
        fprintf(stderr, "bench_session: cannot listen: %s\n", message != NULL ? message : strerror(errno));
        exit(1);
    }
}

/* ------------------------------------------------------------------------------------------------------- the program */

static void put_variable(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        fail("setenv");
}

static void set_environment(const struct session *session)
{
    for (size_t i = 0; i < session->variable_count; i++) {
        if (putenv((char *)(uintptr_t)session->variable[i]) != 0)
            fail("putenv");
    }
    if (session->host == NULL)
        return;
    if (session->agent != NULL)
        put_variable("LD_PRELOAD", session->agent);
    put_variable("STACKPIPE_ENDPOINT", session->endpoint);
    put_variable("STACKPIPE_TOKEN", TOKEN);
    put_variable("STACKPIPE_START", "wait");
}

static void become_program(const struct session *session, char **argv)
{
    int in = open("/dev/null", O_RDONLY);
    int out = open(session->output_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
        fail(session->output_path);
    close(in);
    close(out);
    pin(0, session->program_cpu);
    set_environment(session);
    execvp(argv[0], argv);
    fail(argv[0]);
}

/* Serves the session until the program has ended. */
static void serve(struct session *session, pid_t pid)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        fail("pidfd_open");
    struct pollfd waited[2] = {{process, POLLIN, 0}, {spipe_host_descriptor(session->host), POLLIN, 0}};
    while (!(waited[0].revents & POLLIN)) {
        poll(waited, 2, toggle_continue(&session->toggle));
        if (waited[1].revents & POLLIN)
            (void)spipe_host_dispatch(session->host, 0);
    }
    close(process);
}

/* What is still on its way when the program has ended. */
static void serve_rest(const struct session *session)
{
    uint64_t end_ns = clock_now_ns() + GRACE_MS * UINT64_C(1000000);
    while (session->connected > 0 && !session->has_ended && clock_now_ns() < end_ns)
        (void)spipe_host_dispatch(session->host, 10);
}

static struct outcome run(struct session *session, char **argv)
{
    struct outcome outcome;
    wait_until(session->start_at_ns);
    uint64_t start_ns = clock_now_ns();
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        become_program(session, argv);
    if (session->host != NULL)
        serve(session, pid);
    if (wait4(pid, &outcome.status, 0, &outcome.usage) != pid)
        fail("wait4");
    outcome.wall_ns = clock_now_ns() - start_ns;
    if (session->host != NULL)
        serve_rest(session);
    return outcome;
}

/* ----------------------------------------------------------------------------------------------------------- results */

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static void print_outcome(struct session *session, const struct outcome *outcome)
{
    FILE *out = session->json_path != NULL ? fopen(session->json_path, "w") : stdout;
    if (out == NULL)
        fail(session->json_path);
    fprintf(out, "{\"status\": %d, \"wall_us\": %.1f, \"user_us\": %.0f, \"system_us\": %.0f, \"rss_max_kib\": %ld",
            outcome->status, (double)outcome->wall_ns / 1e3, microseconds(outcome->usage.ru_utime),
            microseconds(outcome->usage.ru_stime), outcome->usage.ru_maxrss);
    fprintf(out, ", \"switches\": [%ld, %ld], \"faults\": %ld", outcome->usage.ru_nvcsw, outcome->usage.ru_nivcsw,
            outcome->usage.ru_minflt);
    if (session->account != NULL) {
        fprintf(out, ", \"sessions\": %u, \"agent_mapped_kib\": %lu, \"agent_rss_kib\": %lu, \"agent_library_kib\": %lu, ",
                session->connected, session->memory.mapped_kib, session->memory.resident_kib,
                session->memory.library_kib);
        account_print(session->account, out);
        fprintf(out, ", \"toggles\": ");
        toggle_print(&session->toggle, out);
    }
    fprintf(out, "}\n");
    if (fflush(out) != 0)
        fail("writing");
}

/* ----------------------------------------------------------------------------------------------------------- options */

enum option_number { JSON = 1, OUTPUT, CPU, AGENT, LINKED, RATE, FLUSH, DEPTH, HOLD, SET, START_AT, TOGGLE };

static const struct option long_options[] = {
    {"json", required_argument, NULL, JSON},   {"output", required_argument, NULL, OUTPUT},
    {"cpu", required_argument, NULL, CPU},     {"agent", required_argument, NULL, AGENT},
    {"linked", no_argument, NULL, LINKED},     {"rate", required_argument, NULL, RATE},
    {"flush", required_argument, NULL, FLUSH}, {"depth", required_argument, NULL, DEPTH},
    {"hold", no_argument, NULL, HOLD},         {"set", required_argument, NULL, SET},
    {"start-at", required_argument, NULL, START_AT},
    {"toggle", required_argument, NULL, TOGGLE}, {NULL, 0, NULL, 0},
};

static void usage(void)
{
    fprintf(stderr, "usage: bench_session [OPTION...] PROGRAM [ARGUMENT...]; see the head of tests/bench/session.c\n");
    exit(2);
}

static void take_cpus(struct session *session, const char *text)
{
    if (sscanf(text, "%d,%d", &session->program_cpu, &session->host_cpu) != 2)
        usage();
}

static void add_variable(struct session *session, const char *text)
{
    if (session->variable_count == VARIABLES)
        usage();
    session->variable[session->variable_count++] = text;
}

static void take_option(struct session *session, int option, const char *value)
{
    uint32_t number = value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 0;
    switch (option) {
    case JSON: session->json_path = value; break;
    case OUTPUT: session->output_path = value; break;
    case CPU: take_cpus(session, value); break;
    case AGENT: session->agent = value; break;
    case LINKED: session->is_linked = true; break;
    case RATE: session->configuration.cpu_period_us = number != 0 ? 1000000 / number : 0; break;
    case FLUSH: session->configuration.flush_interval_ms = number; break;
    case DEPTH: session->configuration.max_depth = number; break;
    case HOLD: session->configuration.hold = true; break;
    case START_AT: session->start_at_ns = strtoull(value, NULL, 10); break;
    case TOGGLE: session->toggle.period_ns = number * UINT64_C(1000000); break;
    case SET: add_variable(session, value); break;
    default: usage();
    }
}

int main(int argc, char **argv)
{
    static struct session session;
    session = (struct session){.output_path = "/dev/null",
                              .program_cpu = -1,
                              .host_cpu = -1,
                              .configuration = {.token = TOKEN}};
    int option;
    while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
        take_option(&session, option, optarg);
    if (optind == argc)
        usage();
    pin(0, session.host_cpu);
    if (session.agent != NULL || session.is_linked)
        open_host(&session);
    struct outcome outcome = run(&session, argv + optind);
    print_outcome(&session, &outcome);
    spipe_host_free(session.host);
    if (session.account != NULL)
        account_free(session.account);
    return outcome.status == 0 ? 0 : 1;
}
