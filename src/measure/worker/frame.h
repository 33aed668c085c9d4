/* frame.h - messages between a process and its worker: frames over a descriptor each way.
 *
 *     bytes 0..3   "WTF1"
 *     byte  4      kind: 1 JSON text, 2 bytes (a tensor's, or an array of doubles)
 *     bytes 5..7   zero
 *     bytes 8..15  length of what follows, little endian
 *
 * The other side may be broken, killed or hostile: no length is believed. JSON has a limit; bytes are read only where
 * the JSON in front of them said how many there are, into memory that is already there. */
#ifndef WT_FRAME_H
#define WT_FRAME_H
#include <jansson.h>
#include "base/base.h"

enum { WT_FRAME_JSON_LIMIT = 16 << 20 };

typedef struct wt_channel {
    wt_context *ctx;   /* its cancel flag ends waiting */
    int in, out;       /* may be the same socket */
    uint64_t deadline; /* wt_now_ns() until which reading and writing may take; 0: for ever */
    bool ended;        /* the other side closed between two frames: the WT_EIO that was returned is a goodbye */
} wt_channel;

/* The name of a file in a message: names are bytes, JSON is UTF-8, so every byte goes as the character of its number.
 */
json_t *wt_message_path(const char *path);
/* The other side, from wt_alloc; WT_EUSAGE when there is none, WT_EFORMAT when it is no such text. */
wt_status wt_message_path_of(wt_context *ctx, const json_t *value, char **out, wt_err *err);
/* WT_ELIMIT: not in time. WT_EIO: the other side has closed. WT_EFORMAT: what came is no frame, or not the one
 * expected. */
wt_status wt_channel_send(wt_channel *c, const json_t *message, wt_err *err);
wt_status wt_channel_receive(wt_channel *c, json_t **message, wt_err *err); /* an object */
wt_status wt_channel_send_bytes(wt_channel *c, const void *bytes, size_t len, wt_err *err);
/* Refuses a frame of another length. */
wt_status wt_channel_receive_bytes(wt_channel *c, void *bytes, size_t len, wt_err *err);
#endif
