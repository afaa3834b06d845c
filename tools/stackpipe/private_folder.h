/* SPDX-License-Identifier: MIT */
/*
 * A folder that only this user can look into, for the socket of one recording and what belongs to it.
 */
#ifndef SPIPE_TOOL_PRIVATE_FOLDER_H
#define SPIPE_TOOL_PRIVATE_FOLDER_H

#include <stddef.h>

/* Short enough that a socket with a name of SPIPE_SECRET_TEXT_LEN fits below it. */
#define SPIPE_PRIVATE_FOLDER_MAX 72
/* 128 random bits in hexadecimal, and the NUL. */
#define SPIPE_SECRET_TEXT_LEN 32
#define SPIPE_SECRET_TEXT_MAX (SPIPE_SECRET_TEXT_LEN + 1)

/* What a path in LD_PRELOAD cannot hold: separators, and the sign that begins the loader's own variables. */
#define SPIPE_PRELOAD_SPECIAL " :$"

struct spipe_private_folder {
    char path[SPIPE_PRIVATE_FOLDER_MAX]; /* "": there is none */
};

/* Makes a new folder, mode 0700, in the first usable one of $XDG_RUNTIME_DIR, $TMPDIR and /tmp. SPIPE_E_SYSTEM: in none
 * of them. */
int spipe_private_folder_open(struct spipe_private_folder *ret_folder);

/* The same in one given place. SPIPE_E_ARGUMENT: it is not absolute, or a library below it could not be preloaded.
 * SPIPE_E_NAME_TOO_LONG: a socket would not fit below it. */
int spipe_private_folder_open_in(const char *parent, struct spipe_private_folder *ret_folder);

/* Removes the folder with the files directly in it. */
void spipe_private_folder_close(struct spipe_private_folder *folder);

/* 128 random bits as hexadecimal digits. SPIPE_E_SYSTEM: the system gives no random numbers. */
int spipe_secret_make(char ret_text[SPIPE_SECRET_TEXT_MAX]);

#endif
