/* whet/export.h - marks what the shared library exports; everything else is hidden. */
#ifndef WHET_EXPORT_H
#define WHET_EXPORT_H
#if defined(__GNUC__) || defined(__clang__)
#define WT_API __attribute__((visibility("default")))
#else
#define WT_API
#endif
#endif
