/* blocks_pipe - rows through a codec: what check_blocks.py compares with other implementations.
 *
 *     blocks_pipe decode DTYPE N < blocks > floats        rows of N elements, as many as come
 *     blocks_pipe encode DTYPE N < floats > blocks
 *     blocks_pipe encode DTYPE N important < N weights, then floats */
#include <stdio.h>
#include <stdlib.h>
#include "model/blocks/blocks.h"

static int rows(const wt_block_codec *codec, bool encode, size_t n, bool important)
{
    size_t bytes = 0;
    if (!wt_dtype_bytes(codec->dtype, n, &bytes) || (encode && !codec->encode))
        return 2;
    float *x = malloc(n * sizeof *x), *weights = malloc(n * sizeof *x);
    void *blocks = malloc(bytes);
    int rc = !x || !weights || !blocks;
    if (!rc && important)
        rc = fread(weights, sizeof *x, n, stdin) != n;
    while (!rc && (encode ? fread(x, sizeof *x, n, stdin) == n : fread(blocks, 1, bytes, stdin) == bytes)) {
        if (encode) {
            codec->encode(x, blocks, n, important ? weights : NULL);
            rc = fwrite(blocks, 1, bytes, stdout) != bytes;
        } else {
            codec->decode(blocks, x, n);
            rc = fwrite(x, sizeof *x, n, stdout) != n;
        }
    }
    free(x);
    free(weights);
    free(blocks);
    return rc;
}

int main(int argc, char **argv)
{
    const wt_block_codec *codec = argc >= 4 ? wt_block_codec_get(wt_dtype_from_name(argv[2])) : NULL;
    return codec ? rows(codec, argv[1][0] == 'e', strtoul(argv[3], NULL, 10), argc > 4) : 2;
}
