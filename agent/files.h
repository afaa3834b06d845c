/* SPDX-License-Identifier: MIT */
/*
 * Small files, chiefly of /proc, read by system calls alone; and text made and taken apart without libc's printf and
 * scanf, which need a locale and locks. Any thread.
 */
#ifndef SPIPE_AGENT_FILES_H
#define SPIPE_AGENT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads at most size - 1 bytes of the file and ends them with NUL. Returns how many, or a negative errno. */
long spipe_files_read(const char *path, char *text, size_t size);

/* Text under construction: always ended with NUL; what does not fit is cut and said in `cut`. */
struct spipe_text {
    char *data;
    size_t len;
    size_t capacity;
    bool cut;
};

void spipe_text_init(struct spipe_text *text, char *memory, size_t capacity);
void spipe_text_add(struct spipe_text *text, const char *part);
void spipe_text_add_bytes(struct spipe_text *text, const char *part, size_t len);
void spipe_text_add_number(struct spipe_text *text, uint64_t number);
void spipe_text_add_hex(struct spipe_text *text, uint64_t number);

/* Reads a number in base 10 or 16 at `*cursor` (not beyond `end`) and moves it on. False when there is no digit or it
 * overflows. */
bool spipe_text_take_number(const char **cursor, const char *end, unsigned base, uint64_t *ret_number);

#endif
