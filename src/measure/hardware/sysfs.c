/* sysfs.c - see sysfs.h. Nothing here fails: what cannot be read is not known, and a machine report has gaps. */
#include "measure/hardware/sysfs.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"

enum { MOST_NAMES = 16384, FILE_LIMIT = 16 << 20 };

static bool full_path(const wt_sysroot *r, char *out, size_t size, const char *fmt, va_list args)
{
    const size_t used = (size_t)snprintf(out, size, "%s", r->path);
    if (used >= size)
        return false;
    const int n = vsnprintf(out + used, size - used, fmt, args);
    return n >= 0 && (size_t)n < size - used;
}

#define FULL_PATH(path, r, fmt)                                                                                        \
    char path[1024];                                                                                                   \
    do {                                                                                                               \
        va_list args_;                                                                                                 \
        va_start(args_, fmt);                                                                                          \
        const bool fits_ = full_path(r, path, sizeof path, fmt, args_);                                                \
        va_end(args_);                                                                                                 \
        if (!fits_)                                                                                                    \
            return false;                                                                                              \
    } while (0)

static bool read_small(const char *path, char *out, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    out[0] = 0;
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return false;
    size_t len = (size_t)n;
    while (len && isspace((unsigned char)out[len - 1]))
        len--;
    out[len] = 0;
    for (size_t i = 0; i < len; i++) /* device trees end strings with NUL bytes; nothing else belongs into a name */
        if ((unsigned char)out[i] < ' ' && out[i] != '\n' && out[i] != '\t')
            out[i] = out[i] ? ' ' : 0;
    return true;
}

bool wt_sys_text(const wt_sysroot *r, char *out, size_t size, const char *fmt, ...)
{
    out[0] = 0;
    FULL_PATH(path, r, fmt);
    return read_small(path, out, size);
}

bool wt_sys_number(const wt_sysroot *r, int64_t *out, const char *fmt, ...)
{
    char text[64], *end;
    FULL_PATH(path, r, fmt);
    if (!read_small(path, text, sizeof text))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 0);
    return end != text && !*end && !errno;
}

bool wt_sys_exists(const wt_sysroot *r, const char *fmt, ...)
{
    FULL_PATH(path, r, fmt);
    return access(path, F_OK) == 0;
}

bool wt_sys_link_name(const wt_sysroot *r, char *out, size_t size, const char *fmt, ...)
{
    char target[1024];
    out[0] = 0;
    FULL_PATH(path, r, fmt);
    const ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return false;
    target[n] = 0;
    snprintf(out, size, "%s", wt_path_base(target));
    return true;
}

char *wt_sys_file(const wt_sysroot *r, const char *name)
{
    char path[1024], *text = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s%s", r->path, name);
    return wt_read_file(r->ctx, path, FILE_LIMIT, &text, &len, NULL) == WT_OK ? text : NULL;
}

/* --- folders ------------------------------------------------------------------------------------------------------ */
/* Shorter names first: cpu2 before cpu10, and PCI slots, which are hexadecimal and all of one length, as they are. */
static int by_name(const void *a, const void *b)
{
    const size_t m = strlen(a), n = strlen(b);
    return m != n ? (m < n ? -1 : 1) : strcmp(a, b);
}

wt_sys_names wt_sys_list(const wt_sysroot *r, const char *folder, const char *prefix)
{
    wt_sys_names list = { .ctx = r->ctx };
    char path[1024];
    snprintf(path, sizeof path, "%s%s", r->path, folder);
    DIR *d = opendir(path);
    if (!d)
        return list;
    for (const struct dirent *e; (e = readdir(d)) && list.n < MOST_NAMES;) {
        if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0 || strlen(e->d_name) >= WT_SYS_NAME)
            continue;
        if (wt_grow(r->ctx, (void **)&list.items, &list.cap, list.n + 1, sizeof *list.items, NULL) != WT_OK)
            break;
        snprintf(list.items[list.n++], WT_SYS_NAME, "%.*s", WT_SYS_NAME - 1, e->d_name);
    }
    closedir(d);
    if (list.n)
        qsort(list.items, list.n, sizeof *list.items, by_name);
    return list;
}

void wt_sys_names_free(wt_sys_names *names)
{
    wt_free(names->ctx, names->items);
    *names = (wt_sys_names){ 0 };
}

/* --- text
 * ------------------------------------------------------------------------------------------------------------------ */
bool wt_sys_field(const char *text, const char *key, char *out, size_t size)
{
    const size_t len = strlen(key);
    out[0] = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, len) != 0)
            continue;
        const char *p = line + len;
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p++ != ':')
            continue;
        while (*p == ' ' || *p == '\t')
            p++;
        snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
        return true;
    }
    return false;
}

int wt_sys_count_list(const char *list)
{
    int count = 0;
    for (const char *p = list;;) {
        char *end;
        const long first = strtol(p, &end, 10);
        long last = first;
        if (end == p || first < 0)
            return -1;
        if (*end == '-') {
            p = end + 1;
            last = strtol(p, &end, 10);
            if (end == p)
                return -1;
        }
        if (last < first || last - first > 1 << 20 || count > 1 << 20)
            return -1;
        count += (int)(last - first + 1);
        if (!*end || *end == '\n')
            return count;
        if (*end != ',')
            return -1;
        p = end + 1;
    }
}
