# Generates the table of ggml's functions (OUT) from the list of their names (LIST). Run with cmake -P.
file(STRINGS "${LIST}" lines REGEX "^[a-z]")
foreach(line IN LISTS lines)
	if(NOT line MATCHES "^(base|newer|program) (ggml_[a-z0-9_]+)$")
		message(FATAL_ERROR "${LIST}: not a function: ${line}")
	endif()
	string(TOUPPER "${CMAKE_MATCH_1}" kind)
	string(APPEND members "\t__typeof__(${CMAKE_MATCH_2}) *${CMAKE_MATCH_2};\n")
	string(APPEND entries " \\\n\tX(${kind}, \"${CMAKE_MATCH_2}\")")
	# An enumeration has the same name as one of the functions, which therefore counts as called only if a
	# parenthesis follows.
	if(CMAKE_MATCH_2 STREQUAL "ggml_backend_dev_type")
		string(APPEND macros "#define ggml_backend_dev_type(dev) gw_ggml.ggml_backend_dev_type(dev)\n")
	else()
		string(APPEND macros "#define ${CMAKE_MATCH_2} gw_ggml.${CMAKE_MATCH_2}\n")
	endif()
endforeach()
file(CONFIGURE OUTPUT "${OUT}" @ONLY CONTENT [[
/* Made from src/ggml/functions.list. Included by our <ggml-backend.h>, behind ggml's declarations. */
#ifndef GW_GGML_CALLS_H
#define GW_GGML_CALLS_H

/* X(kind, "name") for each function, in the order of the struct. */
#define GW_GGML_FUNCTIONS(X)@entries@

/* Their addresses in the ggml that runs: src/ggml/bind.h. Members are pointers, and nothing else. */
struct gw_ggml {
@members@};

extern struct gw_ggml gw_ggml;

@macros@
#endif
]])
