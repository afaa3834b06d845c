/* SPDX-License-Identifier: MIT */
#include "out_file.h"

#include "protocol/status.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True when the path is free, or a plain file that another one can take the place of. */
static bool is_replaceable(const char *path)
{
    struct stat file;
    return lstat(path, &file) != 0 || S_ISREG(file.st_mode);
}

int spipe_out_file_open(struct spipe_out_file *file, const char *path)
{
    *file = (struct spipe_out_file){.is_stdout = strcmp(path, "-") == 0};
    if (file->is_stdout) {
        file->stream = stdout;
        return 0;
    }
    if (strlen(path) + sizeof ".part" > sizeof file->path) {
        errno = ENAMETOOLONG;
        return SPIPE_E_SYSTEM;
    }
    snprintf(file->path, sizeof file->path, "%s", path);
    if (is_replaceable(path)) {
        size_t len = strlen(path);
        memcpy(file->part, path, len);
        memcpy(file->part + len, ".part", sizeof ".part");
    }
    file->stream = fopen(file->part[0] != '\0' ? file->part : file->path, "we");
    return file->stream != NULL ? 0 : SPIPE_E_SYSTEM;
}

int spipe_out_file_close(struct spipe_out_file *file, bool keep)
{
    int error = 0;
    if (fflush(file->stream) != 0 || ferror(file->stream)) {
        error = errno != 0 ? errno : EIO;
    }
    if (!file->is_stdout && fclose(file->stream) != 0 && error == 0) {
        error = errno;
    }
    file->stream = NULL;
    if (file->part[0] != '\0') {
        if (!keep || error != 0) {
            unlink(file->part);
        } else if (rename(file->part, file->path) != 0) {
            error = errno;
            unlink(file->part);
        }
    }
    errno = error;
    return error == 0 ? 0 : SPIPE_E_SYSTEM;
}
