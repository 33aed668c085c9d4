/* generate_verb.c - whet generate: the engine that was asked for, then text from it. */
#include "measure/language/remote_decoder.h"
#include "run/generate/generate.h"

/* What the model was made for, at most this: llama.cpp keeps room for all of it. */
enum { USUAL_CONTEXT = 4096 };

wt_status wt_generate(wt_result **out, wt_context *ctx, const char *model, const wt_generate_options *options,
                      wt_err *err)
{
    wt_generate_options o = wt_generate_defaults();
    wt_engine_decoder *foreign;
    *out = NULL;
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    WT_TRY(wt_remote_decoder_open(&foreign, ctx, o.engine, o.program, model, o.language.threads,
                                  o.decoder.context > 0 ? o.decoder.context : USUAL_CONTEXT, err));
    const wt_status st = wt_generate_with(out, ctx, model, &o, foreign, err);
    wt_remote_decoder_close(foreign);
    return st;
}
