/* library.h - looking for somebody else's library, and loading it.
 *
 * Looking opens nothing but folders. The order:
 *   1. the engine's variable (WHET_ORT_LIB, ...): a file, or a folder that holds it; then nothing else is looked at
 *   2. the linker's path: LD_LIBRARY_PATH, the folders of /etc/ld.so.conf, the usual ones
 *   3. Python's packages: of VIRTUAL_ENV, of CONDA_PREFIX, of the first python3 on PATH, of the user
 * Of one folder the highest version counts. */
#ifndef WT_LIBRARY_H
#define WT_LIBRARY_H
#include "base/base.h"

typedef struct wt_library_names {
    const char *variable;        /* "WHET_ORT_LIB" */
    const char *stem;            /* "libonnxruntime": files are stem.so, stem.so.1.32.0, stem.1.32.0.dylib */
    const char *const *folders;  /* below site-packages: "onnxruntime/capi"; ended by NULL */
    const char *const *packages; /* whose *.dist-info tells a version: "onnxruntime"; ended by NULL */
    void (*version)(char *text,
                    size_t size); /* from the digits behind the file's name to a version; NULL: they are it */
} wt_library_names;

enum { WT_LIBRARY_PATH = 1024 };
typedef struct wt_library {
    char path[WT_LIBRARY_PATH];
    char version[64]; /* as the name or the package says; "" when nothing does */
    char from[64];    /* "WHET_ORT_LIB", "linker path", "python packages" */
} wt_library;
typedef struct wt_libraries {
    wt_context *ctx;
    wt_library *items; /* the first is the one to use */
    size_t n, cap;
} wt_libraries;
/* None found is no error: out->n is 0. */
wt_status wt_libraries_find(wt_libraries *out, wt_context *ctx, const wt_library_names *names, wt_err *err);
void wt_libraries_free(wt_libraries *libraries); /* a zeroed one is fine */

/* A function of a library, and where its pointer goes. */
typedef struct wt_symbol {
    const char *name;
    size_t offset;
} wt_symbol;
/* Loads and fills the pointers of `table`. A library stays loaded for good: threads of its own may be in it.
 * WT_EUNSUPPORTED says why it cannot be used. */
wt_status wt_library_load(const char *path, const wt_symbol *symbols, size_t n, void *table, wt_err *err);
#endif
