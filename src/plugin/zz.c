#include <ggml-backend.h>
ggml_backend_reg_t ggml_backend_init(void);
ggml_backend_reg_t ggml_backend_init(void){ return ggml_backend_dev_backend_reg(0);}
