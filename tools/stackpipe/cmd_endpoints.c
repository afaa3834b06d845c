/* SPDX-License-Identifier: MIT */
#include "complain.h"
#include "options.h"
#include "plain_text.h"
#include "socket_list.h"

#include "protocol/status.h"
#include "viewer-stub/host/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL && folder[0] == '/' ? folder : "/tmp";
}

static void write_row(const struct spipe_socket *socket)
{
    char pid[16] = "-";
    if (socket->pid != 0) {
        snprintf(pid, sizeof pid, "%" PRIu32, socket->pid);
    }
    printf("%8s  %-12s %-3s ", pid, socket->has_owner ? socket->user : "-", socket->can_connect ? "yes" : "no");
    printf("unix:");
    spipe_plain_text_write(socket->path, stdout);
    const char *name = spipe_socket_pipe_name(socket->path, temporary_folder());
    if (name != NULL) {
        printf("  pipe:");
        spipe_plain_text_write(name, stdout);
    }
    if (socket->command[0] != '\0') {
        printf("  ");
        spipe_plain_text_write(socket->command, stdout);
    }
    putchar('\n');
}

static void write_text(const struct spipe_socket_list *list)
{
    if (list->count == 0) {
        puts("nobody listens at a Unix socket that can be seen from here");
        return;
    }
    printf("%8s  %-12s %-3s %s\n", "pid", "owner", "ok", "endpoint, command");
    for (size_t i = 0; i < list->count; i++) {
        write_row(&list->socket[i]);
    }
}

static void write_text_or_null(struct spipe_json *json, const char *key, const char *text)
{
    spipe_json_key(json, key);
    if (text != NULL && text[0] != '\0') {
        spipe_json_text(json, text);
    } else {
        spipe_json_null(json);
    }
}

static void write_number_or_null(struct spipe_json *json, const char *key, bool known, uint64_t number)
{
    spipe_json_key(json, key);
    if (known) {
        spipe_json_unsigned(json, number);
    } else {
        spipe_json_null(json);
    }
}

static void write_object(struct spipe_json *json, const struct spipe_socket *socket)
{
    char endpoint[sizeof socket->path + 8];
    snprintf(endpoint, sizeof endpoint, "unix:%s", socket->path);
    spipe_json_begin_object(json);
    spipe_json_member_text(json, "endpoint", endpoint);
    write_text_or_null(json, "pipe_name", spipe_socket_pipe_name(socket->path, temporary_folder()));
    spipe_json_member_bool(json, "can_connect", socket->can_connect);
    write_number_or_null(json, "user_id", socket->has_owner, socket->user_id);
    write_text_or_null(json, "user", socket->has_owner ? socket->user : NULL);
    write_number_or_null(json, "pid", socket->pid != 0, socket->pid);
    write_text_or_null(json, "command", socket->command);
    spipe_json_end_object(json);
}

static void write_json(const struct spipe_socket_list *list)
{
    struct spipe_json json;
    spipe_json_init(&json, stdout, true);
    spipe_json_begin_array(&json);
    for (size_t i = 0; i < list->count; i++) {
        write_object(&json, &list->socket[i]);
    }
    spipe_json_end_array(&json);
    putchar('\n');
}

int cmd_endpoints(const struct spipe_options *options)
{
    struct spipe_socket_list list;
    int status = spipe_socket_list_init(&list);
    if (status != 0) {
        spipe_complain("endpoints: /proc/net/unix: %s", spipe_status_message(status));
        return SPIPE_EXIT_FAILED;
    }
    if (spipe_options_has(options, "json")) {
        write_json(&list);
    } else {
        write_text(&list);
    }
    spipe_socket_list_done(&list);
    return SPIPE_EXIT_OK;
}
