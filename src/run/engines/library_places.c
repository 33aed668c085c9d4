/* library_places.c - see library_places.h. */
#include "run/engines/library_places.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"

enum { PLACE = 1024, NESTED = 8 };

/* Each part of a list like PATH. */
static wt_status each_part(const char *list, wt_place_fn *fn, void *user, wt_err *err)
{
    char folder[PLACE];
    for (const char *p = list; p && *p;) {
        const size_t len = strcspn(p, ":");
        if (len && len < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)len, p);
            WT_TRY(fn(user, folder, err));
        }
        p += len + (p[len] == ':');
    }
    return WT_OK;
}

/* Each path that a pattern stands for. */
static wt_status each_match(const char *pattern, wt_place_fn *fn, void *user, wt_err *err)
{
    glob_t found = { 0 };
    wt_status st = WT_OK;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && st == WT_OK; i++)
            st = fn(user, found.gl_pathv[i], err);
    globfree(&found);
    return st;
}

/* --- the linker's
 * -------------------------------------------------------------------------------------------------------------- */
#ifndef __APPLE__
typedef struct conf {
    wt_place_fn *fn;
    void *user;
    int depth;
} conf;

static wt_status read_conf(void *user, const char *path, wt_err *err);

static wt_status conf_line(conf *c, char *line, wt_err *err)
{
    line[strcspn(line, "#\n")] = 0;
    line += strspn(line, " \t");
    for (size_t n = strlen(line); n && (line[n - 1] == ' ' || line[n - 1] == '\t'); n--)
        line[n - 1] = 0;
    if (wt_str_starts(line, "include ") || wt_str_starts(line, "include\t")) {
        const char *pattern = line + 8 + strspn(line + 8, " \t");
        char beside[PLACE];
        snprintf(beside, sizeof beside, "%s%s", pattern[0] == '/' ? "" : "/etc/", pattern);
        return each_match(beside, read_conf, c, err);
    }
    return line[0] == '/' ? c->fn(c->user, line, err) : WT_OK;
}

static wt_status read_conf(void *user, const char *path, wt_err *err)
{
    conf *c = user;
    char line[PLACE];
    FILE *f = c->depth < NESTED ? fopen(path, "r") : NULL;
    wt_status st = WT_OK;
    if (!f)
        return WT_OK;
    c->depth++;
    while (st == WT_OK && fgets(line, sizeof line, f))
        st = conf_line(c, line, err);
    c->depth--;
    fclose(f);
    return st;
}
#endif

wt_status wt_linker_places(wt_place_fn *fn, void *user, wt_err *err)
{
#ifdef __APPLE__
    static const char usual[] = "/opt/homebrew/lib:/usr/local/lib:/usr/lib";
    WT_TRY(each_part(getenv("DYLD_LIBRARY_PATH"), fn, user, err));
#else
    static const char usual[] = "/lib64:/usr/lib64:/lib:/usr/lib";
    conf c = { fn, user, 0 };
    WT_TRY(each_part(getenv("LD_LIBRARY_PATH"), fn, user, err));
    WT_TRY(read_conf(&c, "/etc/ld.so.conf", err));
#endif
    return each_part(usual, fn, user, err);
}

/* --- Python's
 * ------------------------------------------------------------------------------------------------------------------ */

/* Packages of an installation or a virtual environment. */
static wt_status python_prefix(const char *prefix, wt_place_fn *fn, void *user, wt_err *err)
{
    static const char *const patterns[] = { "lib/python3.*/site-packages", "lib64/python3.*/site-packages",
                                            "local/lib/python3.*/dist-packages", "lib/python3/dist-packages" };
    char pattern[PLACE];
    for (size_t i = 0; i < WT_ARRAY_LEN(patterns); i++)
        if (snprintf(pattern, sizeof pattern, "%s/%s", prefix, patterns[i]) < (int)sizeof pattern)
            WT_TRY(each_match(pattern, fn, user, err));
    return WT_OK;
}

/* pyenv puts scripts on PATH that start the version named in a file (or a variable). */
static bool behind_shim(const char *bin, char prefix[PLACE])
{
    char path[PLACE + 32], version[64] = "";
    const char *named = getenv("PYENV_VERSION");
    const size_t len = strlen(bin);
    if (!wt_str_ends(bin, "/shims"))
        return false;
    snprintf(path, sizeof path, "%.*s/version", (int)(len - 6), bin);
    FILE *f = named && *named ? NULL : fopen(path, "r");
    if (f) {
        if (!fgets(version, sizeof version, f))
            version[0] = 0;
        fclose(f);
    }
    snprintf(path, sizeof path, "%s", named && *named ? named : version);
    path[strcspn(path, ":\r\n ")] = 0;
    if (!path[0] || strchr(path, '/'))
        return false;
    return snprintf(prefix, PLACE, "%.*s/versions/%s", (int)(len - 6), bin, path) < PLACE;
}

typedef struct first_python {
    wt_place_fn *fn;
    void *user;
    bool found;
} first_python;

static wt_status prefix_of(const char *program, char prefix[PLACE])
{
    const char *slash = strrchr(program, '/');
    if (!slash)
        return WT_EIO;
    snprintf(prefix, PLACE, "%.*s", (int)(slash - program), program);
    char *end = strrchr(prefix, '/'); /* from .../bin to ... */
    if (end)
        *end = 0;
    return end ? WT_OK : WT_EIO;
}

static wt_status in_path(void *user, const char *bin, wt_err *err)
{
    first_python *f = user;
    char program[PLACE], prefix[PLACE], real[PATH_MAX];
    if (f->found || snprintf(program, sizeof program, "%s/python3", bin) >= (int)sizeof program ||
        access(program, X_OK) != 0)
        return WT_OK;
    f->found = true;
    if (behind_shim(bin, prefix))
        return python_prefix(prefix, f->fn, f->user, err);
    if (prefix_of(program, prefix) == WT_OK) /* a virtual environment's is a link: what counts is where the link is */
        WT_TRY(python_prefix(prefix, f->fn, f->user, err));
    if (realpath(program, real) && strlen(real) < sizeof program && prefix_of(real, program) == WT_OK &&
        strcmp(program, prefix) != 0) {
        char mark[PLACE + 16];
        snprintf(mark, sizeof mark, "%s/pyvenv.cfg", prefix);
        if (!wt_path_exists(mark))
            return python_prefix(program, f->fn, f->user, err);
    }
    return WT_OK;
}

wt_status wt_python_places(wt_place_fn *fn, void *user, wt_err *err)
{
    static const char *const environments[] = { "VIRTUAL_ENV", "CONDA_PREFIX" };
    first_python f = { fn, user, false };
    char pattern[PLACE];
    for (size_t i = 0; i < WT_ARRAY_LEN(environments); i++) {
        const char *prefix = getenv(environments[i]);
        if (prefix && *prefix)
            WT_TRY(python_prefix(prefix, fn, user, err));
    }
    WT_TRY(each_part(getenv("PATH"), in_path, &f, err));
    const char *home = getenv("HOME");
    if (!home ||
        snprintf(pattern, sizeof pattern, "%s/.local/lib/python3.*/site-packages", home) >= (int)sizeof pattern)
        return WT_OK;
    return each_match(pattern, fn, user, err);
}
