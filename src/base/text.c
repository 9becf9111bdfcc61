#include "base/text.h"

#include <string.h>

/* By the first byte: the sequence's bytes, and its first byte's bits. */
static size_t lead(unsigned char byte, uint32_t *bits)
{
	if (byte < 0x80) {
		*bits = byte;
		return 1;
	}
	if (byte >= 0xc0 && byte < 0xe0) {
		*bits = byte & 0x1f;
		return 2;
	}
	if (byte >= 0xe0 && byte < 0xf0) {
		*bits = byte & 0x0f;
		return 3;
	}
	if (byte >= 0xf0 && byte < 0xf8) {
		*bits = byte & 0x07;
		return 4;
	}
	return 0;
}

/* An overlong encoding, or not a character. */
static bool is_wrong(uint32_t character, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	return character < least[n] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff);
}

size_t gw_utf8_decode(const char *text, size_t n, uint32_t *character)
{
	uint32_t c;
	size_t size = n ? lead((unsigned char)text[0], &c) : 0;
	if (size == 0 || size > n)
		return 0;
	for (size_t i = 1; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];
		if ((byte & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (byte & 0x3f);
	}
	if (is_wrong(c, size))
		return 0;
	*character = c;
	return size;
}

bool gw_text_is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

const char *gw_text_safe(const char *text, char *out, size_t size)
{
	size_t left = strlen(text), used = 0;
	while (left > 0) {
		uint32_t c;
		size_t n = gw_utf8_decode(text, left, &c);
		bool unsafe = n == 0 || gw_text_is_unsafe(c);
		size_t width = unsafe ? 1 : n;
		if (used + width >= size)
			break;
		memmove(out + used, unsafe ? "?" : text, width);
		used += width;
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	out[used] = 0;
	return out;
}
