#include "pbmem.h"

#include <stdint.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>

#include "mem.h"

#define ALIGNMENT 16U /* what malloc() gives */

struct pbmem {
	ProtobufCAllocator allocator;
	uint8_t *block;
	size_t budget, used;
	bool exhausted;
};

static void *take(void *data, size_t size)
{
	struct pbmem *m = data;
	size_t left = m->budget - m->used;
	void *p;

	if (size > left) {
		m->exhausted = true;
		return NULL;
	}
	p = m->block + m->used;
	/* The budget is a multiple of the alignment, so what is rounded up fits too. */
	m->used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return p;
}

static void give_back(void *data, void *p)
{
	(void)data;
	(void)p;
}

struct pbmem *pbmem_new(size_t budget)
{
	struct pbmem *m = x_calloc(1, sizeof *m);

	m->budget = budget / ALIGNMENT * ALIGNMENT;
	m->block = x_calloc(1, m->budget);
	m->allocator.alloc = take;
	m->allocator.free = give_back;
	m->allocator.allocator_data = m;
	return m;
}

void pbmem_free(struct pbmem *m)
{
	if (!m)
		return;
	pbmem_reset(m);
	free(m->block);
	free(m);
}

struct ProtobufCAllocator *pbmem_allocator(struct pbmem *m)
{
	return &m->allocator;
}

void pbmem_reset(struct pbmem *m)
{
	OPENSSL_cleanse(m->block, m->used);
	m->used = 0;
	m->exhausted = false;
}

bool pbmem_exhausted(const struct pbmem *m)
{
	return m->exhausted;
}
