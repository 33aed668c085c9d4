/* prompt.h - from what the user typed to token ids. */
#ifndef WT_PROMPT_H
#define WT_PROMPT_H
#include "run/generate/language.h"
typedef struct wt_ids {
    wt_context *ctx;
    int32_t *ids;
    size_t n, cap;
} wt_ids;
/* The prompt, through the chat template if asked for, as ids with what the model wants around a text. */
wt_status wt_prompt_ids(wt_ids *out, const wt_language *language, const wt_generate_options *options, wt_err *err);
/* Any text. */
wt_status wt_text_ids(wt_ids *out, const wt_language *language, const char *text, size_t len, unsigned flags,
                      wt_err *err);
void wt_ids_free(wt_ids *ids);
#endif
