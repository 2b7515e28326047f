#include "pbmem.h"

#include <stdint.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "check_main.h"
#include "common.pb-c.h"

static struct pbmem *mem;
static ProtobufCAllocator *allocator;

static void setup(void)
{
	mem = pbmem_new(256);
	allocator = pbmem_allocator(mem);
}

static void teardown(void)
{
	pbmem_free(mem);
}

static void *take(size_t size)
{
	return allocator->alloc(allocator->allocator_data, size);
}

START_TEST(aligned_and_apart)
{
	uint8_t *a = take(1), *b = take(17), *c = take(16);

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq((uintptr_t)a % 16, 0);
	ck_assert_int_eq(b - a, 16);
	ck_assert_int_eq(c - b, 32);
	allocator->free(allocator->allocator_data, a);
	ck_assert(take(1) != a);
}
END_TEST

START_TEST(budget)
{
	ck_assert_ptr_nonnull(take(256));
	ck_assert(!pbmem_exhausted(mem));
	ck_assert_ptr_null(take(1));
	ck_assert(pbmem_exhausted(mem));
	pbmem_reset(mem);
	ck_assert(!pbmem_exhausted(mem));
	ck_assert_ptr_nonnull(take(241));
	ck_assert_ptr_null(take(16));
}
END_TEST

START_TEST(absurd_sizes)
{
	ck_assert_ptr_null(take(257));
	ck_assert_ptr_null(take(SIZE_MAX));
	ck_assert_ptr_null(take(SIZE_MAX - 15));
	ck_assert_ptr_nonnull(take(0));
	ck_assert_ptr_nonnull(take(16));
	ck_assert_ptr_null(take(SIZE_MAX - 16));
	ck_assert_ptr_nonnull(take(16));
}
END_TEST

START_TEST(odd_budget)
{
	struct pbmem *odd = pbmem_new(31);
	ProtobufCAllocator *a = pbmem_allocator(odd);

	ck_assert_ptr_nonnull(a->alloc(a->allocator_data, 16));
	ck_assert_ptr_null(a->alloc(a->allocator_data, 1));
	pbmem_free(odd);
	pbmem_free(NULL);
}
END_TEST

START_TEST(reset_wipes)
{
	static const uint8_t zeros[256];
	uint8_t *p = take(100);

	memset(p, 0xaa, 100);
	pbmem_reset(mem);
	ck_assert_mem_eq(p, zeros, 100);
	ck_assert_ptr_eq(take(100), p);
}
END_TEST

START_TEST(unpacks)
{
	uint8_t wire[64], octets[] = {1, 2, 3, 4};
	Keyhop__Common__KeyMaterial in = KEYHOP__COMMON__KEY_MATERIAL__INIT, *out;
	size_t len;

	in.generation = 5;
	in.wrapped.data = octets;
	in.wrapped.len = sizeof octets;
	len = keyhop__common__key_material__pack(&in, wire);
	out = keyhop__common__key_material__unpack(allocator, len, wire);
	ck_assert_ptr_nonnull(out);
	ck_assert_mem_eq(out->wrapped.data, octets, sizeof octets);
	/* A second does not fit: refused as a whole, no crash. */
	while (out)
		out = keyhop__common__key_material__unpack(allocator, len, wire);
	ck_assert(pbmem_exhausted(mem));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pbmem");

	CHECK_CASE_WITH(s, "pbmem", setup, teardown, aligned_and_apart, budget, absurd_sizes,
			odd_budget, reset_wipes, unpacks);
	return check_main(s);
}
