/* A library that has a ggml in its scope and loads plug-ins, like libggml. */
void *call_init(void *(*init)(void));

void *call_init(void *(*init)(void))
{
	/* Prevents a tail call: the plug-in examines its return address. */
	void *volatile entry = init();
	return entry;
}
