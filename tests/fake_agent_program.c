/* SPDX-License-Identifier: MIT */
/*
 * A program that `record` can start: it speaks as an agent would, as its first word says, and ends with the code that
 * its second word says.
 */
#include "fake_agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 99

static struct fake_agent agent;
static struct spipe_configuration configuration;
static char **words;

/* Connects and answers the configuration. Ends the program when that fails. */
static void open_session(void)
{
    const char *endpoint = getenv("STACKPIPE_ENDPOINT");
    const char *token = getenv("STACKPIPE_TOKEN");
    if (endpoint == NULL || token == NULL || fake_agent_connect(&agent, endpoint) != 0 ||
        fake_agent_read_configuration(&agent, &configuration) != 0 || strcmp(configuration.token, token) != 0) {
        exit(CANNOT);
    }
}

static void say_whole_session(uint32_t samples)
{
    open_session();
    if (fake_agent_send_opening(&agent) != 0 || fake_agent_send_samples(&agent, samples) != 0 ||
        fake_agent_send_ending(&agent, SPIPE_GOODBYE_TARGET_EXITS) != 0) {
        exit(CANNOT);
    }
    fake_agent_finish(&agent);
}

static void say_ok(void)
{
    say_whole_session(100);
}

static void say_configuration(void)
{
    say_ok();
    printf("period %u stop %u buffer %u budget %u\n", configuration.cpu_period_us, configuration.stop_after_ms,
           configuration.buffer_kib, configuration.budget_ppm);
}

/* Ends in the middle of a message. */
static void say_cut(void)
{
    open_session();
    fake_agent_send_opening(&agent);
    fake_agent_send_samples(&agent, 50);
    fake_agent_send_raw(&agent, "\x7fhalf", 5);
}

static void say_garbage(void)
{
    open_session();
    fake_agent_send_opening(&agent);
    fake_agent_send_samples(&agent, 50);
    fake_agent_send_raw(&agent, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    fake_agent_finish(&agent);
}

static void say_refusal(void)
{
    open_session();
    fake_agent_send_refusal(&agent, "it is Sunday");
    fake_agent_finish(&agent);
}

/* Becomes another program that connects too, without having said goodbye; what was sent last may not have been read by
 * then. */
static void say_and_execute(void)
{
    open_session();
    fake_agent_send_opening(&agent);
    fake_agent_send_samples(&agent, 20000);
    execl(words[0], words[0], "ok", "0", (char *)NULL);
    exit(CANNOT);
}

/* Lets a child connect first, which has no business to. */
static void say_with_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct spipe_configuration unused;
        bool answered = fake_agent_connect(&agent, getenv("STACKPIPE_ENDPOINT")) == 0 &&
                        fake_agent_read_configuration(&agent, &unused) == 0;
        _exit(answered ? CANNOT : 0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (status != 0) {
        exit(CANNOT);
    }
    say_ok();
}

/* Children that have sessions too, while the program's own goes on: one ends well, one is cut, one is refused. */
static void say_with_family(void)
{
    static void (*const say[])(void) = {say_ok, say_cut, say_refusal};
    struct fake_agent own;
    pid_t pid[3];
    open_session();
    fake_agent_send_opening(&agent);
    own = agent;
    for (size_t i = 0; i < 3; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            say[i]();
            _exit(0);
        }
        int status = -1;
        waitpid(pid[i], &status, 0);
        if (status != 0) {
            exit(CANNOT);
        }
    }
    agent = own;
    fake_agent_send_samples(&agent, 7);
    fake_agent_send_ending(&agent, SPIPE_GOODBYE_TARGET_EXITS);
    fake_agent_finish(&agent);
}

/* Leaves a child behind that goes on until it is told to stop. */
static void say_and_leave_child(void)
{
    int gate[2];
    char byte;
    if (pipe(gate) != 0) {
        exit(CANNOT);
    }
    pid_t pid = fork();
    if (pid == 0) {
        open_session();
        fake_agent_send_opening(&agent);
        fake_agent_send_samples(&agent, 3);
        close(gate[1]);
        bool stopped = fake_agent_is_readable(&agent, 10000);
        fake_agent_send_samples(&agent, stopped ? 2 : 0);
        fake_agent_send_ending(&agent, SPIPE_GOODBYE_TOLD_TO_STOP);
        fake_agent_finish(&agent);
        _exit(0);
    }
    close(gate[1]);
    (void)!read(gate[0], &byte, 1);
    say_ok();
}

/* More than a small disk takes. The host hangs up, and the program does not mind. */
static void say_much(void)
{
    signal(SIGPIPE, SIG_DFL);
    open_session();
    fake_agent_send_opening(&agent);
    while (fake_agent_send_samples(&agent, 10000) == 0 && agent.sent_bytes < (64u << 20)) {
    }
    spipe_pipe_close(&agent.pipe);
    puts("still here");
}

static void say_nothing(void)
{
}

static void say_in_log(void)
{
    FILE *log = fopen(getenv("STACKPIPE_LOG"), "ae");
    fputs("stackpipe[7]: first line\nstackpipe[7]: no room for the agent here\n", log);
    fclose(log);
}

static void say_environment(void)
{
    say_ok();
    const char *names[] = {"LD_PRELOAD", "STACKPIPE_START"};
    for (size_t i = 0; i < 2; i++) {
        printf("%s=%s\n", names[i], getenv(names[i]));
    }
}

static volatile sig_atomic_t terminated;

static void on_terminate(int signal_number)
{
    terminated = signal_number;
}

/* Asks its parent to end, and waits for what the parent does about it: a Stop on the pipe, and the signal. */
static void say_until_terminated(void)
{
    struct sigaction action = {.sa_handler = on_terminate};
    sigaction(SIGTERM, &action, NULL);
    open_session();
    fake_agent_send_opening(&agent);
    fake_agent_send_samples(&agent, 10);
    kill(getppid(), SIGTERM);
    bool stopped = fake_agent_is_readable(&agent, 10000);
    for (int i = 0; i < 1000 && !terminated; i++) {
        usleep(10000);
    }
    fake_agent_send_ending(&agent, SPIPE_GOODBYE_TOLD_TO_STOP);
    fake_agent_finish(&agent);
    printf("stopped %d, terminated %d\n", stopped, terminated == SIGTERM);
}

static const struct {
    const char *name;
    void (*say)(void);
} scenes[] = {
    {"ok", say_ok},
    {"configuration", say_configuration},
    {"cut", say_cut},
    {"garbage", say_garbage},
    {"refuse", say_refusal},
    {"execute", say_and_execute},
    {"child", say_with_child},
    {"family", say_with_family},
    {"leave-child", say_and_leave_child},
    {"much", say_much},
    {"nothing", say_nothing},
    {"log", say_in_log},
    {"environment", say_environment},
    {"terminate", say_until_terminated},
};

int main(int argc, char **argv)
{
    words = argv;
    for (size_t i = 0; argc == 3 && i < sizeof scenes / sizeof scenes[0]; i++) {
        if (strcmp(scenes[i].name, argv[1]) == 0) {
            scenes[i].say();
            return atoi(argv[2]);
        }
    }
    return CANNOT;
}
