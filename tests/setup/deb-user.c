/* A program linked with libggwire: it looks up the backend, and requests devices of a server that does not exist. */
#include <ggml-backend.h>
#include <stdio.h>
#include <string.h>

#include <ggml-rpc.h>

int main(void)
{
	ggml_backend_reg_t reg = ggml_backend_rpc_reg();
	if (!reg || strcmp(ggml_backend_reg_name(reg), "RPC") != 0)
		return 1;
	printf("libggwire: registry %s\n", ggml_backend_reg_name(reg));
	return ggml_backend_rpc_init("127.0.0.1:9", 0) ? 1 : 0;
}
