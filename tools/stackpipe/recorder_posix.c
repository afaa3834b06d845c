/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include "protocol/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Flushed when this much has gathered; it grows for a unit that is larger. */
#define PENDING_USUAL (256u * 1024u)

static int fail(struct spipe_recorder *recorder, int error)
{
    recorder->status = error == ENOSPC || error == EDQUOT || error == EFBIG  ? SPIPE_E_NO_SPACE
                       : error == EACCES || error == EPERM || error == EROFS ? SPIPE_E_PERMISSION
                       : error == ENOENT || error == ENOTDIR                 ? SPIPE_E_NOT_FOUND
                       : error == ENOMEM                                     ? SPIPE_E_NO_MEMORY
                                                                             : SPIPE_E_SYSTEM;
    snprintf(recorder->text, sizeof recorder->text, "%s", strerror(error));
    return recorder->status;
}

int spipe_recorder_open(struct spipe_recorder *recorder, const char *path)
{
    *recorder = (struct spipe_recorder){.fd = -1, .path = path};
    recorder->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    recorder->created = recorder->fd >= 0;
    if (recorder->fd < 0 && errno == EEXIST) {
        recorder->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    if (recorder->fd < 0) {
        return fail(recorder, errno);
    }
    struct stat file;
    recorder->is_regular = fstat(recorder->fd, &file) == 0 && S_ISREG(file.st_mode);
    return 0;
}

/* The length of the unit at the beginning of `bytes`, which spipe_recorder_add() has taken as a whole. */
static size_t unit_len(const uint8_t *bytes, size_t len)
{
    if (len >= SPIPE_PREFACE_LEN && memcmp(bytes, spipe_preface, SPIPE_PREFACE_LEN - 1) == 0) {
        return SPIPE_PREFACE_LEN;
    }
    uint64_t message = 0;
    for (size_t i = 0; i < len && i < 10; i++) {
        message |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if ((bytes[i] & 0x80) == 0) {
            return message <= len ? i + 1 + (size_t)message : SIZE_MAX;
        }
    }
    return SIZE_MAX;
}

/* How many of the first `written` bytes are whole units. */
static size_t whole_units_len(const struct spipe_recorder *recorder, size_t written)
{
    size_t whole = 0;
    for (;;) {
        size_t next = unit_len(recorder->pending + whole, recorder->pending_len - whole);
        if (next > written - whole) {
            return whole;
        }
        whole += next;
        if (whole == recorder->pending_len) {
            return whole;
        }
    }
}

/* Writes as much as the system takes. Returns 0, or the errno of what stopped it. */
static int write_all(int fd, const uint8_t *bytes, size_t len, size_t *ret_written)
{
    size_t written = 0;
    int error = 0;
    while (written < len && error == 0) {
        ssize_t got = write(fd, bytes + written, len - written);
        if (got > 0) {
            written += (size_t)got;
        } else if (got == 0) {
            error = ENOSPC;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    *ret_written = written;
    return error;
}

/* What was there before gives way to the first bytes that are written. */
static int make_way(struct spipe_recorder *recorder)
{
    if (recorder->has_content) {
        return 0;
    }
    recorder->has_content = true;
    return recorder->is_regular && ftruncate(recorder->fd, 0) != 0 ? errno : 0;
}

int spipe_recorder_flush(struct spipe_recorder *recorder)
{
    if (recorder->status != 0 || recorder->pending_len == 0) {
        return recorder->status;
    }
    size_t written = 0;
    int error = make_way(recorder);
    if (error == 0) {
        error = write_all(recorder->fd, recorder->pending, recorder->pending_len, &written);
    }
    if (error != 0) {
        written = whole_units_len(recorder, written);
        /* Where cutting is not possible, readers step over the incomplete message at the end. */
        int ignored = recorder->is_regular ? ftruncate(recorder->fd, (off_t)(recorder->len + written)) : 0;
        (void)ignored;
        fail(recorder, error);
    }
    recorder->len += written;
    recorder->pending_len = 0;
    return recorder->status;
}

static int reserve(struct spipe_recorder *recorder, size_t len)
{
    if (recorder->pending_capacity - recorder->pending_len >= len) {
        return 0;
    }
    size_t capacity = len > PENDING_USUAL ? len : PENDING_USUAL;
    uint8_t *grown = realloc(recorder->pending, capacity);
    if (grown == NULL) {
        return fail(recorder, ENOMEM);
    }
    recorder->pending = grown;
    recorder->pending_capacity = capacity;
    return 0;
}

int spipe_recorder_add(struct spipe_recorder *recorder, struct spipe_bytes unit)
{
    if (recorder->pending_len + unit.len > PENDING_USUAL) {
        spipe_recorder_flush(recorder);
    }
    if (recorder->status != 0 || reserve(recorder, unit.len) != 0) {
        return recorder->status;
    }
    memcpy(recorder->pending + recorder->pending_len, unit.data, unit.len);
    recorder->pending_len += unit.len;
    return 0;
}

void spipe_recorder_discard(struct spipe_recorder *recorder)
{
    recorder->pending_len = 0;
}

int spipe_recorder_close(struct spipe_recorder *recorder)
{
    if (recorder->fd < 0) {
        return recorder->status;
    }
    spipe_recorder_flush(recorder);
    /* Network file systems may report a full disk only now. */
    if (close(recorder->fd) != 0 && errno != EINTR && recorder->status == 0) {
        fail(recorder, errno);
    }
    recorder->fd = -1;
    if (recorder->created && !recorder->has_content) {
        unlink(recorder->path);
    }
    free(recorder->pending);
    recorder->pending = NULL;
    recorder->pending_len = 0;
    recorder->pending_capacity = 0;
    return recorder->status;
}
