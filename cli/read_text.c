/* read_text.c - a text that a verb works on: a file, or standard input, which may be a pipe or a terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli.h"

enum { LIMIT = 64 << 20 };

wt_status cli_error(wt_err *err, wt_status code, const char *where, const char *message, const char *hint)
{
    err->code = code;
    err->offset = WT_NO_OFFSET;
    snprintf(err->where, sizeof err->where, "%s", where);
    snprintf(err->message, sizeof err->message, "%s", message);
    snprintf(err->hint, sizeof err->hint, "%s", hint);
    return code;
}

static wt_status read_all(FILE *in, const char *name, char **out, size_t *len, wt_err *err)
{
    size_t cap = 1 << 16, n = 0;
    char *text = malloc(cap);
    while (text) {
        n += fread(text + n, 1, cap - n - 1, in);
        if (n < cap - 1)
            break;
        char *more = cap < LIMIT ? realloc(text, cap *= 2) : NULL;
        if (cap >= LIMIT && !more) {
            free(text);
            return cli_error(err, WT_ELIMIT, name, "the text is larger than the 64 MiB that are read",
                             "give a part of it");
        }
        if (!more)
            free(text);
        text = more;
    }
    if (!text)
        return cli_error(err, WT_ENOMEM, name, "no memory for the text", "");
    if (ferror(in)) {
        free(text);
        return cli_error(err, WT_EIO, name, strerror(errno), "");
    }
    text[n] = 0;
    *out = text;
    *len = n;
    return WT_OK;
}

wt_status cli_read_text(const char *path, char **out, size_t *len, wt_err *err)
{
    struct stat st;
    *out = NULL;
    *len = 0;
    if (!path || !strcmp(path, "-"))
        return read_all(stdin, "standard input", out, len, err);
    FILE *in = fopen(path, "rb");
    if (!in)
        return cli_error(err, WT_EIO, path, strerror(errno), "check the spelling; - is standard input");
    const bool folder = !fstat(fileno(in), &st) && S_ISDIR(st.st_mode);
    const wt_status status = folder ? cli_error(err, WT_EIO, path, "a folder, expected a file", "name a file in it")
                                    : read_all(in, path, out, len, err);
    fclose(in);
    return status;
}

wt_status cli_read_string(const char *path, char **out, wt_err *err)
{
    size_t len;
    const wt_status st = cli_read_text(path, out, &len, err);
    const size_t used = st == WT_OK ? strlen(*out) : 0;
    if (st != WT_OK || used == len)
        return st;
    free(*out);
    *out = NULL;
    cli_error(err, WT_EFORMAT, path ? path : "standard input", "the text holds a zero byte",
              "give text, not binary data");
    err->offset = used;
    return WT_EFORMAT;
}
