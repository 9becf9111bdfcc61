/* Log lines of the plug-in go where ggml's own go. */
#ifndef GW_BACKEND_REPORT_SINK_H
#define GW_BACKEND_REPORT_SINK_H

/* Sends gw_log to ggml's log callback, whichever is set at that moment; to stderr, as before, where ggml does not tell.
 */
void gw_sink_install(void);

#endif
