/* Files: mapping, confinement to a folder, whole or nothing output. Several tests need a user who is not root,
 * for root may write everywhere; they drop to nobody in a child, or skip. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "support/test.h"

static void expect_content(wt_context *ctx, const char *path, const char *expected)
{
    char *text;
    size_t len;
    wt_err err = { 0 };
    wt_test_ok(wt_read_file(ctx, path, 1 << 20, &text, &len, &err), &err);
    assert_int_equal(len, strlen(expected));
    assert_string_equal(text, expected);
    wt_free(ctx, text);
}

static void mapping_files(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_map map;
    const char *dir = wt_test_tmpdir();
    const char *path = wt_test_path(dir, "some");
    wt_test_write(path, "abc\0def", 7);
    wt_test_ok(wt_map_open(&map, ctx, path, &err), &err);
    assert_true(map.size == 7 && memcmp(map.data, "abc\0def", 7) == 0);
    assert_string_equal(map.path, path);
    wt_map_close(&map);
    wt_map_close(&map);
    const char *empty = wt_test_path(dir, "empty");
    wt_test_write(empty, "", 0);
    wt_test_ok(wt_map_open(&map, ctx, empty, &err), &err);
    assert_true(map.size == 0 && map.data == NULL);
    wt_map_close(&map);
    wt_test_refused(wt_map_open(&map, ctx, dir, &err), WT_EIO, &err, "is a folder");
    wt_test_refused(wt_map_open(&map, ctx, wt_test_path(dir, "absent"), &err), WT_EIO, &err, "No such file");
    wt_test_refused(wt_map_open(&map, ctx, "/dev/null", &err), WT_EIO, &err, "not a regular file");
    const char *fifo = wt_test_path(dir, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    wt_test_refused(wt_map_open(&map, ctx, fifo, &err), WT_EIO, &err, "not a regular file"); /* and does not hang */
    assert_null(map.data);
    wt_map_close(&map);
    wt_test_context_close(ctx);
}

static void whole_files_up_to_a_limit(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    char *text;
    size_t len;
    const char *path = wt_test_path(wt_test_tmpdir(), "text");
    wt_test_write(path, "0123456789", 10);
    wt_test_ok(wt_read_file(ctx, path, 10, &text, &len, &err), &err);
    assert_true(len == 10 && text[10] == 0);
    wt_free(ctx, text);
    wt_test_refused(wt_read_file(ctx, path, 9, &text, &len, &err), WT_ELIMIT, &err, "larger than the 9 bytes");
    assert_null(text);
    wt_test_ok(wt_read_file(ctx, "/proc/self/status", 1 << 20, &text, &len, &err), &err); /* says that it has 0 bytes */
    assert_true(len > 100);
    wt_free(ctx, text);
    wt_test_refused(wt_read_file(ctx, "/dev/zero", 100000, &text, &len, &err), WT_ELIMIT, &err, NULL);
    wt_test_refused(wt_read_file(ctx, wt_test_tmpdir(), 10, &text, &len, &err), WT_EIO, &err, "Is a directory");
    wt_test_ok(wt_read_file(ctx, "/dev/null", 0, &text, &len, &err), &err);
    assert_true(len == 0 && text[0] == 0);
    wt_free(ctx, text);
    wt_test_context_close(ctx);
}

static void names_stay_inside_the_folder(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *outer = wt_test_tmpdir();
    const char *dir = wt_test_path(outer, "model"), *sub = wt_test_path(dir, "sub"),
               *beside = wt_test_path(outer, "model-2");
    wt_err err = { 0 };
    wt_map map;
    assert_true(mkdir(dir, 0700) == 0 && mkdir(sub, 0700) == 0 && mkdir(beside, 0700) == 0);
    wt_test_write(wt_test_path(outer, "secret"), "secret", 6);
    wt_test_write(wt_test_path(beside, "secret"), "secret", 6);
    wt_test_write(wt_test_path(sub, "weights"), "inside", 6);
    assert_int_equal(symlink("../secret", wt_test_path(dir, "link-out")), 0);
    assert_int_equal(symlink("sub/weights", wt_test_path(dir, "link-in")), 0);
    assert_int_equal(symlink("..", wt_test_path(dir, "up")), 0);
    assert_int_equal(symlink("../model-2", wt_test_path(dir, "next")), 0); /* shares the folder's name as a prefix */
    assert_int_equal(symlink("/etc", wt_test_path(sub, "etc")), 0);
    assert_int_equal(symlink("loop", wt_test_path(dir, "loop")), 0);

    static const char *const good[] = { "sub/weights", "./sub/weights", "sub//weights", "sub/./weights", "link-in" };
    for (size_t i = 0; i < WT_ARRAY_LEN(good); i++) {
        wt_test_ok(wt_map_open_inside(&map, ctx, dir, good[i], &err), &err);
        assert_true(map.size == 6 && memcmp(map.data, "inside", 6) == 0);
        wt_map_close(&map);
    }
    static const char *const bad[] = { "/etc/passwd",         "../secret",          "..",
                                       "sub/../../secret",    "sub/../sub/weights", "link-out",
                                       "up/secret",           "next/secret",        "sub/etc/passwd",
                                       "../model/sub/weights" };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_test_refused(wt_map_open_inside(&map, ctx, dir, bad[i], &err), WT_EFORMAT, &err, "leaves the folder");
        assert_null(map.data);
    }
    wt_test_refused(wt_map_open_inside(&map, ctx, dir, "", &err), WT_EFORMAT, &err, "empty name");
    wt_test_refused(wt_map_open_inside(&map, ctx, dir, ".", &err), WT_EFORMAT, &err, "is a folder");
    wt_test_refused(wt_map_open_inside(&map, ctx, dir, "sub", &err), WT_EIO, &err, "is a folder");
    wt_test_refused(wt_map_open_inside(&map, ctx, dir, "absent", &err), WT_EIO, &err, "No such file");
    wt_test_refused(wt_map_open_inside(&map, ctx, dir, "loop", &err), WT_EIO, &err, NULL);
    wt_test_refused(wt_map_open_inside(&map, ctx, wt_test_path(dir, "absent"), "x", &err), WT_EIO, &err, NULL);
    wt_test_ok(wt_map_open_inside(&map, ctx, "/", wt_test_path(dir, "sub/weights") + 1, &err),
               &err); /* the root is a folder too */
    wt_map_close(&map);
    wt_test_context_close(ctx);
}

static void dots_in_names_are_no_climbing(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *dir = wt_test_tmpdir();
    wt_err err = { 0 };
    wt_map map;
    static const char *const names[] = { "..weights", "weights..", "a..b", "..." };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        wt_test_write(wt_test_path(dir, names[i]), "x", 1);
        wt_test_ok(wt_map_open_inside(&map, ctx, dir, names[i], &err), &err);
        wt_map_close(&map);
    }
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(dir), 0);
    wt_test_ok(wt_map_open_inside(&map, ctx, "", "a..b", &err), &err); /* no folder means here */
    wt_map_close(&map);
    wt_test_ok(wt_map_open_inside(&map, ctx, ".", "a..b", &err), &err);
    wt_map_close(&map);
    assert_int_equal(chdir(here), 0);
    wt_test_context_close(ctx);
}

static void output_appears_whole(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *path = wt_test_path(dir, "out");
    wt_outfile *file;
    char hex[65];
    wt_test_ok(wt_outfile_open(&file, ctx, path, false, &err), &err);
    assert_false(wt_path_exists(path));
    assert_int_equal(wt_test_count_files(dir), 1); /* the temporary name */
    wt_test_ok(wt_outfile_write(file, "ab", 2, &err), &err);
    wt_test_ok(wt_outfile_write(file, "c", 1, &err), &err);
    wt_test_ok(wt_outfile_write(file, NULL, 0, &err), &err);
    assert_true(wt_outfile_tell(file) == 3);
    assert_false(wt_path_exists(path));
    wt_test_ok(wt_outfile_commit(file, hex, &err), &err);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_content(ctx, path, "abc");
    assert_int_equal(wt_test_count_files(dir), 1);
    wt_test_context_close(ctx);
}

static void what_killed_programs_left_goes(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *path = wt_test_path(dir, "now");
    static const char *const left[] = { "a.onnx.tmp-whet-0123abcd", ".tmp-whet-ffffffff" };
    static const char *const kept[] = { "a.onnx", "a.tmp-whet-", "a.tmp-whet-012", "b.tmp-whet-0123abcz",
                                        "c.tmp-whet-0123abcd.x" };
    for (size_t i = 0; i < WT_ARRAY_LEN(left); i++)
        wt_test_write(wt_test_path(dir, left[i]), "x", 1);
    for (size_t i = 0; i < WT_ARRAY_LEN(kept); i++)
        wt_test_write(wt_test_path(dir, kept[i]), "x", 1);
    assert_int_equal(symlink("a.onnx", wt_test_path(dir, "d.tmp-whet-00000000")), 0);
    wt_outfile *file;
    wt_test_ok(wt_outfile_open(&file, ctx, path, false, &err), &err);
    wt_test_ok(wt_outfile_write(file, "abc", 3, &err), &err);
    wt_remove_leftovers(dir);
    wt_test_ok(wt_outfile_commit(file, NULL, &err), &err); /* its name was not taken from it */
    expect_content(ctx, path, "abc");
    for (size_t i = 0; i < WT_ARRAY_LEN(left); i++)
        assert_false(wt_path_exists(wt_test_path(dir, left[i])));
    for (size_t i = 0; i < WT_ARRAY_LEN(kept); i++)
        assert_true(wt_path_exists(wt_test_path(dir, kept[i])));
    assert_true(wt_path_exists(wt_test_path(dir, "d.tmp-whet-00000000")));
    wt_remove_leftovers(wt_test_path(dir, "absent")); /* no folder, nothing to remove */
    wt_test_context_close(ctx);
}

static void long_output_and_its_hash(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *path = wt_test_path(wt_test_tmpdir(), "long");
    enum { BYTES = 3000000 };
    uint8_t *bytes = malloc(BYTES), digest[32];
    assert_non_null(bytes);
    uint64_t random = 5;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)wt_random(&random);
    wt_outfile *file;
    wt_test_ok(wt_outfile_open(&file, ctx, path, false, &err), &err);
    for (size_t at = 0, n; at < BYTES; at += n) { /* pieces below, at and above the buffer's size */
        n = wt_random(&random) % 3 ? (size_t)(wt_random(&random) % 5000) : (size_t)(wt_random(&random) % 600000);
        n = n < BYTES - at ? n : BYTES - at;
        wt_test_ok(wt_outfile_write(file, bytes + at, n, &err), &err);
    }
    char hex[65], expected[65];
    wt_test_ok(wt_outfile_commit(file, hex, &err), &err);
    wt_sha256 s;
    wt_sha256_init(&s);
    wt_sha256_add(&s, bytes, BYTES);
    wt_sha256_end(&s, digest);
    wt_sha256_hex(digest, expected);
    assert_string_equal(hex, expected);
    wt_map map;
    wt_test_ok(wt_map_open(&map, ctx, path, &err), &err);
    assert_true(map.size == BYTES && memcmp(map.data, bytes, BYTES) == 0);
    wt_map_close(&map);
    free(bytes);
    wt_test_context_close(ctx);
}

static void replacing_needs_force(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *path = wt_test_path(dir, "old");
    wt_test_write(path, "old", 3);
    assert_int_equal(chmod(path, 0640), 0);
    wt_outfile *file = (void *)ctx;
    wt_test_refused(wt_outfile_open(&file, ctx, path, false, &err), WT_EUSAGE, &err, "exists already");
    assert_null(file);
    assert_non_null(strstr(err.hint, "--force"));
    wt_test_ok(wt_outfile_open(&file, ctx, path, true, &err), &err);
    wt_test_ok(wt_outfile_write(file, "new", 3, &err), &err);
    expect_content(ctx, path, "old"); /* until the very end */
    wt_outfile_abort(file);
    expect_content(ctx, path, "old");
    assert_int_equal(wt_test_count_files(dir), 1);
    wt_test_ok(wt_write_file(ctx, path, "new", 3, true, &err), &err);
    expect_content(ctx, path, "new");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    wt_outfile_abort(NULL);
    wt_test_context_close(ctx);
}

static void who_came_first_is_not_overwritten(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *path = wt_test_path(dir, "race");
    wt_outfile *file;
    wt_test_ok(wt_outfile_open(&file, ctx, path, false, &err), &err);
    wt_test_ok(wt_outfile_write(file, "ours", 4, &err), &err);
    wt_test_write(path, "theirs", 6);
    wt_test_refused(wt_outfile_commit(file, NULL, &err), WT_EUSAGE, &err, "by someone else");
    expect_content(ctx, path, "theirs");
    assert_int_equal(wt_test_count_files(dir), 1);
    wt_test_context_close(ctx);
}

static void links_are_followed_and_kept(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *real = wt_test_path(dir, "real"), *link = wt_test_path(dir, "link");
    const char *nowhere = wt_test_path(dir, "nowhere");
    struct stat st;
    wt_test_write(real, "old", 3);
    assert_true(symlink("real", link) == 0 && symlink("absent", nowhere) == 0);
    wt_test_refused(wt_write_file(ctx, link, "new", 3, false, &err), WT_EUSAGE, &err, "exists already");
    wt_test_ok(wt_write_file(ctx, link, "new", 3, true, &err), &err);
    expect_content(ctx, real, "new");
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    wt_test_refused(wt_write_file(ctx, nowhere, "new", 3, true, &err), WT_EIO, &err, "a link");
    wt_test_context_close(ctx);
}

static void unwritable_paths(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *plain = wt_test_path(dir, "plain");
    wt_test_write(plain, "x", 1);
    wt_test_refused(wt_write_file(ctx, "", "x", 1, true, &err), WT_EUSAGE, &err, "empty path");
    wt_test_refused(wt_write_file(ctx, dir, "x", 1, true, &err), WT_EUSAGE, &err, "is a folder");
    wt_test_refused(wt_write_file(ctx, wt_test_path(dir, "absent/"), "x", 1, true, &err), WT_EUSAGE, &err,
                    "names a folder");
    wt_test_refused(wt_write_file(ctx, wt_test_path(dir, "absent/x"), "x", 1, true, &err), WT_EIO, &err,
                    "No such file");
    assert_non_null(strstr(err.hint, "must exist"));
    wt_test_refused(wt_write_file(ctx, wt_test_path(dir, "plain/x"), "x", 1, true, &err), WT_EIO, &err,
                    "Not a directory");
    char name[300];
    memset(name, 'n', sizeof name);
    name[255] = 0; /* the longest that a file system takes: the temporary name must not be longer */
    wt_test_ok(wt_write_file(ctx, wt_test_path(dir, name), "x", 1, true, &err), &err);
    name[255] = 'n';
    name[299] = 0;
    wt_test_refused(wt_write_file(ctx, wt_test_path(dir, name), "x", 1, true, &err), WT_EIO, &err, "too long");
    assert_int_equal(wt_test_count_files(dir), 2);
    wt_test_context_close(ctx);
}

static void a_full_device(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    if (!wt_path_exists("/dev/full"))
        wt_test_skip("no /dev/full");
    char big[4096] = { 0 };
    wt_test_refused(wt_write_file(ctx, "/dev/full", big, sizeof big, true, &err), WT_EIO, &err, "No space left");
    assert_non_null(strstr(err.hint, "disk is full"));
    wt_outfile *file;
    wt_test_ok(wt_outfile_open(&file, ctx, "/dev/full", false, &err), &err);
    wt_status st = WT_OK;
    for (int i = 0; i < 200 && st == WT_OK; i++)
        st = wt_outfile_write(file, big, sizeof big, &err);
    wt_test_refused(st, WT_EIO, &err, "No space left");
    wt_test_refused(wt_outfile_write(file, big, 1, &err), WT_EIO, &err, "earlier write failed");
    wt_test_refused(wt_outfile_commit(file, NULL, &err), WT_EIO, &err, "earlier write failed");
    struct stat info;
    assert_true(stat("/dev/full", &info) == 0 && S_ISCHR(info.st_mode)); /* still a device */
    wt_test_ok(wt_write_file(ctx, "/dev/null", big, sizeof big, false, &err), &err);
    wt_test_context_close(ctx);
}

/* A limit on the file's size stands for a disk that fills up in the middle. */
static void a_disk_that_fills_up(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir(), *path = wt_test_path(dir, "large");
    struct rlimit before, small;
    wt_test_write(path, "old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 300000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char *bytes = calloc(1, 1 << 20);
    const wt_status st = bytes ? wt_write_file(ctx, path, bytes, 1 << 20, true, &err) : WT_OK;
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    free(bytes);
    wt_test_refused(st, WT_EIO, &err, "File too large");
    expect_content(ctx, path, "old");
    assert_int_equal(wt_test_count_files(dir), 1);
    wt_test_context_close(ctx);
}

/* Runs fn as a user who is not root; answers its exit code, -1 when that is impossible. */
static int as_nobody(int (*fn)(const char *), const char *arg)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(77);
        _exit(fn(arg));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

static int write_where_forbidden(const char *path)
{
    wt_context *ctx;
    wt_err err = { 0 };
    if (wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 1;
    const wt_status st = wt_write_file(ctx, path, "x", 1, true, &err);
    const bool ok = st == WT_EIO && strstr(err.message, "Permission denied") && strstr(err.hint, "permissions");
    if (!ok)
        fprintf(stderr, "answered %s: %s; %s\n", wt_status_name(st), err.message, err.hint);
    wt_context_close(ctx);
    return ok ? 0 : 1;
}

static void a_folder_without_permission(void **state)
{
    (void)state;
    const char *dir = wt_test_tmpdir(), *closed = wt_test_path(dir, "closed");
    assert_int_equal(mkdir(closed, 0555), 0);
    const int code = as_nobody(write_where_forbidden, wt_test_path(closed, "x"));
    if (code < 0)
        wt_test_skip("cannot become a user without rights");
    assert_int_equal(code, 0);
    assert_int_equal(wt_test_count_files(closed), 0);
}

static void folders_on_the_way(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *dir = wt_test_tmpdir();
    const char *deep = wt_test_path(dir, "a/b//c/");
    wt_test_ok(wt_make_dirs(ctx, deep, &err), &err);
    assert_true(wt_path_is_dir(wt_test_path(dir, "a/b/c")));
    wt_test_ok(wt_make_dirs(ctx, deep, &err), &err);
    wt_test_ok(wt_make_dirs(ctx, "/", &err), &err);
    wt_test_write(wt_test_path(dir, "plain"), "x", 1);
    wt_test_refused(wt_make_dirs(ctx, wt_test_path(dir, "plain"), &err), WT_EIO, &err, "cannot make folder");
    wt_test_refused(wt_make_dirs(ctx, wt_test_path(dir, "plain/x"), &err), WT_EIO, &err, "cannot make folder");
    wt_test_refused(wt_make_dirs(ctx, "", &err), WT_EUSAGE, &err, "empty");
    wt_test_context_close(ctx);
}

static void parts_of_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *dir, *base;
    } rows[] = { { "a/b.onnx", "a", "b.onnx" }, { "b.onnx", ".", "b.onnx" }, { "/b", "/", "b" },  { "/a/b", "/a", "b" },
                 { "a//b", "a", "b" },          { "a/", "a", "" },           { "//b", "/", "b" }, { "", ".", "" } };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        char *dir = wt_path_dir(ctx, rows[i].path, NULL);
        assert_string_equal(dir, rows[i].dir);
        assert_string_equal(wt_path_base(rows[i].path), rows[i].base);
        wt_free(ctx, dir);
    }
    static const struct {
        const char *dir, *name, *joined;
    } joins[] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "/", "b", "/b" }, { "", "b", "b" }, { "a", "", "a/" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(joins); i++) {
        char *path = wt_path_join(ctx, joins[i].dir, joins[i].name, NULL);
        assert_string_equal(path, joins[i].joined);
        wt_free(ctx, path);
    }
    wt_test_context_close(ctx);
}

static wt_status write_and_read(wt_context *ctx, void *arg, wt_err *err)
{
    const char *dir = arg;
    char path[PATH_MAX], *text = NULL;
    size_t len;
    wt_map map;
    snprintf(path, sizeof path, "%s/file", dir);
    WT_TRY(wt_make_dirs(ctx, dir, err));
    WT_TRY(wt_write_file(ctx, path, "content", 7, true, err));
    WT_TRY(wt_read_file(ctx, path, 100, &text, &len, err));
    wt_free(ctx, text);
    WT_TRY(wt_map_open(&map, ctx, path, err));
    wt_map_close(&map);
    WT_TRY(wt_map_open_inside(&map, ctx, dir, "file", err));
    wt_map_close(&map);
    return WT_OK;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    const char *dir = wt_test_tmpdir();
    assert_true(wt_test_fail_each_alloc(write_and_read, (void *)(uintptr_t)dir) >= 8);
    assert_int_equal(wt_test_count_files(dir), 1); /* no temporary name stayed behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_files),
        cmocka_unit_test(whole_files_up_to_a_limit),
        cmocka_unit_test(names_stay_inside_the_folder),
        cmocka_unit_test(dots_in_names_are_no_climbing),
        cmocka_unit_test(output_appears_whole),
        cmocka_unit_test(what_killed_programs_left_goes),
        cmocka_unit_test(long_output_and_its_hash),
        cmocka_unit_test(replacing_needs_force),
        cmocka_unit_test(who_came_first_is_not_overwritten),
        cmocka_unit_test(links_are_followed_and_kept),
        cmocka_unit_test(unwritable_paths),
        cmocka_unit_test(a_full_device),
        cmocka_unit_test(a_disk_that_fills_up),
        cmocka_unit_test(a_folder_without_permission),
        cmocka_unit_test(folders_on_the_way),
        cmocka_unit_test(parts_of_paths),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return wt_test_run("file", tests, WT_ARRAY_LEN(tests));
}
