/* SPDX-License-Identifier: MIT */
/*
 * The one table of error codes.
 *
 * Functions that can fail return 0 or one of these, which are negative. System error codes become ours where the
 * system is called; nothing above the platform files sees an errno.
 */
#ifndef SPIPE_PROTOCOL_STATUS_H
#define SPIPE_PROTOCOL_STATUS_H

#define SPIPE_STATUS_MAP(X)                                                        \
    X(SPIPE_OK, 0, "done")                                                         \
    X(SPIPE_E_ARGUMENT, -1, "an argument is not valid")                            \
    X(SPIPE_E_NO_MEMORY, -2, "out of memory")                                      \
    X(SPIPE_E_NO_ROOM, -3, "the buffer is too small")                              \
    X(SPIPE_E_LIMIT, -4, "a limit is exceeded")                                    \
    X(SPIPE_E_TRUNCATED, -5, "the input ends in the middle")                       \
    X(SPIPE_E_FORMAT, -6, "the input is malformed")                                \
    X(SPIPE_E_VERSION, -7, "another major version")                                \
    X(SPIPE_E_UNSUPPORTED, -8, "not supported here")                               \
    X(SPIPE_E_NOT_FOUND, -9, "not found")                                          \
    X(SPIPE_E_PERMISSION, -10, "permission denied")                                \
    X(SPIPE_E_EXISTS, -11, "exists already")                                       \
    X(SPIPE_E_BUSY, -12, "busy")                                                   \
    X(SPIPE_E_AGAIN, -13, "nothing can be done without waiting")                   \
    X(SPIPE_E_TIME_OUT, -14, "the time is up")                                     \
    X(SPIPE_E_END, -15, "the end is reached")                                      \
    X(SPIPE_E_CLOSED, -16, "the other side has closed the connection")             \
    X(SPIPE_E_NOT_A_PIPE, -17, "there is something else at this endpoint")         \
    X(SPIPE_E_FOREIGN, -18, "the other side belongs to another user")              \
    X(SPIPE_E_NAME_TOO_LONG, -19, "the endpoint's path is longer than a socket allows") \
    X(SPIPE_E_NO_SPACE, -20, "no room on the disk")                                \
    X(SPIPE_E_CANCELLED, -21, "cancelled")                                         \
    X(SPIPE_E_SYSTEM, -22, "the system refused")

enum spipe_status {
#define SPIPE_STATUS_ENUM(name, value, message) name = value,
    SPIPE_STATUS_MAP(SPIPE_STATUS_ENUM)
#undef SPIPE_STATUS_ENUM
};

/* The code's own name, such as "SPIPE_E_LIMIT". Never NULL; a static string. Any thread, signal handlers too. */
const char *spipe_status_name(int status);

/* What it means, in words, without a full stop. Never NULL; a static string. Any thread, signal handlers too. */
const char *spipe_status_message(int status);

#endif
