/* Stands before ggml's header of this name, for all of our sources: see ggml-backend.h beside it. */
#ifndef GW_GGML_INCLUDE_GGML_H
#define GW_GGML_INCLUDE_GGML_H

#include_next <ggml.h>

#include <ggml-backend.h>

#endif
