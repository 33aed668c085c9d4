/* cmd_convert.c - whet convert MODEL -o OUT */
#include <string.h>
#include "commands.h"
#include "whet/optimize.h"

typedef struct args {
    const char *to, *dtype, *scheme, *check, *preprocess;
} args;

static const cli_option options[] = {
    { "to", 0, CLI_CHOICE, offsetof(args, to), "FORMAT",
      "gguf, safetensors, mlx or genai (folders), onnx or openvino, where the output's name does not say it",
      "gguf/safetensors/mlx/genai/onnx/openvino" },
    { "dtype", 0, CLI_CHOICE, offsetof(args, dtype), "TYPE",
      "type of the weights: f32, f16 or bf16 (default: as they are)", "f32/f16/bf16" },
    CLI_ROW(args, scheme, "scheme", 0, CLI_TEXT, "SCHEME",
            "of MLX: affine4-g64 and its like, mxfp4, nvfp4, mxfp8 (default: block formats by their numbers)"),
    { "check", 0, CLI_TEXT, offsetof(args, check), "SET",
      "then compares what both answer to a data set, as whet compare does (graphs)", NULL },
    { "preprocess", 0, CLI_TEXT, offsetof(args, preprocess), "FILE",
      "JSON with size, channels, mean, std, ... for --check", NULL },
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    char text[32];
    cli_table *t = c->common.verbose ? cli_table_new("tensor\twas\tgot\tSQNR dB") : NULL;
    size_t changed = 0;
    for (size_t i = 0; i < wt_result_count(r, "ledger"); i++) {
        const char *was = wt_result_string(r, "", "ledger[%zu].was", i),
                   *got = wt_result_string(r, "", "ledger[%zu].got", i);
        char db[16] = "-";
        if (wt_result_has(r, "ledger[%zu].sqnr_db", i))
            snprintf(db, sizeof db, "%.1f", wt_result_number(r, 0, "ledger[%zu].sqnr_db", i));
        changed += strcmp(was, got) != 0;
        cli_table_row(t, "%s\t%s\t%s\t%s", wt_result_string(r, "", "ledger[%zu].tensor", i), was, got, db);
    }
    cli_table_print(t, stdout);
    for (size_t i = 0; i < wt_result_count(r, "written"); i++)
        printf("%s%s%s: %s\n", cli_bold(c), wt_result_string(r, "", "written[%zu].file", i), cli_reset(c),
               cli_bytes(wt_result_number(r, 0, "written[%zu].bytes", i), text, sizeof text));
    if (wt_result_has(r, "check"))
        printf("check: %s, worst output at %.1f dB\n", wt_result_string(r, "", "check.verdict"),
               wt_result_number(r, 0, "check.sqnr_db"));
    if (wt_result_count(r, "ledger"))
        printf("%zu tensors changed their type; %.1f s, peak memory %s\n", changed, wt_result_number(r, 0, "seconds"),
               cli_bytes(wt_result_number(r, 0, "peak_rss_bytes"), text, sizeof text));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_convert_options o = wt_convert_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.output = c->common.output;
    o.force = c->common.force;
    o.to = a->to;
    o.dtype = a->dtype;
    o.check = a->check;
    o.preprocess = a->preprocess;
    o.scheme = a->scheme;
    const wt_status st = wt_convert_model(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_convert = {
    .name = "convert",
    .summary = "writes a model as another file, or with another type of weights",
    .usage = "MODEL -o OUT [--dtype f16]",
    .details = "Language models are written as GGUF, as a folder with safetensors, of MLX too, or for ONNX Runtime: as "
               "one graph (onnx) or with all that its GenAI needs (genai); graphs as ONNX, or as OpenVINO IR (an .xml "
               "and a .bin). What was written is read again and hashed.\n"
               "With --dtype,\n"
               "matrices become that type, whatever they were, and norms and biases float32. -v prints every tensor.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
