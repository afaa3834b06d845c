/* SPDX-License-Identifier: MIT */
#include "files.h"

#include "protocol/system_linux.h"

#include <fcntl.h>
#include <string.h>

long spipe_files_read(const char *path, char *text, size_t size)
{
    long file = spipe_system(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (file < 0)
        return file;
    size_t len = 0;
    long got = 0;
    while (len < size - 1) {
        got = spipe_system(SYS_read, file, text + len, size - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    (void)spipe_system(SYS_close, file);
    text[len] = '\0';
    return got < 0 && len == 0 ? got : (long)len;
}

void spipe_text_init(struct spipe_text *text, char *memory, size_t capacity)
{
    text->data = memory;
    text->len = 0;
    text->capacity = capacity;
    text->cut = false;
    text->data[0] = '\0';
}

void spipe_text_add_bytes(struct spipe_text *text, const char *part, size_t len)
{
    size_t room = text->capacity - 1 - text->len;
    if (len > room) {
        len = room;
        text->cut = true;
    }
    memcpy(text->data + text->len, part, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void spipe_text_add(struct spipe_text *text, const char *part)
{
    spipe_text_add_bytes(text, part, strlen(part));
}

static void add_digits(struct spipe_text *text, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    spipe_text_add_bytes(text, digits + at, sizeof digits - at);
}

void spipe_text_add_number(struct spipe_text *text, uint64_t number)
{
    add_digits(text, number, 10);
}

void spipe_text_add_hex(struct spipe_text *text, uint64_t number)
{
    add_digits(text, number, 16);
}

static unsigned digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    if (digit >= 'a' && digit <= 'f')
        return (unsigned)(digit - 'a') + 10u;
    return 99;
}

bool spipe_text_take_number(const char **cursor, const char *end, unsigned base, uint64_t *ret_number)
{
    const char *at = *cursor;
    uint64_t number = 0;
    for (; at < end && digit_value(*at) < base; at++) {
        if (number > (UINT64_MAX - digit_value(*at)) / base)
            return false;
        number = number * base + digit_value(*at);
    }
    if (at == *cursor)
        return false;
    *cursor = at;
    *ret_number = number;
    return true;
}
