#include "queue_pair.h"

#include <errno.h>
#include <stddef.h>

static const char *move(
	struct ibv_qp *qp, struct ibv_qp_attr *attr, enum ibv_qp_state state, int mask, const char *name)
{
	attr->qp_state = state;
	errno = ibv_modify_qp(qp, attr, mask | IBV_QP_STATE);
	return errno ? name : NULL;
}

const char *queue_pair_up(struct ibv_qp *qp, struct ibv_qp_attr *init, struct ibv_qp_attr *rtr, struct ibv_qp_attr *rts,
	void (*between)(void *user), void *user)
{
	const char *failed =
		move(qp, init, IBV_QPS_INIT, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS, "INIT");
	if (failed)
		return failed;
	between(user);
	failed = move(qp, rtr, IBV_QPS_RTR,
		IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			IBV_QP_MIN_RNR_TIMER,
		"RTR");
	if (failed)
		return failed;
	return move(qp, rts, IBV_QPS_RTS,
		IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC, "RTS");
}
