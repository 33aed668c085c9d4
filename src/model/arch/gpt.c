/* gpt.c - decoders with layer norms and a plain feed-forward: GPT-2, GPT-NeoX, StarCoder 2, Falcon. NeoX and Falcon
 * were trained with GELU by erf, the other two with its tanh form. */
#include "model/act.h"
#include "model/arch/build.h"

static wt_status gpt2_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.layer_norm = true;
    b->style.act = WT_ACT_GELU_TANH;
    b->style.rope.off = true;
    return WT_OK;
}
const wt_arch wt_arch_gpt2 = { .name = "gpt2", .hparams = gpt2_hparams, .build = wt_b_decoder };

static wt_status gptneox_hparams(wt_arch_builder *b, wt_err *err)
{
    b->style.layer_norm = true;
    b->style.act = WT_ACT_GELU;
    return wt_b_bool(b, "use_parallel_residual", true, &b->style.parallel, err);
}
const wt_arch wt_arch_gptneox = { .name = "gptneox", .hparams = gptneox_hparams, .build = wt_b_decoder };

static wt_status starcoder2_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.layer_norm = true;
    b->style.act = WT_ACT_GELU_TANH;
    return WT_OK;
}
const wt_arch wt_arch_starcoder2 = { .name = "starcoder2", .hparams = starcoder2_hparams, .build = wt_b_decoder };

static wt_status falcon_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.layer_norm = b->style.parallel = true;
    b->style.act = WT_ACT_GELU;
    return WT_OK;
}
const wt_arch wt_arch_falcon = { .name = "falcon", .hparams = falcon_hparams, .build = wt_b_decoder };
