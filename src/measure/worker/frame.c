/* frame.c - see frame.h. */
#include "measure/worker/frame.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"

enum { HEADER = 16, KIND_JSON = 1, KIND_BYTES = 2, LOOK_MS = 100 /* how often the cancel flag is asked */ };
static const char magic[4] = { 'W', 'T', 'F', '1' };

/* Waits until fd is ready for `events`. */
static wt_status wait_for(wt_channel *c, int fd, short events, wt_err *err)
{
    for (;;) {
        int ms = LOOK_MS;
        if (c->deadline) {
            const uint64_t now = wt_now_ns();
            if (now >= c->deadline)
                return wt_fail(err, WT_ELIMIT, "no answer in time");
            const uint64_t left = (c->deadline - now) / 1000000 + 1;
            ms = left < LOOK_MS ? (int)left : LOOK_MS;
        }
        struct pollfd p = { .fd = fd, .events = events };
        const int n = poll(&p, 1, ms);
        if (n > 0)
            return WT_OK; /* an error or a hang-up shows in the read or write that follows */
        if (n < 0 && errno != EINTR)
            return wt_fail_errno(err, "cannot wait for the other process");
        WT_TRY(wt_check_cancel(c->ctx, err));
    }
}

/* A socket never raises SIGPIPE here: the signal would end a program that only wanted to measure. */
static ssize_t put(int fd, const uint8_t *bytes, size_t len)
{
    const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 && errno == ENOTSOCK ? write(fd, bytes, len) : n;
}

static wt_status write_all(wt_channel *c, const void *bytes, size_t len, wt_err *err)
{
    const uint8_t *p = bytes;
    while (len) {
        WT_TRY(wait_for(c, c->out, POLLOUT, err));
        const ssize_t n = put(c->out, p, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return wt_fail_errno(err, "the other process does not listen");
        p += n;
        len -= (size_t)n;
    }
    return WT_OK;
}

/* *nothing (may be NULL): the line was closed before the first byte. */
static wt_status read_all(wt_channel *c, void *bytes, size_t len, bool *nothing, wt_err *err)
{
    uint8_t *p = bytes;
    const size_t whole = len;
    while (len) {
        WT_TRY(wait_for(c, c->in, POLLIN, err));
        const ssize_t n = read(c->in, p, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return wt_fail_errno(err, "cannot read from the other process");
        if (n == 0 && nothing)
            *nothing = len == whole;
        if (n == 0)
            return wt_fail(err, WT_EIO, "the other process closed the line, %zu of %zu bytes early", len, whole);
        p += n;
        len -= (size_t)n;
    }
    return WT_OK;
}

static wt_status send_frame(wt_channel *c, int kind, const void *bytes, size_t len, wt_err *err)
{
    uint8_t head[HEADER] = { 0 };
    memcpy(head, magic, sizeof magic);
    head[4] = (uint8_t)kind;
    for (int i = 0; i < 8; i++)
        head[8 + i] = (uint8_t)((uint64_t)len >> (8 * i));
    WT_TRY(write_all(c, head, sizeof head, err));
    return write_all(c, bytes, len, err);
}

static wt_status receive_head(wt_channel *c, int kind, uint64_t *len, wt_err *err)
{
    uint8_t head[HEADER];
    WT_TRY(read_all(c, head, sizeof head, &c->ended, err));
    if (memcmp(head, magic, sizeof magic) != 0 || head[5] || head[6] || head[7])
        return wt_fail(err, WT_EFORMAT, "what the other process sent is no frame");
    if (head[4] != kind)
        return wt_fail(err, WT_EFORMAT, "a frame of kind %d came, %d was expected", head[4], kind);
    *len = 0;
    for (int i = 0; i < 8; i++)
        *len |= (uint64_t)head[8 + i] << (8 * i);
    return WT_OK;
}

wt_status wt_channel_send(wt_channel *c, const json_t *message, wt_err *err)
{
    char *text = json_dumps(message, JSON_COMPACT);
    if (!text)
        return wt_fail(err, WT_ENOMEM, "no memory for a message");
    const size_t len = strlen(text);
    const wt_status st = len > WT_FRAME_JSON_LIMIT
                             ? wt_fail(err, WT_ELIMIT, "a message of %zu bytes is over the limit of %d", len,
                                       WT_FRAME_JSON_LIMIT)
                             : send_frame(c, KIND_JSON, text, len, err);
    wt_text_free(text);
    return st;
}

wt_status wt_channel_receive(wt_channel *c, json_t **message, wt_err *err)
{
    uint64_t len;
    *message = NULL;
    WT_TRY(receive_head(c, KIND_JSON, &len, err));
    if (len > WT_FRAME_JSON_LIMIT)
        return wt_fail(err, WT_EFORMAT, "a message of %llu bytes is over the limit of %d", (unsigned long long)len,
                       WT_FRAME_JSON_LIMIT);
    char *text = wt_alloc_raw(c->ctx, (size_t)len + 1, 1, err);
    if (!text)
        return WT_ENOMEM;
    wt_status st = read_all(c, text, (size_t)len, NULL, err);
    if (st == WT_OK)
        st = wt_json_parse(message, text, (size_t)len, "message of the other process", err);
    wt_free(c->ctx, text);
    if (st == WT_OK && !json_is_object(*message)) {
        json_decref(*message);
        *message = NULL;
        st = wt_fail(err, WT_EFORMAT, "a JSON object was expected from the other process");
    }
    return st;
}

wt_status wt_channel_send_bytes(wt_channel *c, const void *bytes, size_t len, wt_err *err)
{
    return send_frame(c, KIND_BYTES, bytes, len, err);
}

wt_status wt_channel_receive_bytes(wt_channel *c, void *bytes, size_t len, wt_err *err)
{
    uint64_t got;
    WT_TRY(receive_head(c, KIND_BYTES, &got, err));
    if (got != len)
        return wt_fail(err, WT_EFORMAT, "a frame of %llu bytes came, %zu were expected", (unsigned long long)got, len);
    return read_all(c, bytes, len, NULL, err);
}

/* --- names of files
 * --------------------------------------------------------------------------------------------------------- */
json_t *wt_message_path(const char *path)
{
    const size_t len = strlen(path);
    char *text = malloc(2 * len + 1), *to = text;
    for (size_t i = 0; text && i < len; i++) {
        const unsigned char c = (unsigned char)path[i];
        if (c >= 0x80)
            *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    json_t *json = text ? json_stringn(text, (size_t)(to - text)) : NULL;
    free(text);
    return json;
}

wt_status wt_message_path_of(wt_context *ctx, const json_t *value, char **out, wt_err *err)
{
    const char *text = json_string_value(value);
    *out = NULL;
    if (!text)
        return wt_fail(err, WT_EUSAGE, "the message names no file");
    char *path = wt_alloc_raw(ctx, strlen(text) + 1, 1, err), *to = path;
    if (!path)
        return WT_ENOMEM;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x80) {
            *to++ = (char)*p;
        } else if (*p == 0xc2 || *p == 0xc3) { /* what follows is there: jansson takes only UTF-8 */
            *to++ = (char)(*p << 6 | (p[1] & 0x3f));
            p++;
        } else {
            wt_free(ctx, path);
            return wt_fail(err, WT_EFORMAT, "the name of a file in the message has a character that is no byte");
        }
    *to = 0;
    *out = path;
    return WT_OK;
}
