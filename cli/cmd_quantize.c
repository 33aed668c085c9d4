/* cmd_quantize.c - whet quantize MODEL -o OUT --scheme S --data SET */
#include "commands.h"
#include "data_flags.h"
#include "whet/optimize.h"

typedef struct args {
    const char *scheme, *stats, *method;
    cli_list keep;
    int symmetric, no_bias_correction;
    data_flags data;
} args;

static const cli_option options[] = {
    { "scheme", 's', CLI_CHOICE, offsetof(args, scheme), "SCHEME",
      "int8 (default) or fp16 (weights stored as halves); of language models q4_k_m (default), q8_0, ...; "
      "affine4-g64, mxfp4, ... make a folder of MLX",
      "int8/fp16/f32/f16/bf16/q8_0/q6_k/q5_k_m/q5_k_s/q5_1/q5_0/q4_k_m/q4_k_s/q4_1/q4_0/iq4_xs/iq4_nl/q3_k_l/q3_k_m/"
      "q3_k_s/q2_k/mxfp4_moe/tq2_0/tq1_0/"
      "affine2-g32/affine2-g64/affine2-g128/affine3-g32/affine3-g64/affine3-g128/affine4-g32/affine4-g64/affine4-g128/"
      "affine5-g32/affine5-g64/affine5-g128/affine6-g32/affine6-g64/affine6-g128/affine8-g32/affine8-g64/affine8-g128/"
      "mxfp4/nvfp4/mxfp8" },
    DATA_ROWS(args, data),
    CLI_ROW(args, stats, "stats", 0, CLI_TEXT, "FILE", "statistics of `whet calibrate` instead of --data"),
    { "method", 'm', CLI_CHOICE, offsetof(args, method), "METHOD",
      "how ranges are chosen: minmax, average, percentile, entropy, mse (default)",
      "minmax/average/percentile/entropy/mse" },
    CLI_ROW(args, keep, "keep", 0, CLI_LIST, "GLOB=float",
            "leaves nodes or tensors whose name matches in float; of language models also GLOB=TYPE"),
    CLI_ROW(args, symmetric, "symmetric", 0, CLI_FLAG, NULL,
            "activations as int8 around zero instead of uint8 with a zero point"),
    CLI_ROW(args, no_bias_correction, "no-bias-correction", 0, CLI_FLAG, NULL, "leave biases as they are"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    char a[32], b[32], whole[32];
    cli_table *t = c->common.verbose ? cli_table_new("tensor\tgot\tSQNR dB\twhy") : NULL;
    size_t kept = 0;
    for (size_t i = 0; i < wt_result_count(r, "ledger"); i++) {
        const char *got = wt_result_string(r, "", "ledger[%zu].got", i);
        const double sqnr = wt_result_number(r, -1, "ledger[%zu].sqnr_db", i);
        kept += got[0] == 'f';
        char db[16] = "-";
        if (sqnr > 0)
            snprintf(db, sizeof db, "%.1f", sqnr);
        cli_table_row(t, "%s\t%s\t%s\t%s", wt_result_string(r, "", "ledger[%zu].tensor", i), got, db,
                      wt_result_string(r, "", "ledger[%zu].why", i));
    }
    cli_table_print(t, stdout);
    printf("%s%s%s: %s, weights %s of %s (%.1f %%), %.2f bits per weight", cli_bold(c),
           wt_result_string(r, "", "written[0].file"), cli_reset(c),
           cli_bytes(wt_result_number(r, 0, "size_bytes"), a, sizeof a),
           cli_bytes(wt_result_number(r, 0, "weight_bytes"), b, sizeof b),
           cli_bytes(wt_result_number(r, 0, "float_weight_bytes"), whole, sizeof whole),
           100 * wt_result_number(r, 0, "weight_ratio"), wt_result_number(r, 0, "bits_per_weight"));
    printf("\n%zu tensors stay in float; %.1f s, peak memory %s\n", kept, wt_result_number(r, 0, "seconds"),
           cli_bytes(wt_result_number(r, 0, "peak_rss_bytes"), a, sizeof a));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_quantize_options o = wt_quantize_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.output = c->common.output;
    o.force = c->common.force;
    o.scheme = a->scheme;
    o.data = cli_data(&a->data);
    o.stats = a->stats;
    o.method = a->method;
    o.keep = a->keep.items;
    o.n_keep = a->keep.n;
    o.symmetric = a->symmetric;
    o.no_bias_correction = a->no_bias_correction;
    const wt_status st = wt_quantize(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_quantize = {
    .name = "quantize",
    .summary = "stores weights (and computes) in fewer bits",
    .usage = "MODEL -o OUT [--scheme int8 --data SET]",
    .details =
        "int8: weights per output channel, activations per tensor, ranges from a stream of samples (one alive "
        "at a time), biases\n"
        "corrected for the rounding of the weights. Writes QuantizeLinear/DequantizeLinear pairs. -v prints "
        "what each tensor got.\n"
        "Language models (GGUF) need no data: each tensor gets its type by a recipe, and what a row's length does "
        "not allow, another.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
