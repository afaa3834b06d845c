/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_agent.h"
#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/recording.h"
#include "viewer-stub/host/capture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
    struct spipe_recorder recorder;
    struct spipe_recording recording;
    const char *path;
    char endpoint[256];
};

static void open_scene(void **state, struct scene *scene)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/a.spipe", (const char *)*state);
    scene->path = path;
    snprintf(scene->endpoint, sizeof scene->endpoint, "unix:%s/socket", (const char *)*state);
    struct spipe_configuration configuration = {.token = "secret", .cpu_period_us = 1234};
    const char *message = NULL;
    assert_int_equal(spipe_recorder_open(&scene->recorder, scene->path), 0);
    assert_int_equal(
        spipe_recording_open(&scene->recording, scene->endpoint, &configuration, &scene->recorder, *state, &message),
        0);
    scene->recording.pid = (uint32_t)getpid();
}

/* Lets the host do what it can. */
static void turn(struct scene *scene)
{
    struct pollfd polled = {.fd = spipe_recording_descriptor(&scene->recording), .events = POLLIN};
    while (poll(&polled, 1, 100) == 1) {
        assert_int_equal(spipe_recording_dispatch(&scene->recording), 0);
    }
}

static void close_scene(struct scene *scene)
{
    spipe_recording_close(&scene->recording);
    assert_int_equal(spipe_recorder_close(&scene->recorder), scene->recorder.status);
}

static struct spipe_capture_end load(const struct scene *scene, uint64_t *ret_samples)
{
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;
    assert_int_equal(spipe_capture_load_file(scene->path, store, &end), 0);
    *ret_samples = spipe_store_sample_count(store);
    spipe_store_free(store);
    return end;
}

static void test_a_session_becomes_a_capture(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    struct spipe_configuration configuration;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_read_configuration(&agent, &configuration), 0);
    assert_string_equal(configuration.token, "secret");
    assert_int_equal(configuration.cpu_period_us, 1234);
    assert_int_equal(fake_agent_send_opening(&agent), 0);
    assert_int_equal(fake_agent_send_samples(&agent, 7), 0);
    turn(&scene);
    assert_int_equal(scene.recording.hellos, 1);
    assert_int_equal(scene.recording.tally.samples, 7);
    assert_int_equal(fake_agent_send_ending(&agent, SPIPE_GOODBYE_TARGET_EXITS), 0);
    turn(&scene);
    assert_false(spipe_recording_is_connected(&scene.recording));
    assert_int_equal(scene.recording.last_end.reason, SPIPE_HOST_END_GOODBYE);
    uint64_t sent = agent.sent_bytes;
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);

    uint64_t samples = 0;
    struct spipe_capture_end end = load(&scene, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(end.length, sent);
    assert_int_equal(samples, 7);
}

static void test_other_processes_are_turned_away(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    struct spipe_configuration configuration;
    open_scene(state, &scene);
    scene.recording.pid = (uint32_t)getpid() + 1;
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(scene.recording.turned_away, 1);
    assert_false(spipe_recording_is_connected(&scene.recording));
    assert_int_not_equal(fake_agent_read_configuration(&agent, &configuration), 0);
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);
    assert_int_equal(access(scene.path, F_OK), -1);
}

static void test_the_next_session_waits_for_the_end_of_the_last(void **state)
{
    struct scene scene;
    struct fake_agent first;
    struct fake_agent second;
    struct spipe_configuration configuration;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&first, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_send_opening(&first), 0);
    assert_int_equal(fake_agent_send_samples(&first, 5), 0);
    assert_int_equal(fake_agent_connect(&second, scene.endpoint), 0);
    turn(&scene);
    assert_false(fake_agent_is_readable(&second, 0));
    spipe_pipe_close(&first.pipe);
    turn(&scene);
    assert_int_equal(fake_agent_read_configuration(&second, &configuration), 0);
    assert_int_equal(fake_agent_send_opening(&second), 0);
    assert_int_equal(fake_agent_send_samples(&second, 3), 0);
    assert_int_equal(fake_agent_send_ending(&second, SPIPE_GOODBYE_TARGET_EXITS), 0);
    turn(&scene);
    spipe_pipe_close(&second.pipe);
    close_scene(&scene);
    assert_int_equal(scene.recording.hellos, 2);

    uint64_t samples = 0;
    struct spipe_capture_end end = load(&scene, &samples);
    assert_int_equal(end.prefaces, 2);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(samples, 8);
}

static void test_a_refusal_leaves_no_file(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_send_refusal(&agent, "not today"), 0);
    spipe_recording_flush(&scene.recording);
    turn(&scene);
    assert_int_equal(scene.recording.hellos, 0);
    assert_int_equal(scene.recording.last_end.reason, SPIPE_HOST_END_REFUSED);
    assert_non_null(strstr(scene.recording.end_text, "not today"));
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);
    assert_int_equal(access(scene.path, F_OK), -1);
}

static void test_a_refusal_after_a_session_keeps_that_session(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_send_opening(&agent), 0);
    assert_int_equal(fake_agent_send_samples(&agent, 4), 0);
    assert_int_equal(fake_agent_send_ending(&agent, SPIPE_GOODBYE_TARGET_EXECS), 0);
    turn(&scene);
    spipe_pipe_close(&agent.pipe);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_send_refusal(&agent, "not today"), 0);
    turn(&scene);
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);

    uint64_t samples = 0;
    struct spipe_capture_end end = load(&scene, &samples);
    assert_int_equal(end.prefaces, 1);
    assert_int_equal(samples, 4);
}

static void test_what_could_not_be_honoured_is_kept_in_words(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_send_opening(&agent), 0);
    struct spipe_unmet unmet[2] = {{3, "the rate is too high"}, {8, "so is the buffer"}};
    struct spipe_record applied = {
        .kind = SPIPE_RECORD_APPLIED,
        .applied = {.configuration.token = "", .time_quantum_ns = 1000, .unmet = unmet, .unmet_count = 2}};
    assert_int_equal(fake_agent_send(&agent, &applied), 0);
    turn(&scene);
    assert_string_equal(scene.recording.unmet_text, "the rate is too high; so is the buffer");
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);
}

static void test_stopping_tells_the_agent_and_takes_no_new_session(void **state)
{
    struct scene scene;
    struct fake_agent agent;
    struct spipe_configuration configuration;
    open_scene(state, &scene);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_equal(fake_agent_read_configuration(&agent, &configuration), 0);
    assert_int_equal(fake_agent_send_opening(&agent), 0);
    turn(&scene);
    assert_false(fake_agent_is_readable(&agent, 0));
    spipe_recording_stop(&scene.recording);
    turn(&scene);
    assert_true(fake_agent_is_readable(&agent, 1000));
    assert_int_equal(fake_agent_send_ending(&agent, SPIPE_GOODBYE_TOLD_TO_STOP), 0);
    turn(&scene);
    spipe_pipe_close(&agent.pipe);
    assert_int_equal(fake_agent_connect(&agent, scene.endpoint), 0);
    turn(&scene);
    assert_int_not_equal(fake_agent_read_configuration(&agent, &configuration), 0);
    spipe_pipe_close(&agent.pipe);
    close_scene(&scene);
    assert_int_equal(scene.recording.hellos, 1);
}

static void test_an_endpoint_that_cannot_be_listened_at_is_told(void **state)
{
    (void)state;
    struct spipe_recorder recorder = {.fd = -1};
    struct spipe_recording recording;
    struct spipe_configuration configuration = {.token = ""};
    const char *message = NULL;
    assert_int_not_equal(
        spipe_recording_open(&recording, "unix:/no/such/folder/socket", &configuration, &recorder, *state, &message), 0);
    assert_null(recording.host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_becomes_a_capture),
        TEST(test_other_processes_are_turned_away),
        TEST(test_the_next_session_waits_for_the_end_of_the_last),
        TEST(test_a_refusal_leaves_no_file),
        TEST(test_a_refusal_after_a_session_keeps_that_session),
        TEST(test_what_could_not_be_honoured_is_kept_in_words),
        TEST(test_stopping_tells_the_agent_and_takes_no_new_session),
        TEST(test_an_endpoint_that_cannot_be_listened_at_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
