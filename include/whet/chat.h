/* whet/chat.h - conversations as text: a chat template (Jinja) rendered over messages. */
#ifndef WHET_CHAT_H
#define WHET_CHAT_H
#include "whet/context.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_template wt_template;
/* Compiles; what our Jinja does not have is WT_EUNSUPPORTED naming it and its line. */
WT_API wt_status wt_template_open(wt_template **out, wt_context *ctx, const char *source, size_t len, const char *name,
                                  wt_err *err);
WT_API void wt_template_close(wt_template *tpl); /* NULL is fine */
/* variables: one JSON object ({"messages":[{"role":..,"content":..}],"add_generation_prompt":true,"bos_token":..}).
 * *text from the context's allocator, NUL-terminated, freed by wt_template_text_free. A template that does not end is
 * cut by a count of steps (WT_ELIMIT); raise_exception is WT_EFORMAT with the template's words. */
WT_API wt_status wt_template_render(const wt_template *tpl, const char *variables, char **text, size_t *len,
                                    wt_err *err);
WT_API void wt_template_text_free(wt_context *ctx, char *text);

#ifdef __cplusplus
}
#endif
#endif
