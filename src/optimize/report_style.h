/* report_style.h - the style sheet of the report. */
#ifndef WT_REPORT_STYLE_H
#define WT_REPORT_STYLE_H
extern const char *const wt_report_style[]; /* lines, ended by NULL */
#endif
