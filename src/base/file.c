/* file.c - mapped input, whole-file input, and paths.
 *
 * A mapping shows the file as it is: who shortens it while it is mapped gives the reader SIGBUS. That is the price of
 * never copying weights; our own writers replace files by rename, which leaves a mapping of the old file intact. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/context_impl.h"
#include "base/hash.h"

/* --- paths ------------------------------------------------------------------------------------------------ */

bool wt_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool wt_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

wt_status wt_refuse_replacing(const char *output, const char *input, wt_err *err)
{
    struct stat a, b;
    if (stat(output, &a) != 0 || stat(input, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return WT_OK;
    wt_fail(err, WT_EUSAGE, "%s is what is read, and would be replaced", output);
    wt_err_hint(err, "choose another name for the output");
    return WT_EUSAGE;
}

const char *wt_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *wt_path_join(wt_context *ctx, const char *dir, const char *name, wt_err *err)
{
    const size_t d = strlen(dir), n = strlen(name);
    const size_t slash = d > 0 && dir[d - 1] != '/';
    char *path = wt_alloc_raw(ctx, d + slash + n + 1, 1, err);
    if (!path)
        return NULL;
    memcpy(path, dir, d);
    path[d] = '/';
    memcpy(path + d + slash, name, n + 1);
    return path;
}

char *wt_path_dir(wt_context *ctx, const char *path, wt_err *err)
{
    const char *base = wt_path_base(path);
    size_t len = (size_t)(base - path);
    if (len == 0)
        path = ".", len = 1;
    while (len > 1 && path[len - 1] == '/')
        len--;
    char *dir = wt_alloc_raw(ctx, len + 1, 1, err);
    if (!dir)
        return NULL;
    memcpy(dir, path, len);
    dir[len] = 0;
    return dir;
}

wt_status wt_make_dirs(wt_context *ctx, const char *path, wt_err *err)
{
    const size_t len = strlen(path);
    if (len == 0)
        return wt_fail(err, WT_EUSAGE, "an empty path names no folder");
    char *copy = wt_alloc_raw(ctx, len + 1, 1, err);
    if (!copy)
        return WT_ENOMEM;
    memcpy(copy, path, len + 1);
    wt_status st = WT_OK;
    for (size_t i = 1; i <= len && st == WT_OK; i++) {
        if (copy[i] != '/' && copy[i] != 0)
            continue;
        const char kept = copy[i];
        copy[i] = 0;
        if (mkdir(copy, 0777) != 0 && !wt_path_is_dir(copy)) { /* EEXIST, but also EROFS or EACCES above our part */
            st = wt_fail_errno(err, "cannot make folder %s", copy);
            if (wt_path_exists(copy))
                wt_err_hint(err, "a file of that name is in the way: choose another one");
        }
        copy[i] = kept;
    }
    wt_free(ctx, copy);
    return st;
}

/* --- opening for reading ------------------------------------------------------------------------------------ */

/* Not blocking, since opening a FIFO would wait for a writer that may never come. */
enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

static wt_status check_regular(int fd, const char *path, uint64_t *size, wt_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return wt_fail_errno(err, "cannot examine %s", path);
    if (S_ISDIR(st.st_mode)) {
        wt_fail(err, WT_EIO, "%s is a folder, expected a file", path);
        wt_err_hint(err, "name a file in it");
        return WT_EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        wt_fail(err, WT_EIO, "%s is not a regular file and cannot be mapped", path);
        wt_err_hint(err, "copy it to a file first");
        return WT_EIO;
    }
    *size = (uint64_t)st.st_size;
    return WT_OK;
}

typedef struct wt_mapping {
    struct wt_mapping *next; /* of the context */
    const void *data;
    uint64_t size;
    char path[];
} wt_mapping;

/* Takes fd, which is closed in any case. */
static wt_status map_fd(wt_map *out, wt_context *ctx, int fd, const char *path, wt_err *err)
{
    uint64_t size = 0;
    void *data = NULL;
    wt_status st = check_regular(fd, path, &size, err);
    if (st == WT_OK && size > PTRDIFF_MAX)
        st = wt_fail(err, WT_ENOMEM, "%s is larger than the address space", path);
    if (st == WT_OK && size > 0) {
        data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            st = wt_fail_errno(err, "cannot map %s", path);
    }
    close(fd);
    if (st != WT_OK)
        return st;
    const size_t len = strlen(path) + 1;
    wt_mapping *m = wt_alloc_raw(ctx, sizeof *m + len, 1, err);
    if (!m) {
        if (size > 0)
            munmap(data, (size_t)size);
        return WT_ENOMEM;
    }
    m->data = data, m->size = size;
    memcpy(m->path, path, len);
    *out = (wt_map){ .data = data, .size = size, .path = m->path, .ctx = ctx, .mapping = m };
    pthread_mutex_lock(&ctx->maps_lock);
    m->next = ctx->maps, ctx->maps = m;
    pthread_mutex_unlock(&ctx->maps_lock);
    return WT_OK;
}

wt_status wt_map_open(wt_map *out, wt_context *ctx, const char *path, wt_err *err)
{
    memset(out, 0, sizeof *out);
    const int fd = open(path, READ_FLAGS);
    if (fd < 0)
        return wt_fail_errno(err, "cannot open %s", path);
    return map_fd(out, ctx, fd, path, err);
}

static bool is_mapped(wt_context *ctx, uintptr_t begin, uintptr_t end)
{
    bool found = false;
    pthread_mutex_lock(&ctx->maps_lock);
    for (const wt_mapping *m = ctx->maps; m && !found; m = m->next)
        found = begin >= (uintptr_t)m->data && end <= (uintptr_t)m->data + m->size;
    pthread_mutex_unlock(&ctx->maps_lock);
    return found;
}

void wt_map_forget(wt_context *ctx, const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)data;
    const uintptr_t begin = (at + page - 1) / page * page, end = (at + bytes) / page * page;
    if (begin < end && is_mapped(ctx, begin, end)) /* whole pages: what lies beside may be in use */
        madvise((char *)(uintptr_t)data + (begin - at), end - begin, MADV_DONTNEED);
}

static void unregister(wt_context *ctx, const wt_mapping *mapping)
{
    pthread_mutex_lock(&ctx->maps_lock);
    wt_mapping **link = &ctx->maps;
    while (*link && *link != mapping)
        link = &(*link)->next;
    if (*link)
        *link = mapping->next;
    pthread_mutex_unlock(&ctx->maps_lock);
}

void wt_map_close(wt_map *map)
{
    if (map->mapping)
        unregister(map->ctx, map->mapping);
    if (map->data)
        munmap((void *)(uintptr_t)map->data, (size_t)map->size);
    if (map->mapping)
        wt_free(map->ctx, map->mapping);
    memset(map, 0, sizeof *map);
}

/* --- opening inside a folder -------------------------------------------------------------------------------- */

static wt_status escapes(wt_err *err, const char *name, const char *dir)
{
    wt_fail(err, WT_EFORMAT, "%s leaves the folder %s", name, dir);
    wt_err_hint(err, "only files inside the model's own folder are read; put the file there");
    return WT_EFORMAT;
}

static bool has_dotdot(const char *name)
{
    for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == 0))
            return true;
    return false;
}

/* Opens `relative`, in which no component may be a link, one component at a time below dirfd. */
static int open_below(int dirfd, char *relative)
{
    int at = dirfd;
    for (char *part = relative;;) {
        char *slash = strchr(part, '/');
        if (slash)
            *slash = 0;
        const int flags = slash ? O_RDONLY | O_CLOEXEC | O_DIRECTORY : (int)READ_FLAGS;
        const int fd = openat(at, part, flags | O_NOFOLLOW);
        const int failed = errno;
        if (at != dirfd)
            close(at);
        errno = failed;
        if (fd < 0 || !slash)
            return fd;
        at = fd;
        part = slash + 1;
    }
}

/* Resolves every link first and compares where that leads; then walks the resolved path without following links,
 * so that a link put there in between is refused instead of followed. */
wt_status wt_map_open_inside(wt_map *out, wt_context *ctx, const char *dir, const char *name, wt_err *err)
{
    char root[PATH_MAX], target[PATH_MAX];
    memset(out, 0, sizeof *out);
    if (!name[0])
        return wt_fail(err, WT_EFORMAT, "an empty name for a file in %s", dir);
    if (name[0] == '/' || has_dotdot(name))
        return escapes(err, name, dir);
    char *path = wt_path_join(ctx, dir[0] ? dir : ".", name, err);
    if (!path)
        return WT_ENOMEM;
    wt_status st = WT_OK;
    int dirfd = -1, fd = -1;
    if (!realpath(dir[0] ? dir : ".", root)) {
        st = wt_fail_errno(err, "cannot open folder %s", dir);
        goto done;
    }
    if (!realpath(path, target)) {
        st = wt_fail_errno(err, "cannot open %s", path);
        goto done;
    }
    const size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(target, root, len) != 0 || target[len] != '/') {
        st = strcmp(target, root) == 0 ? wt_fail(err, WT_EFORMAT, "%s is a folder, expected a file", path)
                                       : escapes(err, name, dir);
        goto done;
    }
    if ((dirfd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY)) < 0 ||
        (fd = open_below(dirfd, target + len + 1)) < 0) {
        st = wt_fail_errno(err, "cannot open %s", path);
        goto done;
    }
    st = map_fd(out, ctx, fd, path, err);
done:
    if (dirfd >= 0)
        close(dirfd);
    wt_free(ctx, path);
    return st;
}

/* --- whole files -------------------------------------------------------------------------------------------- */

static wt_status too_large(wt_err *err, const char *path, uint64_t limit)
{
    return wt_fail(err, WT_ELIMIT, "%s is larger than the %llu bytes that are read at most", path,
                   (unsigned long long)limit);
}

/* Reads to the end rather than to the size: a pipe has none, and files under /proc say 0. */
static wt_status read_all(wt_context *ctx, int fd, const char *path, uint64_t limit, char **out, size_t *len,
                          wt_err *err)
{
    enum { STEP = 1 << 16 };
    void *data = NULL;
    size_t cap = 0, n = 0;
    wt_status st = WT_OK;
    struct stat info;
    size_t first = STEP;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        if ((uint64_t)info.st_size > limit)
            return too_large(err, path, limit);
        first = (size_t)info.st_size + 1;
    }
    for (;;) {
        st = wt_grow(ctx, &data, &cap, n == 0 ? first : n + 2, 1, err);
        if (st != WT_OK)
            break;
        const ssize_t got = read(fd, (char *)data + n, cap - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            st = wt_fail_errno(err, "cannot read %s", path);
            break;
        }
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > limit) {
            st = too_large(err, path, limit);
            break;
        }
    }
    if (st != WT_OK) {
        wt_free(ctx, data);
        return st;
    }
    ((char *)data)[n] = 0;
    *out = data;
    *len = n;
    return WT_OK;
}

wt_status wt_read_file(wt_context *ctx, const char *path, uint64_t limit, char **out, size_t *len, wt_err *err)
{
    *out = NULL;
    *len = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return wt_fail_errno(err, "cannot open %s", path);
    const wt_status st = read_all(ctx, fd, path, limit, out, len, err);
    close(fd);
    return st;
}

enum { HASH_STEP = 1 << 20 };

wt_status wt_hash_file(wt_context *ctx, const char *path, char hex[65], wt_err *err)
{
    wt_map map;
    wt_sha256 hash;
    uint8_t bytes[32];
    WT_TRY(wt_map_open(&map, ctx, path, err));
    wt_sha256_init(&hash);
    for (uint64_t at = 0; at < map.size; at += HASH_STEP)
        wt_sha256_add(&hash, map.data + at, map.size - at < HASH_STEP ? (size_t)(map.size - at) : HASH_STEP);
    wt_sha256_end(&hash, bytes);
    wt_sha256_hex(bytes, hex);
    wt_map_close(&map);
    return WT_OK;
}

wt_status wt_check_hash(wt_context *ctx, const char *path, const char *expected, wt_err *err)
{
    char hex[65];
    WT_TRY(wt_hash_file(ctx, path, hex, err));
    return strcmp(hex, expected) ? wt_fail(err, WT_EIO, "%s reads back differently from what was written", path)
                                 : WT_OK;
}
