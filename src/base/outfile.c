/* outfile.c - output that is there whole or not at all.
 *
 * Bytes go to NAME.tmp-whet-XXXXXXXX beside the target, made with O_EXCL; commit syncs them, renames, and syncs the
 * folder. All of it is relative to the folder's descriptor, so that a chdir in between changes nothing. Without
 * `force` the rename itself refuses to replace (another program may have made the file meanwhile). A device or a pipe
 * cannot be replaced by a file: it is written directly. A link is followed: the file it names is replaced.
 *
 * The temporary file is locked while it is written. The system takes the lock back when a program dies, so a name
 * without one is what a killed program left, and may go. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

enum { BUFFER = 1 << 18, TEMP_TRIES = 100, NAME_KEPT = 200 /* of 255 */, TEMP_DIGITS = 8 };
#define TEMP_MARK ".tmp-whet-"

struct wt_outfile {
    wt_context *ctx;
    char *path;     /* as the caller said it, for messages */
    char *target;   /* links resolved; its last part is the final name */
    char temp[256]; /* "" when written directly */
    int dir, fd;
    bool force, failed;
    mode_t mode;      /* of the file replaced, 0 without one */
    uint64_t written; /* bytes accepted */
    size_t used;      /* of buffer */
    wt_sha256 hash;
    uint8_t *buffer;
};

static char *copy_text(wt_context *ctx, const char *s, wt_err *err)
{
    const size_t n = strlen(s) + 1;
    char *copy = wt_alloc_raw(ctx, n, 1, err);
    return copy ? memcpy(copy, s, n) : NULL;
}

static void outfile_free(wt_outfile *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->dir >= 0) {
        if (file->temp[0])
            unlinkat(file->dir, file->temp, 0);
        close(file->dir);
    }
    wt_context *ctx = file->ctx;
    wt_free(ctx, file->path);
    wt_free(ctx, file->target);
    wt_free(ctx, file->buffer);
    wt_free(ctx, file);
}

/* Looks at what is at the path now. *direct: it is a device or pipe. */
static wt_status inspect(wt_outfile *file, bool *direct, wt_err *err)
{
    const char *path = file->path;
    char real[PATH_MAX];
    struct stat link, st;
    *direct = false;
    if (!path[0])
        return wt_fail(err, WT_EUSAGE, "an empty path names no file to write");
    const size_t len = strlen(path);
    if (path[len - 1] == '/')
        return wt_fail(err, WT_EUSAGE, "%s names a folder, expected a file to write", path);
    if (lstat(path, &link) != 0) {
        if (errno != ENOENT)
            return wt_fail_errno(err, "cannot write %s", path);
        file->target = copy_text(file->ctx, path, err);
        return file->target ? WT_OK : WT_ENOMEM;
    }
    if (stat(path, &st) != 0)
        return wt_fail_errno(err, "cannot write %s, a link", path);
    if (S_ISDIR(st.st_mode))
        return wt_fail(err, WT_EUSAGE, "%s is a folder, expected a file to write", path);
    *direct = !S_ISREG(st.st_mode);
    if (!*direct && !file->force) {
        wt_fail(err, WT_EUSAGE, "%s exists already", path);
        wt_err_hint(err, "use --force to replace it, or choose another name");
        return WT_EUSAGE;
    }
    file->mode = st.st_mode & 0777;
    if (!S_ISLNK(link.st_mode) || *direct)
        file->target = copy_text(file->ctx, path, err);
    else if (realpath(path, real))
        file->target = copy_text(file->ctx, real, err);
    else
        return wt_fail_errno(err, "cannot write %s, a link", path);
    return file->target ? WT_OK : WT_ENOMEM;
}

static wt_status open_dir(wt_outfile *file, wt_err *err)
{
    char *dir = wt_path_dir(file->ctx, file->target, err);
    if (!dir)
        return WT_ENOMEM;
    file->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->dir < 0 && errno == EACCES) /* a drop box: may be written, not listed; then it cannot be synced either */
        file->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const wt_status st = file->dir >= 0 ? WT_OK : wt_fail_errno(err, "cannot write %s: folder %s", file->path, dir);
    wt_free(file->ctx, dir);
    return st;
}

static wt_status open_temp(wt_outfile *file, wt_err *err)
{
    uint64_t seed = wt_now_ns() ^ (uint64_t)getpid() << 32 ^ (uintptr_t)file;
    const char *base = wt_path_base(file->target);
    for (int i = 0; i < TEMP_TRIES; i++) {
        snprintf(file->temp, sizeof file->temp, "%.*s" TEMP_MARK "%0*x", NAME_KEPT, base, TEMP_DIGITS,
                 (unsigned)wt_random(&seed));
        file->fd = openat(file->dir, file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd >= 0)
            break;
        if (errno != EEXIST) {
            file->temp[0] = 0;
            return wt_fail_errno(err, "cannot write %s", file->path);
        }
    }
    if (file->fd < 0) {
        file->temp[0] = 0; /* whoever made those names: they are not ours to remove */
        return wt_fail(err, WT_EIO, "cannot write %s: no free temporary name beside it", file->path);
    }
    (void)!flock(file->fd, LOCK_EX | LOCK_NB); /* without locks nobody removes it either */
    if (file->mode)
        (void)!fchmod(file->fd, file->mode); /* a file system without modes is fine */
    return WT_OK;
}

wt_status wt_outfile_open(wt_outfile **out, wt_context *ctx, const char *path, bool force, wt_err *err)
{
    bool direct = false;
    *out = NULL;
    wt_outfile *file = wt_alloc(ctx, 1, sizeof *file, err);
    if (!file)
        return WT_ENOMEM;
    file->ctx = ctx;
    file->dir = file->fd = -1;
    file->force = force;
    wt_sha256_init(&file->hash);
    wt_status st = WT_ENOMEM;
    if (!(file->path = copy_text(ctx, path, err)) || !(file->buffer = wt_alloc_raw(ctx, BUFFER, 1, err)))
        goto done;
    if ((st = inspect(file, &direct, err)) != WT_OK)
        goto done;
    if (direct) {
        file->fd = open(file->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        st = file->fd >= 0 ? WT_OK : wt_fail_errno(err, "cannot write %s", path);
        goto done;
    }
    if ((st = open_dir(file, err)) == WT_OK)
        st = open_temp(file, err);
done:
    if (st == WT_OK)
        *out = file;
    else
        outfile_free(file);
    return st;
}

/* Once a write failed the file stays failed: what follows would leave a hole. */
static wt_status write_out(wt_outfile *file, const uint8_t *bytes, size_t len, wt_err *err)
{
    wt_sha256_add(&file->hash, bytes, len);
    while (len > 0) {
        const ssize_t n = write(file->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            file->failed = true;
            return wt_fail_errno(err, "cannot write %s", file->path);
        }
        bytes += n;
        len -= (size_t)n;
    }
    return WT_OK;
}

static wt_status check_usable(const wt_outfile *file, wt_err *err)
{
    return file->failed ? wt_fail(err, WT_EIO, "cannot write %s: an earlier write failed", file->path) : WT_OK;
}

static wt_status flush(wt_outfile *file, wt_err *err)
{
    const size_t used = file->used;
    file->used = 0;
    return write_out(file, file->buffer, used, err);
}

wt_status wt_outfile_write(wt_outfile *file, const void *bytes, size_t len, wt_err *err)
{
    WT_TRY(check_usable(file, err));
    if (len > BUFFER - file->used)
        WT_TRY(flush(file, err));
    if (len >= BUFFER) {
        WT_TRY(write_out(file, bytes, len, err));
    } else if (len > 0) {
        memcpy(file->buffer + file->used, bytes, len);
        file->used += len;
    }
    file->written += len;
    return WT_OK;
}

uint64_t wt_outfile_tell(const wt_outfile *file) { return file->written; }

/* Some file systems cannot sync (EINVAL, ENOTSUP): there is then nothing better to do than to go on. */
static bool sync_failed(int fd) { return fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EBADF; }

/* Renames the temporary name to the final one; without force never over an existing file. */
static int rename_into_place(wt_outfile *file)
{
    const char *name = wt_path_base(file->target);
    if (file->force)
        return renameat(file->dir, file->temp, file->dir, name);
    if (renameat2(file->dir, file->temp, file->dir, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(file->dir, file->temp, file->dir, name, 0) == 0) /* the older way to say the same */
        return unlinkat(file->dir, file->temp, 0);
    if (errno == EEXIST)
        return -1;
    return renameat(file->dir, file->temp, file->dir, name); /* no hard links here: what we checked at open must do */
}

static wt_status finish(wt_outfile *file, wt_err *err)
{
    WT_TRY(check_usable(file, err));
    WT_TRY(flush(file, err));
    const bool direct = !file->temp[0];
    if (!direct && sync_failed(file->fd))
        return wt_fail_errno(err, "cannot write %s", file->path);
    const int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0 && errno != EINTR) /* network file systems report a full disk only here */
        return wt_fail_errno(err, "cannot write %s", file->path);
    if (direct)
        return WT_OK;
    if (rename_into_place(file) != 0) {
        if (errno == EEXIST) {
            wt_fail(err, WT_EUSAGE, "%s was made by someone else meanwhile", file->path);
            wt_err_hint(err, "use --force to replace it, or choose another name");
            return WT_EUSAGE;
        }
        return wt_fail_errno(err, "cannot rename to %s", file->path);
    }
    file->temp[0] = 0;
    if (sync_failed(file->dir))
        return wt_fail_errno(err, "%s is written, but its folder could not be synced", file->path);
    return WT_OK;
}

wt_status wt_outfile_commit(wt_outfile *file, char *hash_hex, wt_err *err)
{
    const wt_status st = finish(file, err);
    if (st == WT_OK && hash_hex) {
        uint8_t hash[32];
        wt_sha256_end(&file->hash, hash);
        wt_sha256_hex(hash, hash_hex);
    }
    outfile_free(file);
    return st;
}

void wt_outfile_abort(wt_outfile *file) { outfile_free(file); }

static bool is_temp_name(const char *name)
{
    const char *mark = strstr(name, TEMP_MARK), *digits = mark ? mark + strlen(TEMP_MARK) : "";
    for (const char *c = digits; *c; c++)
        if (!isxdigit((unsigned char)*c))
            return false;
    return strlen(digits) == TEMP_DIGITS;
}

void wt_remove_leftovers(const char *dir)
{
    DIR *list = opendir(dir);
    for (struct dirent *e; list && (e = readdir(list));) {
        if (!is_temp_name(e->d_name))
            continue;
        const int fd = openat(dirfd(list), e->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        if (fd < 0)
            continue;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)!unlinkat(dirfd(list), e->d_name, 0);
        close(fd);
    }
    if (list)
        closedir(list);
}

wt_status wt_write_file(wt_context *ctx, const char *path, const void *bytes, size_t len, bool force, wt_err *err)
{
    wt_outfile *file;
    WT_TRY(wt_outfile_open(&file, ctx, path, force, err));
    const wt_status st = wt_outfile_write(file, bytes, len, err);
    if (st == WT_OK)
        return wt_outfile_commit(file, NULL, err);
    wt_outfile_abort(file);
    return st;
}
