/* llama.c - Llama 1 to 3, Mistral, Mixtral, SmolLM, and what differs from it by a few factors: Granite, SmolLM3. */
#include "model/arch/build.h"

static wt_status llama_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.rope.interleaved = true;
    return WT_OK;
}
const wt_arch wt_arch_llama = { .name = "llama", .hparams = llama_hparams, .build = wt_b_decoder };

/* Every fourth layer has no positions. */
static wt_status smollm3_hparams(wt_arch_builder *b, wt_err *err)
{
    bool *off = wt_arena_alloc(wt_weights_arena(b->w), (size_t)b->hp.layers, sizeof *off, err);
    if (!off)
        return WT_ENOMEM;
    for (int64_t il = 0; il < b->hp.layers; il++)
        off[il] = (il + 1) % 4 == 0;
    b->style.no_rope = off;
    return llama_hparams(b, err);
}
const wt_arch wt_arch_smollm3 = { .name = "smollm3", .hparams = smollm3_hparams, .build = wt_b_decoder };

static wt_status granite_hparams(wt_arch_builder *b, wt_err *err)
{
    double logit;
    bool turns;
    WT_TRY(llama_hparams(b, err));
    WT_TRY(wt_b_bool(b, "rope.scaling.finetuned", true, &turns, err)); /* what Granite's files say of models without */
    b->style.rope.off = !turns;
    WT_TRY(wt_b_float(b, "embedding_scale", 1, &b->style.embed_scale, err));
    WT_TRY(wt_b_float(b, "residual_scale", 1, &b->style.residual_scale, err));
    WT_TRY(wt_b_float(b, "logit_scale", 1, &logit, err));
    b->style.logit_scale = logit > 0 ? 1 / logit : 1;
    return WT_OK;
}
const wt_arch wt_arch_granite = { .name = "granite", .hparams = granite_hparams, .build = wt_b_decoder };
const wt_arch wt_arch_granitemoe = { .name = "granitemoe", .hparams = granite_hparams, .build = wt_b_decoder };
