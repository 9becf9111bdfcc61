/* A case: a graph as a client would send it, the locations of its tensors, and their contents. */
#ifndef GW_FUZZ_KERNELS_CASE_H
#define GW_FUZZ_KERNELS_CASE_H

#include "fuzz/kernels/make.h"
#include "wire/message.h"

#define CASE_TENSORS 40

struct case_tensor {
	struct ggml_tensor *made;
	struct gw_wire_tensor wire;
	int slot;       /* -1: no memory */
	int64_t offset; /* in the slot */
	uint8_t *data;  /* address before strain_wire */
	int64_t below;  /* row numbers must be below this; 0: no row numbers */
};

struct kcase {
	struct gen gen;
	const struct maker *maker;
	struct case_tensor t[CASE_TENSORS];
	uint32_t n;
	bool visible; /* the server can see the device's memory */
	int threads;
	bool one_thread; /* always uses one thread; set before case_make */
};

/* Makes a case from gen's choices. Returns false if the slots have no room for it. */
bool case_make(struct kcase *c);

/* Fills the case's slots with its data, and saves their contents. */
void case_fill(struct kcase *c);

/* Returns a slot with changes outside the results' elements, or -1. */
int case_overrun(void);

/* Returns the size of the GRAPH_COMPUTE body in *body, whose buffer belongs to this function. */
size_t case_body(const struct kcase *c, const uint8_t **body);

/* Prints the case, one line per tensor. */
void case_print(const struct kcase *c);

/* strain.c: strain_layouts makes layouts that constructors never make, before tensors are placed; strain_wire changes
 * details of the finished description. */
void strain_layouts(struct kcase *c);
void strain_wire(struct kcase *c);

#endif
