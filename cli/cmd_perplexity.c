/* cmd_perplexity.c - whet perplexity MODEL --text FILE */
#include <stddef.h>
#include "commands.h"
#include "whet/language.h"

typedef struct args {
    const char *text, *save, *reference;
    int ctx, chunks;
} args;

static const cli_option options[] = {
    CLI_ROW(args, text, "text", 0, CLI_TEXT, "FILE", "the text to foresee"),
    CLI_ROW(args, ctx, "ctx", 0, CLI_COUNT, "N", "tokens of a chunk; its second half is scored (default: 512)"),
    CLI_ROW(args, chunks, "chunks", 0, CLI_COUNT, "N", "the first N chunks only"),
    CLI_ROW(args, save, "save-reference", 0, CLI_TEXT, "FILE", "write what the model said, to compare others with"),
    CLI_ROW(args, reference, "reference", 0, CLI_TEXT, "FILE",
            "compare with a saved reference (or a KL base file of llama.cpp), on its tokens"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    printf(
        "perplexity  %s%.4f%s  (95 %% interval %.4f to %.4f; %.0f chunks of %.0f tokens, %.0f scored, %.0f tokens/s)\n",
        cli_bold(c), wt_result_number(r, 0, "perplexity"), cli_reset(c), wt_result_number(r, 0, "ppl_ci95[0]"),
        wt_result_number(r, 0, "ppl_ci95[1]"), wt_result_number(r, 0, "chunks"), wt_result_number(r, 0, "ctx"),
        wt_result_number(r, 0, "tokens_scored"), wt_result_number(r, 0, "tok_per_s"));
    if (!wt_result_has(r, "kld"))
        return;
    printf("reference   %.4f, so %.4f times (%.4f to %.4f)\n", wt_result_number(r, 0, "reference_perplexity"),
           wt_result_number(r, 0, "ppl_ratio"), wt_result_number(r, 0, "ppl_ratio_ci95[0]"),
           wt_result_number(r, 0, "ppl_ratio_ci95[1]"));
    printf("KL          mean %s%.5f%s, median %.5f, 99 %% %.5f, 99.9 %% %.5f, largest %.5f\n", cli_bold(c),
           wt_result_number(r, 0, "kld.mean"), cli_reset(c), wt_result_number(r, 0, "kld.p50"),
           wt_result_number(r, 0, "kld.p99"), wt_result_number(r, 0, "kld.p999"), wt_result_number(r, 0, "kld.max"));
    printf("same token  %.2f %%\n", 100 * wt_result_number(r, 0, "same_top1"));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_perplexity_options o = wt_perplexity_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.language.threads = c->common.threads;
    o.text = a->text;
    o.ctx = a->ctx;
    o.chunks = a->chunks;
    o.save_reference = a->save;
    o.reference = a->reference;
    o.force = c->common.force;
    o.engine = c->common.engine;
    const wt_status st = wt_perplexity(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_perplexity = {
    .name = "perplexity",
    .summary = "how well a model foresees a text; how far it is from a reference",
    .usage = "MODEL --text FILE [--ctx 512] [--chunks N] [--save-reference F] [--reference F]",
    .details =
        "The protocol is llama.cpp's: chunks that do not overlap, begun by the model's first token where it wants one, "
        "the\n"
        "second half of each scored. Against a reference the divergence of the two distributions is shown (KL, in "
        "nats) "
        "and how\n"
        "often both would choose the same token.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
    .engines = 1,
};
