/* library_places.h - folders that may hold libraries, in the order in which they count. */
#ifndef WT_LIBRARY_PLACES_H
#define WT_LIBRARY_PLACES_H
#include "base/base.h"
/* Another status than WT_OK ends the walk with it. Folders that are not there may be among them. */
typedef wt_status wt_place_fn(void *user, const char *folder, wt_err *err);
wt_status wt_linker_places(wt_place_fn *fn, void *user, wt_err *err);
/* site-packages and dist-packages of the environments that a user's python3 would use; Python is not started. */
wt_status wt_python_places(wt_place_fn *fn, void *user, wt_err *err);
#endif
