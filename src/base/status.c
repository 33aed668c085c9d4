/* status.c - filling a wt_err.
 *
 * Messages quote names from files that nobody has vouched for, and end up on a terminal, in JSON and in HTML. So
 * every text is made one line of valid UTF-8 here, once: control characters and broken bytes become '?', and a text
 * that is too long is cut between characters. */
#include <errno.h>
#include <stdio.h>
#include "base/base.h"

const char *wt_status_name(wt_status status)
{
    switch (status) {
    case WT_OK: return "ok";
    case WT_EUSAGE: return "usage";
    case WT_EFORMAT: return "format";
    case WT_EUNSUPPORTED: return "unsupported";
    case WT_ENOMEM: return "memory";
    case WT_EIO: return "io";
    case WT_ELIMIT: return "limit";
    case WT_ECANCELLED: return "cancelled";
    case WT_EVERDICT: return "verdict";
    case WT_EINTERNAL: return "internal";
    }
    return "unknown";
}

int wt_status_exit_code(wt_status status)
{
    switch (status) {
    case WT_OK: return 0;
    case WT_EVERDICT: return 1;
    case WT_EUSAGE: return 2;
    case WT_EFORMAT:
    case WT_EUNSUPPORTED: return 3;
    case WT_ENOMEM:
    case WT_EIO:
    case WT_ELIMIT: return 4;
    case WT_ECANCELLED: return 130;
    case WT_EINTERNAL: break;
    }
    return 5;
}

/* Length of the well-formed UTF-8 sequence at s, 0 when there is none. A NUL ends s, so nothing is over-read. */
static size_t utf8_sequence(const unsigned char *s)
{
    const unsigned c = s[0];
    size_t n = 0;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        n = 2;
    else if (c >= 0xe0 && c <= 0xef)
        n = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        n = 4;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0; /* overlong, surrogate, beyond U+10FFFF */
    return n;
}

/* C1 controls (U+0080..U+009F) are commands to some terminals. */
static bool is_control(const unsigned char *s) { return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0); }

/* Makes text[0..size) one clean line, in place; `cut` says that vsnprintf had to leave something out. */
static void clean_line(char *text, size_t size, bool cut)
{
    unsigned char *s = (unsigned char *)text;
    while (*s) {
        const size_t n = utf8_sequence(s);
        if (n == 0 && cut && (size_t)((char *)s - text) + 4 >= size) {
            *s = 0; /* the first bytes of a character whose rest was cut off */
            return;
        }
        if (n == 0 || is_control(s)) {
            for (size_t i = 0; i < (n ? n : 1); i++)
                s[i] = '?';
        }
        s += n ? n : 1;
    }
}

static void print_line(char *text, size_t size, const char *fmt, va_list args)
{
    const int n = vsnprintf(text, size, fmt, args);
    if (n < 0)
        text[0] = 0;
    clean_line(text, size, n >= 0 && (size_t)n >= size);
}

static wt_status fail(wt_err *err, wt_status code, uint64_t offset, const char *fmt, va_list args)
{
    if (err) {
        err->code = code;
        err->offset = offset;
        err->where[0] = err->hint[0] = 0;
        print_line(err->message, sizeof err->message, fmt, args);
    }
    return code;
}

wt_status wt_fail(wt_err *err, wt_status code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(err, code, WT_NO_OFFSET, fmt, args);
    va_end(args);
    return code;
}

wt_status wt_fail_at(wt_err *err, wt_status code, uint64_t offset, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(err, code, offset, fmt, args);
    va_end(args);
    return code;
}

/* What to do about the errors that people really meet. */
static const struct {
    int number;
    const char *hint;
} errno_hints[] = {
    { ENOENT, "check the spelling; a folder to write into must exist" },
    { EACCES, "this user may not do that there: check the permissions of the file and its folder" },
    { EPERM, "this user may not do that there: check the permissions of the file and its folder" },
    { EROFS, "the file system is mounted read-only: choose another folder" },
    { ENOSPC, "the disk is full: free some space or choose another folder" },
    { EDQUOT, "this user's disk quota is used up: free some space or choose another folder" },
    { EFBIG, "the file would be larger than the file system or `ulimit -f` allows" },
    { EISDIR, "this is a folder; name a file" },
    { ENOTDIR, "a part of the path is a file, not a folder" },
    { ELOOP, "the path leads through too many symbolic links" },
    { ENAMETOOLONG, "choose a shorter name" },
    { EMFILE, "too many open files: raise `ulimit -n`" },
    { ENFILE, "the system has too many open files" },
    { ENOMEM, "the system is out of memory: close programs or use a smaller input" },
    { EIO, "the device reported an error: check the disk" },
};

wt_status wt_fail_errno(wt_err *err, const char *fmt, ...)
{
    const int number = errno;
    const wt_status code = number == ENOMEM ? WT_ENOMEM : WT_EIO;
    if (!err)
        return code;
    va_list args;
    va_start(args, fmt);
    fail(err, code, WT_NO_OFFSET, fmt, args);
    va_end(args);
    char reason[128];
    const char *text = strerror_r(number, reason, sizeof reason); /* GNU's: may answer a constant string */
    const size_t len = strlen(err->message);
    if (len + 2 < sizeof err->message) {
        snprintf(err->message + len, sizeof err->message - len, ": %s", text);
        clean_line(err->message, sizeof err->message, true);
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(errno_hints); i++)
        if (errno_hints[i].number == number)
            snprintf(err->hint, sizeof err->hint, "%s", errno_hints[i].hint);
    return code;
}

void wt_err_where(wt_err *err, const char *fmt, ...)
{
    if (!err || err->where[0])
        return;
    va_list args;
    va_start(args, fmt);
    print_line(err->where, sizeof err->where, fmt, args);
    va_end(args);
}

void wt_err_file(wt_err *err, const char *path)
{
    char before[sizeof err->where];
    if (!err || strstr(err->where, path))
        return;
    memcpy(before, err->where, sizeof before);
    err->where[0] = 0;
    wt_err_where(err, before[0] ? "%s: %s" : "%s", path, before);
}

void wt_err_hint(wt_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, fmt);
    print_line(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
}

const char *wt_version(void) { return WT_VERSION; }
