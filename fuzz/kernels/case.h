/* A case: a graph as a client would send it, where its tensors lie, and what is in them. */
#ifndef GW_FUZZ_KERNELS_CASE_H
#define GW_FUZZ_KERNELS_CASE_H

#include "fuzz/kernels/make.h"
#include "wire/message.h"

#define CASE_TENSORS 40

struct case_tensor {
	struct ggml_tensor *made;
	struct gw_wire_tensor wire;
	int slot;       /* -1: without memory */
	int64_t offset; /* in the slot */
	uint8_t *data;  /* where it was before strain_wire */
	int64_t below;  /* of row numbers; 0 = it has none */
};

struct kcase {
	struct gen gen;
	const struct maker *maker;
	struct case_tensor t[CASE_TENSORS];
	uint32_t n;
	bool visible; /* the server sees the device's memory */
	int threads;
	bool one_thread; /* never more; to be set before case_make */
};

/* Makes a case from gen's choices. False if it has no room in the world. */
bool case_make(struct kcase *c);

/* Fills the slots that the case uses with its data, and takes note of all that is there. */
void case_fill(struct kcase *c);

/* The number of a slot in which something has changed that is in no result's elements, or -1. */
int case_overrun(void);

/* The body of GRAPH_COMPUTE, in a buffer of the callee's; its size. */
size_t case_body(const struct kcase *c, const uint8_t **body);

/* Says what the case is, a line for each tensor. */
void case_print(const struct kcase *c);

/* strain.c: makes layouts that constructors do not make, before places are given; and changes the finished description
 * here and there. */
void strain_layouts(struct kcase *c);
void strain_wire(struct kcase *c);

#endif
