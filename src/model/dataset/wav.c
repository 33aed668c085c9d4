/* wav.c - reading WAVE files. */
#include "model/dataset/wav.h"
#include "base/bytes.h"

enum { PCM = 1, IEEE_FLOAT = 3, EXTENSIBLE = 0xfffe, MAX_CHANNELS = 64 };

static wt_status parse_format(wt_wav *wav, const uint8_t *p, uint64_t len, uint64_t at, wt_err *err)
{
    if (len < 16)
        return wt_fail_at(err, WT_EFORMAT, at, "WAV: the format chunk is too short");
    unsigned format = wt_le16(p);
    wav->channels = wt_le16(p + 2);
    wav->rate = wt_le32(p + 4);
    wav->bits = wt_le16(p + 14);
    if (format == EXTENSIBLE && len >= 40)
        format = wt_le16(p + 24); /* first two bytes of the GUID that all plain formats share */
    const bool known = (format == PCM && (wav->bits == 8 || wav->bits == 16 || wav->bits == 24 || wav->bits == 32)) ||
                       (format == IEEE_FLOAT && (wav->bits == 32 || wav->bits == 64));
    if (!known) {
        wt_fail_at(err, WT_EUNSUPPORTED, at, "WAV: format %u with %d bits is not supported", format, wav->bits);
        wt_err_hint(err, "convert it to 16-bit PCM first");
        return WT_EUNSUPPORTED;
    }
    wav->is_float = format == IEEE_FLOAT;
    if (wav->channels < 1 || wav->channels > MAX_CHANNELS || wav->rate < 1 || wav->rate > 10000000)
        return wt_fail_at(err, WT_EFORMAT, at, "WAV: %d channels at %u Hz", wav->channels, wav->rate);
    if (wt_le16(p + 12) != wav->channels * wav->bits / 8)
        return wt_fail_at(err, WT_EFORMAT, at + 12, "WAV: a frame of %u bytes does not hold %d channels of %d bits",
                          wt_le16(p + 12), wav->channels, wav->bits);
    return WT_OK;
}

wt_status wt_wav_parse(wt_wav *out, const uint8_t *bytes, uint64_t len, wt_err *err)
{
    memset(out, 0, sizeof *out);
    if (len < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
        return wt_fail_at(err, WT_EFORMAT, 0, "not a WAV file");
    for (uint64_t at = 12; at <= len && len - at >= 8;) {
        uint64_t size = wt_le32(bytes + at + 4);
        const uint64_t there = len - at - 8;
        const bool data = memcmp(bytes + at, "data", 4) == 0;
        if (data && size == UINT32_MAX)
            size = there; /* written to a pipe: to the end of the file */
        if (size > there)
            return wt_fail_at(err, WT_EFORMAT, at, "WAV: a chunk promises %llu bytes, but %llu follow",
                              (unsigned long long)size, (unsigned long long)there);
        if (memcmp(bytes + at, "fmt ", 4) == 0)
            WT_TRY(parse_format(out, bytes + at + 8, size, at + 8, err));
        if (data) {
            if (!out->rate)
                return wt_fail_at(err, WT_EFORMAT, at, "WAV: the data comes before its format");
            out->data_offset = at + 8;
            out->frames = size / ((uint64_t)out->channels * (uint64_t)out->bits / 8);
            return WT_OK;
        }
        at += 8 + size + (size & 1);
    }
    return wt_fail_at(err, WT_EFORMAT, len, "WAV: there is no data chunk");
}

static float sample(const wt_wav *wav, const uint8_t *p)
{
    float f;
    double d;
    switch (wav->bits) {
    case 8: return ((float)p[0] - 128) / 128;
    case 16: return (float)(int16_t)wt_le16(p) / 32768;
    case 24:
        return (float)((int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 24) >> 8) / 8388608;
    case 32:
        if (!wav->is_float)
            return (float)((double)(int32_t)wt_le32(p) / 2147483648.0);
        memcpy(&f, p, sizeof f);
        return f;
    default: memcpy(&d, p, sizeof d); return (float)d;
    }
}

void wt_wav_read(const wt_wav *wav, const uint8_t *bytes, int64_t first, size_t n, int channel, float *out)
{
    const size_t item = (size_t)wav->bits / 8, frame = item * (size_t)wav->channels;
    for (size_t i = 0; i < n; i++) {
        const int64_t at = first + (int64_t)i;
        out[i] = 0;
        if (at < 0 || (uint64_t)at >= wav->frames)
            continue;
        const uint8_t *p = bytes + wav->data_offset + (uint64_t)at * frame;
        if (channel >= 0) {
            out[i] = sample(wav, p + (size_t)channel * item);
            continue;
        }
        float sum = 0;
        for (int c = 0; c < wav->channels; c++)
            sum += sample(wav, p + (size_t)c * item);
        out[i] = sum / (float)wav->channels;
    }
}
