/* st_bytes.h - safetensors files of any content, for tests. */
#ifndef ST_BYTES_H
#define ST_BYTES_H
#include "support/test.h"
/* Length of the header, the header, `size` bytes of data (0, 1, 2, ...); the path. folder NULL: one of
 * the test's own. */
const char *st_write(const char *folder, const char *name, const char *header, size_t size);
/* A folder with a Llama of one layer (width 8, 2 heads, 12 numbers of feed-forward, 10 tokens) and this config.json. */
const char *st_folder(const char *name, const char *config);
/* What that config.json says; `more` is put in at its end (", \"key\": 1"). */
const char *st_config(const char *more);
#endif
