/* test.c - running a list of tests and counting; contexts, files and folders for them. */
#include "support/test.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/context_impl.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/str.h"

/* One program runs one list on one thread, so these may be variables of the file. */
static size_t skipped;
static char tmpdir[PATH_MAX];
static char **paths;
static size_t path_count;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int make_writable(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    return type == FTW_D ? chmod(path, 0700) : 0;
}

static void clean_up(void)
{
    if (tmpdir[0]) {
        nftw(tmpdir, make_writable, 16, FTW_PHYS);
        nftw(tmpdir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    }
    for (size_t i = 0; i < path_count; i++)
        free(paths[i]);
    free(paths);
    paths = NULL;
    path_count = 0;
    tmpdir[0] = 0;
}

int wt_test_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    const char *filter = getenv("WHET_TEST_FILTER");
    struct CMUnitTest *chosen = calloc(count ? count : 1, sizeof *chosen);
    size_t n = 0;
    if (!chosen)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (!filter || wt_glob_match(filter, tests[i].name))
            chosen[n++] = tests[i];
    skipped = 0;
    const int answer = _cmocka_run_group_tests(name, chosen, n, NULL, NULL);
    const size_t failed = answer < 0 ? 1 : (size_t)answer;
    free(chosen);
    clean_up();
    fflush(stderr);
    printf("%zu passed, %zu failed, %zu skipped\n", n - failed - skipped, failed, skipped);
    fflush(stdout);
    return failed ? 1 : 0;
}

bool wt_test_long(void)
{
    const char *value = getenv("WHET_TEST_LONG");
    return value && value[0] && strcmp(value, "0") != 0;
}

void wt_test_skip(const char *fmt, ...)
{
    char reason[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    print_message("skipped: %s\n", reason);
    skipped++;
    skip();
}

wt_context *wt_test_context(void)
{
    wt_context *ctx;
    wt_err err = { 0 };
    wt_context_options options = wt_context_defaults();
    options.threads = 2;
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    return ctx;
}

void wt_test_context_close(wt_context *ctx)
{
    wt_pool_close(ctx->pool); /* the context's own: not a leak */
    ctx->pool = NULL;
    const uint64_t left = wt_context_memory_now(ctx);
    wt_context_close(ctx);
    if (left)
        fail_msg("%llu bytes were not freed", (unsigned long long)left);
}

void wt_test_ok(wt_status st, const wt_err *err)
{
    if (st != WT_OK)
        fail_msg("%s: %s%s%s%s%s", wt_status_name(st), err ? err->where : "", err && err->where[0] ? ": " : "",
                 err ? err->message : "", err && err->hint[0] ? "; hint: " : "", err ? err->hint : "");
}

void wt_test_refused(wt_status st, wt_status expected, const wt_err *err, const char *part)
{
    if (st != expected)
        fail_msg("answered %s instead of %s: %s", wt_status_name(st), wt_status_name(expected), err->message);
    if (err->code != expected)
        fail_msg("the error says %s, the answer was %s", wt_status_name(err->code), wt_status_name(expected));
    if (part && !strstr(err->message, part))
        fail_msg("the message does not say \"%s\": %s", part, err->message);
}

const char *wt_test_path(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    char **more = realloc(paths, (path_count + 1) * sizeof *paths);
    if (!path || !more) {
        fprintf(stderr, "out of memory\n");
        abort();
    }
    paths = more;
    paths[path_count++] = path;
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

const char *wt_test_tmpdir(void)
{
    if (!tmpdir[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(tmpdir, sizeof tmpdir, "%s/whet-test-XXXXXX", base && base[0] ? base : "/tmp");
        if (!mkdtemp(tmpdir)) {
            perror("cannot make a temporary folder");
            abort();
        }
    }
    static unsigned number; /* a folder for each call: tests do not see each other's files */
    char name[32];
    snprintf(name, sizeof name, "%u", number++);
    const char *folder = wt_test_path(tmpdir, name);
    if (mkdir(folder, 0700) != 0)
        fail_msg("cannot make folder %s: %s", folder, strerror(errno));
    return folder;
}

const char *wt_test_source(const char *name)
{
    const char *root = getenv("WHET_SOURCE_DIR");
    return wt_test_path(root ? root : ".", name);
}

const char *wt_test_shared_data(const char *name)
{
    const char *root = getenv("WHET_SHARED_DATA");
    if (!root || !root[0])
        wt_test_skip("WHET_SHARED_DATA is not set");
    const char *path = wt_test_path(root, name);
    if (!wt_path_exists(path))
        wt_test_skip("%s is absent", path);
    return path;
}

void wt_test_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        fail_msg("cannot write %s: %s", path, strerror(errno));
}

size_t wt_test_count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        fail_msg("cannot list %s: %s", folder, strerror(errno));
    size_t n = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}
