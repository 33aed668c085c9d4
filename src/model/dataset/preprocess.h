/* preprocess.h - pre-processing as JSON, for the reader of sets and for what is printed. The struct: whet/dataset.h. */
#ifndef WT_PREPROCESS_H
#define WT_PREPROCESS_H
#include <jansson.h>
#include "base/base.h"
#include "whet/dataset.h"

enum { WT_PP_PICTURE_KEYS = WT_PP_RATE - 1, WT_PP_SOUND_KEYS = WT_PP_RATE | WT_PP_MONO | WT_PP_FRAME | WT_PP_HOP };

/* The keys in `which` that are set, as a new object; NULL: no memory. Parsing it gives the same again. */
json_t *wt_preprocess_to_json(const wt_preprocess *pp, uint32_t which);
#endif
