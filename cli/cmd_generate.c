/* cmd_generate.c - whet generate MODEL [-p TEXT] [--chat] */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "whet/language.h"

typedef struct args {
    const char *prompt, *file, *system, *grammar, *json_schema, *overflow, *draft, *kv;
    int chat, raw, top_k, repeat_last, mirostat, draft_tokens, lookup;
    int max_tokens, ctx, batch;
    double temperature, top_p, min_p, typical_p, repeat, presence, frequency, mirostat_tau, mirostat_eta;
    cli_list stop;
} args;

static void defaults(void *p)
{
    const wt_sampling s = wt_sampling_defaults();
    *(args *)p = (args){ .top_k = s.top_k,
                         .repeat_last = s.repeat_last,
                         .temperature = s.temperature,
                         .top_p = s.top_p,
                         .min_p = s.min_p,
                         .typical_p = s.typical_p,
                         .repeat = s.repeat_penalty,
                         .mirostat_tau = s.mirostat_tau,
                         .mirostat_eta = s.mirostat_eta,
                         .max_tokens = 256 };
}

static const cli_option options[] = {
    CLI_ROW(args, prompt, "prompt", 'p', CLI_TEXT, "TEXT", "the text to go on from (default: standard input)"),
    CLI_ROW(args, file, "file", 0, CLI_TEXT, "FILE", "read the prompt from a file"),
    CLI_ROW(args, chat, "chat", 0, CLI_FLAG, NULL, "the prompt is a message: use the model's chat template"),
    CLI_ROW(args, system, "system", 0, CLI_TEXT, "TEXT", "system message of --chat"),
    CLI_ROW(args, raw, "raw", 0, CLI_FLAG, NULL, "no token that begins a text, no special tokens in the prompt"),
    CLI_ROW(args, max_tokens, "max-tokens", 'n', CLI_COUNT, "N", "tokens at most; 0: until the end (default: 256)"),
    CLI_ROW(args, stop, "stop", 0, CLI_LIST, "TEXT", "end where this text appears; several may be given"),
    CLI_ROW(args, ctx, "ctx", 0, CLI_COUNT, "N", "tokens of context (default: the model's, at most 4096)"),
    CLI_ROW(args, batch, "batch", 0, CLI_COUNT, "N", "tokens of the prompt in one pass (default: 512)"),
    { "overflow", 0, CLI_CHOICE, offsetof(args, overflow), "HOW",
      "what does not fit the context: refuse, truncate (keep the end of the prompt), shift (forget the middle)",
      "refuse/truncate/shift" },
    { "kv", 0, CLI_CHOICE, offsetof(args, kv), "TYPE", "how keys and values are stored (default: f16)",
      "f32/f16/q8_0/q4_0" },
    CLI_ROW(args, temperature, "temperature", 't', CLI_REAL, "T", "0 is greedy (default: 0.8)"),
    CLI_ROW(args, top_k, "top-k", 0, CLI_COUNT, "K", "the K likeliest tokens; 0: all (default: 40)"),
    CLI_ROW(args, top_p, "top-p", 0, CLI_REAL, "P", "the likeliest that make P together (default: 0.95)"),
    CLI_ROW(args, min_p, "min-p", 0, CLI_REAL, "P", "those with P of the best one's probability (default: 0.05)"),
    CLI_ROW(args, typical_p, "typical-p", 0, CLI_REAL, "P", "locally typical ones (default: 1, off)"),
    CLI_ROW(args, repeat, "repeat-penalty", 0, CLI_REAL, "X", "divides logits of recent tokens (default: 1, off)"),
    CLI_ROW(args, repeat_last, "repeat-last", 0, CLI_COUNT, "N", "how far penalties look back (default: 64)"),
    CLI_ROW(args, presence, "presence-penalty", 0, CLI_REAL, "X", "for having been there (default: 0)"),
    CLI_ROW(args, frequency, "frequency-penalty", 0, CLI_REAL, "X", "for each time (default: 0)"),
    CLI_ROW(args, mirostat, "mirostat", 0, CLI_COUNT, "1|2", "hold the surprise of the text at --mirostat-tau"),
    CLI_ROW(args, mirostat_tau, "mirostat-tau", 0, CLI_REAL, "X", "target surprise in bits (default: 5)"),
    CLI_ROW(args, mirostat_eta, "mirostat-eta", 0, CLI_REAL, "X", "how fast it is followed (default: 0.1)"),
    CLI_ROW(args, grammar, "grammar", 0, CLI_TEXT, "FILE", "only texts of this GBNF grammar"),
    CLI_ROW(args, json_schema, "json-schema", 0, CLI_TEXT, "FILE", "only JSON of this schema"),
    CLI_ROW(args, draft, "draft", 0, CLI_TEXT, "MODEL", "guess with a smaller model of the same vocabulary"),
    CLI_ROW(args, draft_tokens, "draft-tokens", 0, CLI_COUNT, "N", "guesses at a time (default: 4; 8 with --lookup)"),
    CLI_ROW(args, lookup, "lookup", 0, CLI_FLAG, NULL, "guess what followed the same words before"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static wt_status stream(void *user, const char *bytes, size_t len, wt_err *err)
{
    (void)user;
    if (fwrite(bytes, 1, len, stdout) == len && fflush(stdout) == 0)
        return WT_OK;
    return cli_error(err, WT_EIO, "standard output", "cannot be written", "");
}

static void print(cli *c, const wt_result *r)
{
    printf("\n");
    if (c->common.quiet)
        return;
    fflush(stdout);
    fprintf(stderr, "%zu tokens in, %zu out (%s): prefill %.1f, decode %.1f tokens/s; ready after %.0f ms\n",
            (size_t)wt_result_number(r, 0, "prompt_tokens"), wt_result_count(r, "tokens"),
            wt_result_string(r, "", "finish_reason"), wt_result_number(r, 0, "prefill_tok_per_s"),
            wt_result_number(r, 0, "decode_tok_per_s"), wt_result_number(r, 0, "load_ms"));
    if (wt_result_has(r, "speculative"))
        fprintf(stderr, "%.0f of %.0f guesses were right, in %.0f passes\n",
                wt_result_number(r, 0, "speculative.accepted"), wt_result_number(r, 0, "speculative.guessed"),
                wt_result_number(r, 0, "speculative.passes"));
}

static wt_generate_options fill(const cli *c, const args *a)
{
    wt_generate_options o = wt_generate_defaults();
    o.language.threads = c->common.threads;
    o.language.k_dtype = o.language.v_dtype = cli_kv_dtype(a->kv);
    o.decoder.context = a->ctx;
    o.decoder.batch = a->batch;
    o.sampling.temperature = a->temperature;
    o.sampling.top_k = a->top_k;
    o.sampling.top_p = a->top_p;
    o.sampling.min_p = a->min_p;
    o.sampling.typical_p = a->typical_p;
    o.sampling.repeat_penalty = a->repeat;
    o.sampling.presence_penalty = a->presence;
    o.sampling.frequency_penalty = a->frequency;
    o.sampling.repeat_last = a->repeat_last;
    o.sampling.mirostat = a->mirostat;
    o.sampling.mirostat_tau = a->mirostat_tau;
    o.sampling.mirostat_eta = a->mirostat_eta;
    o.sampling.seed = (uint64_t)c->common.seed;
    o.system = a->system;
    o.chat = a->chat;
    o.raw = a->raw;
    o.max_tokens = a->max_tokens;
    o.stop = a->stop.items;
    o.n_stop = a->stop.n;
    o.overflow = !a->overflow                       ? WT_OVERFLOW_REFUSE
                 : !strcmp(a->overflow, "shift")    ? WT_OVERFLOW_SHIFT
                 : !strcmp(a->overflow, "truncate") ? WT_OVERFLOW_TRUNCATE
                                                    : WT_OVERFLOW_REFUSE;
    o.draft = a->draft;
    o.draft_tokens = a->draft_tokens;
    o.lookup = a->lookup;
    o.engine = c->common.engine;
    o.on_text = c->common.json ? NULL : stream;
    return o;
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_generate_options o = fill(c, a);
    char *prompt = NULL, *grammar = NULL, *schema = NULL;
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->prompt && a->file)
        return cli_usage(c, "--prompt and --file cannot both be given");
    if (a->draft && a->lookup)
        return cli_usage(c, "--draft and --lookup cannot both be given");
    if (a->grammar && a->json_schema)
        return cli_usage(c, "--grammar and --json-schema cannot both be given");
    if (a->system && !a->chat)
        return cli_usage(c, "--system is the system message of --chat, which was not given");
    if (a->chat && a->raw)
        return cli_usage(c, "--chat and --raw cannot both be given: a template is made of special tokens");
    wt_status st = a->prompt ? WT_OK : cli_read_string(a->file, &prompt, &err);
    if (st == WT_OK && a->grammar)
        st = cli_read_string(a->grammar, &grammar, &err);
    if (st == WT_OK && a->json_schema)
        st = cli_read_string(a->json_schema, &schema, &err);
    o.prompt = a->prompt ? a->prompt : prompt;
    o.sampling.grammar = grammar;
    o.sampling.json_schema = schema;
    if (st == WT_OK)
        st = wt_generate(&result, c->ctx, c->inputs[0], &o, &err);
    free(prompt);
    free(grammar);
    free(schema);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_generate = {
    .name = "generate",
    .summary = "goes on with a text, or answers a message",
    .usage = "MODEL [-p TEXT] [--chat] [--max-tokens N] [--temperature T]",
    .details =
        "MODEL is a GGUF file or a Hugging Face folder. The text appears as it is made; with --json it is one "
        "document at the\n"
        "end. Temperature 0 always takes the likeliest token, so the same prompt gives the same text; otherwise "
        "--seed decides.\n"
        "With --draft or --lookup several tokens are guessed and checked in one pass: faster, and the same text.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
    .engines = 1,
};
