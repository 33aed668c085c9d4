/* library.c - see library.h: one folder, the list, loading. */
#include "run/engines/library.h"
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/file.h"
#include "run/engines/library_places.h"

#ifdef __APPLE__
static const char suffix[] = ".dylib";
#else
static const char suffix[] = ".so";
#endif

/* --- names
 * -------------------------------------------------------------------------------------------------------------------
 */

/* "libx.so.1.2", "libx.1.2.dylib", "libx.so" of stem "libx": the digits ("1.2", ""); NULL: another name. */
static const char *digits_of(const char *name, const char *stem, char *out, size_t size)
{
    const size_t len = strlen(stem);
    if (strncmp(name, stem, len) != 0)
        return NULL;
    const char *rest = name + len, *s = strstr(rest, suffix);
    if (!s)
        return NULL;
    const char *front = rest, *back = s + sizeof suffix - 1;
    const char *digits = back[0] ? back : front;
    size_t n = back[0] ? strlen(back) : (size_t)(s - front);
    if ((back[0] && s != rest) || (n && digits[0] != '.'))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (digits[i] != '.' && !isdigit((unsigned char)digits[i]))
            return NULL;
    snprintf(out, size, "%.*s", n ? (int)n - 1 : 0, n ? digits + 1 : "");
    return out;
}

/* As numbers between dots. */
static int version_order(const char *a, const char *b)
{
    while (*a || *b) {
        char *a_end, *b_end;
        const unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y ? -1 : 1;
        if (a_end == a && b_end == b)
            return 0;
        a = *a_end == '.' ? a_end + 1 : a_end;
        b = *b_end == '.' ? b_end + 1 : b_end;
    }
    return 0;
}

/* --- the version that a package of Python has
 * ---------------------------------------------------------------------------------------- */
static bool package_version(const char *site, const char *package, char *out, size_t size)
{
    DIR *d = opendir(site);
    const size_t len = strlen(package);
    bool found = false;
    if (!d)
        return false;
    for (const struct dirent *e; !found && (e = readdir(d));) {
        const char *end = strstr(e->d_name, ".dist-info");
        if (!end || strncmp(e->d_name, package, len) != 0 || e->d_name[len] != '-')
            continue;
        snprintf(out, size, "%.*s", (int)(end - e->d_name - (ptrdiff_t)len - 1), e->d_name + len + 1);
        found = true;
    }
    closedir(d);
    return found;
}

/* --- the list
 * ---------------------------------------------------------------------------------------------------------------- */
static bool listed(const wt_libraries *l, const char *path)
{
    struct stat a, b;
    if (stat(path, &a) != 0)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (stat(l->items[i].path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return true;
    return false;
}

static wt_status add(wt_libraries *l, const char *path, const char *version, const char *from, wt_err *err)
{
    if (listed(l, path))
        return WT_OK;
    void *items = l->items;
    const wt_status st = wt_grow(l->ctx, &items, &l->cap, l->n + 1, sizeof *l->items, err);
    l->items = items;
    WT_TRY(st);
    wt_library *x = &l->items[l->n++];
    snprintf(x->path, sizeof x->path, "%s", path);
    snprintf(x->version, sizeof x->version, "%s", version);
    snprintf(x->from, sizeof x->from, "%s", from);
    return WT_OK;
}

/* The highest version in this folder; version[] is from the name. */
static bool best_of_folder(const char *folder, const wt_library_names *names, char path[WT_LIBRARY_PATH],
                           char version[64])
{
    DIR *d = opendir(folder);
    char digits[64], best[256] = "";
    version[0] = 0;
    if (!d)
        return false;
    for (const struct dirent *e; (e = readdir(d));) {
        if (!digits_of(e->d_name, names->stem, digits, sizeof digits) || strlen(e->d_name) >= sizeof best)
            continue;
        if (best[0] && version_order(digits, version) <= 0)
            continue;
        memcpy(version, digits, sizeof digits);
        snprintf(best, sizeof best, "%s", e->d_name);
    }
    closedir(d);
    const int n = snprintf(path, WT_LIBRARY_PATH, "%s/%s", folder, best);
    if (names->version)
        names->version(version, 64);
    return best[0] && n < WT_LIBRARY_PATH;
}

static wt_status look_into(wt_libraries *l, const wt_library_names *names, const char *folder, const char *site,
                           const char *from, wt_err *err)
{
    char path[WT_LIBRARY_PATH], version[64];
    if (!best_of_folder(folder, names, path, version))
        return WT_OK;
    for (size_t i = 0; site && names->packages[i]; i++)
        if (package_version(site, names->packages[i], version, sizeof version))
            break;
    return add(l, path, version, from, err);
}

/* --- the three places
 * -------------------------------------------------------------------------------------------------------- */
static wt_status from_variable(wt_libraries *l, const wt_library_names *names, const char *value, wt_err *err)
{
    char version[64] = "";
    if (wt_path_is_dir(value)) {
        WT_TRY(look_into(l, names, value, NULL, names->variable, err));
        if (l->n)
            return WT_OK;
    }
    if (!digits_of(wt_path_base(value), names->stem, version, sizeof version))
        version[0] = 0;
    else if (names->version)
        names->version(version, sizeof version);
    return add(l, value, version, names->variable, err); /* if it is none, loading it says so */
}

typedef struct search {
    wt_libraries *l;
    const wt_library_names *names;
} search;

static wt_status at_linker(void *user, const char *folder, wt_err *err)
{
    const search *s = user;
    return look_into(s->l, s->names, folder, NULL, "linker path", err);
}

static wt_status at_python(void *user, const char *site, wt_err *err)
{
    const search *s = user;
    char folder[WT_LIBRARY_PATH];
    for (size_t i = 0; s->names->folders[i]; i++) {
        if (snprintf(folder, sizeof folder, "%s/%s", site, s->names->folders[i]) < (int)sizeof folder)
            WT_TRY(look_into(s->l, s->names, folder, site, "python packages", err));
    }
    return WT_OK;
}

wt_status wt_libraries_find(wt_libraries *out, wt_context *ctx, const wt_library_names *names, wt_err *err)
{
    const char *value = getenv(names->variable);
    search s = { out, names };
    *out = (wt_libraries){ .ctx = ctx };
    wt_status st = value && *value ? from_variable(out, names, value, err) : wt_linker_places(at_linker, &s, err);
    if (st == WT_OK && !(value && *value))
        st = wt_python_places(at_python, &s, err);
    if (st != WT_OK)
        wt_libraries_free(out);
    return st;
}

void wt_libraries_free(wt_libraries *l)
{
    if (l->ctx)
        wt_free(l->ctx, l->items);
    *l = (wt_libraries){ 0 };
}

/* --- loading
 * ------------------------------------------------------------------------------------------------------------------ */
wt_status wt_library_load(const char *path, const wt_symbol *symbols, size_t n, void *table, wt_err *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        wt_fail(err, WT_EUNSUPPORTED, "the library cannot be loaded: %s", why ? why : "no reason was given");
        wt_err_where(err, "%s", path);
        return WT_EUNSUPPORTED;
    }
    for (size_t i = 0; i < n; i++) {
        void *p = dlsym(handle, symbols[i].name);
        if (!p) {
            wt_fail(err, WT_EUNSUPPORTED, "the library has no function %s: it is not what its name says, or too old",
                    symbols[i].name);
            wt_err_where(err, "%s", path);
            return WT_EUNSUPPORTED;
        }
        memcpy((char *)table + symbols[i].offset, &p, sizeof p);
    }
    return WT_OK;
}
