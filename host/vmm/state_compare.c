/* SPDX-License-Identifier: MIT */
/* Two states side by side. */
#include "vmm/state.h"

#include <errno.h>
#include <string.h>

#define NAME_BYTES 64

/* One value, in a list of them in a buffer. */
struct value {
	char name[NAME_BYTES];
	int vcpu;
	enum vm_value_kind kind;
	size_t at; /* of its bytes in struct list.bytes */
	size_t bytes;
};

struct list {
	struct buf values; /* struct value[] */
	struct buf bytes;
	int rc;
};

static void collect(void *ctx, int vcpu, const char *name,
		    enum vm_value_kind kind, const void *value,
		    size_t value_bytes)
{
	struct list *l = ctx;
	struct value v = {
		.vcpu = vcpu,
		.kind = kind,
		.at = l->bytes.bytes,
		.bytes = value_bytes,
	};

	if (l->rc)
		return;
	strncpy(v.name, name, NAME_BYTES - 1);
	l->rc = buf_append(&l->bytes, value, value_bytes);
	if (!l->rc)
		l->rc = buf_append(&l->values, &v, sizeof(v));
}

static int list_init(struct list *l, const uint8_t *state, size_t bytes)
{
	int rc;

	*l = (struct list){ .values = BUF_INIT, .bytes = BUF_INIT };
	rc = vm_state_describe(state, bytes, collect, l, NULL);
	return rc ? rc : l->rc;
}

static void list_exit(struct list *l)
{
	buf_exit(&l->values);
	buf_exit(&l->bytes);
}

static size_t list_nr(const struct list *l)
{
	return l->values.bytes / sizeof(struct value);
}

static const struct value *list_at(const struct list *l, size_t i)
{
	return (const struct value *)l->values.data + i;
}

/* The value of that name, looked for from @hint on: usually right there. */
static const struct value *list_find(const struct list *l,
				     const struct value *v, size_t hint)
{
	size_t i, nr = list_nr(l);

	for (i = 0; i < nr; i++) {
		const struct value *w = list_at(l, (hint + i) % nr);

		if (w->vcpu == v->vcpu && !strcmp(w->name, v->name))
			return w;
	}
	return NULL;
}

static bool same(const struct list *a, const struct value *va,
		 const struct list *b, const struct value *vb)
{
	return vb && va->bytes == vb->bytes &&
	       !memcmp(a->bytes.data + va->at, b->bytes.data + vb->at,
		       va->bytes);
}

int vm_state_compare(const uint8_t *a, size_t a_bytes, const uint8_t *b,
		     size_t b_bytes,
		     void (*differs)(void *ctx, int vcpu, const char *name,
				     const void *a, size_t a_value_bytes,
				     const void *b, size_t b_value_bytes),
		     void *ctx, unsigned int *ret_compared)
{
	struct list la, lb = { .values = BUF_INIT, .bytes = BUF_INIT };
	unsigned int nr_differing = 0, nr = 0;
	const struct value *v, *w;
	size_t i;
	int rc = list_init(&la, a, a_bytes);

	if (!rc)
		rc = list_init(&lb, b, b_bytes);
	for (i = 0; !rc && i < list_nr(&la); i++) {
		v = list_at(&la, i);
		if (v->kind != VM_VALUE_FIXED)
			continue;
		nr++;
		w = list_find(&lb, v, i);
		if (same(&la, v, &lb, w))
			continue;
		nr_differing++;
		if (differs)
			differs(ctx, v->vcpu, v->name, la.bytes.data + v->at,
				v->bytes, w ? lb.bytes.data + w->at : NULL,
				w ? w->bytes : 0);
	}
	for (i = 0; !rc && i < list_nr(&lb); i++) {
		v = list_at(&lb, i);
		if (v->kind != VM_VALUE_FIXED || list_find(&la, v, i))
			continue;
		nr++;
		nr_differing++;
		if (differs)
			differs(ctx, v->vcpu, v->name, NULL, 0,
				lb.bytes.data + v->at, v->bytes);
	}
	list_exit(&la);
	list_exit(&lb);
	if (!rc)
		*ret_compared = nr;
	return rc ? rc : (int)nr_differing;
}
