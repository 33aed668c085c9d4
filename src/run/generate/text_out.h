/* text_out.h - tokens as text that leaves in whole characters and never shows a piece of a stop text. */
#ifndef WT_TEXT_OUT_H
#define WT_TEXT_OUT_H
#include "base/str.h"
#include "whet/language.h"

typedef struct wt_text_out {
    wt_buf text;  /* all of it; cut before the stop text that was found */
    size_t given; /* bytes that went to fn */
    const char *const *stop;
    size_t n_stop, longest; /* bytes of the longest stop text */
    bool stopped;
    wt_text_fn *fn; /* may be NULL */
    void *user;
} wt_text_out;
void wt_text_out_init(wt_text_out *out, wt_context *ctx, const wt_generate_options *options);
/* stopped is true when the text now contains a stop text. */
wt_status wt_text_out_add(wt_text_out *out, const char *bytes, size_t len, wt_err *err);
/* Gives what was held back; bytes that are no whole character become U+FFFD. */
wt_status wt_text_out_end(wt_text_out *out, wt_err *err);
void wt_text_out_free(wt_text_out *out);
#endif
