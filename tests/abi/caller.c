/* A library with a ggml in its scope that loads plug-ins, as libggml is. */
void *call_init(void *(*init)(void));

void *call_init(void *(*init)(void))
{
	/* No jump: the plug-in looks at where it returns to. */
	void *volatile entry = init();
	return entry;
}
