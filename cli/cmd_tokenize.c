/* cmd_tokenize.c - whet tokenize MODEL [TEXT]: text to ids, and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "whet/tokenizer.h"

typedef struct args {
    const char *file;
    int no_special, decode;
} args;

static const cli_option options[] = {
    CLI_ROW(args, file, "file", 'f', CLI_TEXT, "FILE",
            "the text (or, to decode, the ids) from a file; - is standard input"),
    CLI_ROW(args, no_special, "no-special", 0, CLI_FLAG, NULL,
            "nothing around the text, and names of control tokens in it are plain text; decoding leaves them out"),
    CLI_ROW(args, decode, "decode", 0, CLI_FLAG, NULL, "ids (separated by blanks or commas) to text"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

typedef struct ids {
    int32_t *id;
    size_t n;
} ids;

static wt_status encode(const wt_tokenizer *t, const char *text, size_t len, bool special, ids *out, wt_err *err)
{
    const unsigned flags = special ? WT_TOKENIZE_ADD_SPECIAL | WT_TOKENIZE_PARSE_SPECIAL : 0;
    size_t cap = len + 32; /* a token a byte, and what goes around: more is rare */
    for (;;) {
        int32_t *grown = realloc(out->id, cap * sizeof *grown);
        if (!grown)
            return cli_error(err, WT_ENOMEM, "", "no memory for the ids", "");
        out->id = grown;
        const wt_status st = wt_tokenize(t, text, len, flags, out->id, cap, &out->n, err);
        if (st != WT_OK || out->n <= cap)
            return st;
        cap = out->n;
    }
}

static wt_status parse_ids(const char *text, ids *out, wt_err *err)
{
    size_t cap = 0;
    for (const char *p = text; *(p += strspn(p, " ,\t\r\n")) != 0;) {
        char *end;
        errno = 0;
        const long value = strtol(p, &end, 10);
        if (end == p || errno || value < 0 || value > INT32_MAX || !strchr(" ,\t\r\n", *end))
            return cli_error(err, WT_EUSAGE, "--decode", "ids were expected: numbers separated by blanks or commas",
                             "");
        p = end;
        if (out->n == cap) {
            cap = cap ? 2 * cap : 256;
            int32_t *grown = realloc(out->id, cap * sizeof *grown);
            if (!grown)
                return cli_error(err, WT_ENOMEM, "", "no memory for the ids", "");
            out->id = grown;
        }
        out->id[out->n++] = (int32_t)value;
    }
    return WT_OK;
}

static wt_status print_text(const wt_tokenizer *t, const ids *in, bool special, wt_err *err)
{
    size_t len = 0;
    wt_status st = wt_detokenize(t, in->id, in->n, special, NULL, 0, &len, err);
    char *text = st == WT_OK ? malloc(len + 1) : NULL;
    if (st == WT_OK && !text)
        st = cli_error(err, WT_ENOMEM, "", "no memory for the text", "");
    if (st == WT_OK)
        st = wt_detokenize(t, in->id, in->n, special, text, len, &len, err);
    if (st == WT_OK)
        fwrite(text, 1, len, stdout); /* cli_flush asks whether it went well */
    free(text);
    return st;
}

static void print_ids(const ids *in)
{
    for (size_t i = 0; i < in->n; i++)
        printf("%s%d", i ? " " : "", in->id[i]);
    putchar('\n');
}

static int run(cli *c)
{
    const args *a = c->args;
    const char *text = c->n_inputs > 1 ? c->inputs[1] : NULL;
    wt_tokenizer *t = NULL;
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    ids found = { NULL, 0 };
    char *owned = NULL;
    size_t len = text ? strlen(text) : 0;
    if (text && a->file)
        return cli_usage(c, "TEXT or --file, not both");
    wt_status st = wt_tokenizer_open(&t, c->ctx, c->inputs[0], &err);
    if (st == WT_OK && !text)
        st = cli_read_text(a->file, &owned, &len, &err);
    text = text ? text : owned;
    if (st == WT_OK)
        st = a->decode ? parse_ids(text, &found, &err) : encode(t, text, len, !a->no_special, &found, &err);
    if (st == WT_OK && c->common.json)
        st = wt_tokenize_result(&result, t, c->ctx, found.id, found.n, !a->no_special, &err);
    else if (st == WT_OK && a->decode)
        st = print_text(t, &found, !a->no_special, &err);
    else if (st == WT_OK)
        print_ids(&found);
    free(owned);
    free(found.id);
    wt_tokenizer_close(t);
    if (st != WT_OK)
        return cli_fail(c, st, &err);
    return c->common.json ? cli_finish(c, st, &err, result, NULL) : cli_flush();
}

const cli_verb cmd_tokenize = {
    .name = "tokenize",
    .summary = "text to the ids of a language model's tokens, and back",
    .usage = "MODEL [TEXT] [--file FILE] [--no-special] [--decode]",
    .details =
        "MODEL is a GGUF file, a Hugging Face folder, tokenizer.json, or SentencePiece's tokenizer.model. Without "
        "TEXT and\n--file the text is read from standard input.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 2,
    .run = run,
};
