/* SPDX-License-Identifier: MIT */
/* A guest in this process. */
#include "machine/local_guest.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/machine.h"
#include "vmm/loader.h"

#define PATIENCE_S 120
/* More than all that it says between two commands. */
#define ROOM_BYTES 16384u

struct local_guest {
	struct vm *vm;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t said;
	char text[ROOM_BYTES]; /* whole and unfinished lines, NUL-terminated */
	size_t used;
	bool broken;
	struct error why; /* if broken */
};

static void on_serial(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct local_guest *g = ctx;

	pthread_mutex_lock(&g->lock);
	/* One that babbles loses its oldest words. */
	if (nr_bytes < ROOM_BYTES && g->used + nr_bytes >= ROOM_BYTES)
		g->used = 0;
	if (nr_bytes < ROOM_BYTES) {
		memcpy(g->text + g->used, bytes, nr_bytes);
		g->used += nr_bytes;
		g->text[g->used] = '\0';
	}
	pthread_cond_broadcast(&g->said);
	pthread_mutex_unlock(&g->lock);
}

static void broke(struct local_guest *g, const char *sentence)
{
	pthread_mutex_lock(&g->lock);
	if (!g->broken)
		error_set(&g->why, -EIO, "%s", sentence);
	g->broken = true;
	pthread_cond_broadcast(&g->said);
	pthread_mutex_unlock(&g->lock);
}

static void on_failed(void *ctx, unsigned int vcpu, const char *sentence)
{
	broke(ctx, sentence);
}

static void on_shutdown(void *ctx, unsigned int vcpu)
{
	broke(ctx, "the guest has reset itself");
}

static void on_exit_port(void *ctx, uint32_t value)
{
	broke(ctx, "the guest has powered itself off");
}

static const struct vm_events events = {
	.exit_port = on_exit_port,
	.shutdown = on_shutdown,
	.failed = on_failed,
	.serial_write = on_serial,
};

/* Takes the first whole line off the text. Context: locked. */
static bool take_line(struct local_guest *g, char *line)
{
	char *end = memchr(g->text, '\n', g->used);
	size_t bytes = end ? (size_t)(end - g->text) + 1 : 0;

	if (!end)
		return false;
	snprintf(line, LOCAL_GUEST_LINE_BYTES, "%.*s",
		 (int)strcspn(g->text, "\r\n"), g->text);
	g->used -= bytes;
	memmove(g->text, g->text + bytes, g->used + 1);
	return true;
}

/* The next line that begins with one of the words (@b may be NULL). */
static int wait_line(struct local_guest *g, const char *a, const char *b,
		     char *line, struct error *err)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&g->lock);
	for (;;) {
		bool got = take_line(g, line);

		if (got && (!strncmp(line, a, strlen(a)) ||
			    (b && !strncmp(line, b, strlen(b)))))
			break;
		if (got)
			continue;
		if (g->broken)
			rc = error_set(err, -EIO, "%s", g->why.text);
		else if (pthread_cond_timedwait(&g->said, &g->lock, &until))
			rc = error_set(err, -ETIMEDOUT,
				       "the guest does not say '%s'", a);
		if (rc)
			break;
	}
	pthread_mutex_unlock(&g->lock);
	return rc;
}

int local_guest_event(struct local_guest *g, const char *name,
		      struct error *err)
{
	char line[LOCAL_GUEST_LINE_BYTES], word[64];

	snprintf(word, sizeof(word), "event %s", name);
	return wait_line(g, word, NULL, line, err);
}

int local_guest_command(struct local_guest *g, const char *line, char *reply,
			struct error *err)
{
	char text[LOCAL_GUEST_LINE_BYTES], got[LOCAL_GUEST_LINE_BYTES];
	int bytes = snprintf(text, sizeof(text), "%s\n", line), rc;
	const char *rest;

	if ((size_t)bytes >= sizeof(text) ||
	    vm_serial_push(g->vm, (const uint8_t *)text, (size_t)bytes) !=
		    (size_t)bytes)
		return error_set(err, -EIO, "the guest takes no command");
	rc = wait_line(g, "ok", "error", got, err);
	if (rc)
		return rc;
	rest = strchr(got, ' ');
	if (reply)
		snprintf(reply, LOCAL_GUEST_LINE_BYTES, "%s",
			 rest ? rest + 1 : "");
	if (!strncmp(got, "error", 5))
		return error_set(err, -EINVAL, "the guest refuses '%s': %s",
				 line, rest ? rest + 1 : "");
	return 0;
}

struct vm *local_guest_vm(struct local_guest *g)
{
	return g->vm;
}

const struct abi_control *local_guest_control(const struct local_guest *g)
{
	return (const void *)guestmem_region(vm_memory(g->vm), "control")->hva;
}

const struct abi_vcpu *local_guest_vcpus(const struct local_guest *g)
{
	const struct abi_control *c = local_guest_control(g);

	return (const void *)((const char *)c + c->vcpu_offset);
}

static int load(struct local_guest *g, struct error *err)
{
	const struct guestmem *mem = vm_memory(g->vm);
	const struct guestmem_region *r = guestmem_region(mem, "control");
	struct loader_params params = { .control_gpa = r->gpa,
					.control_bytes = r->bytes };
	struct abi_control *c = (void *)r->hva;
	struct loader_result loaded;
	uint64_t bytes;
	const void *elf = machine_guest_image(&bytes);
	int rc;

	c->magic = ABI_CONTROL_MAGIC;
	c->version = ABI_VERSION;
	c->header_bytes = sizeof(*c);
	c->bytes = r->bytes;
	c->preset_cpus = vm_nr_vcpus(g->vm);
	rc = loader_load_pvh(mem, elf, bytes, &params, &loaded, err);
	if (!rc)
		rc = vm_set_boot(g->vm, loaded.entry_gpa,
				 loaded.start_info_gpa);
	if (!rc)
		rc = vm_resume(g->vm);
	if (!rc)
		rc = local_guest_event(g, "ready", err);
	/* It names the place of its counters; a broken one may name any. */
	if (!rc &&
	    c->vcpu_offset + c->nr_vcpus * sizeof(struct abi_vcpu) > r->bytes)
		rc = -EPROTO;
	return rc && !err->text[0]
		       ? error_set(err, rc, "the guest does not start: %s",
				   strerror(-rc))
		       : rc;
}

int local_guest_create(const struct vm_params *params,
		       struct local_guest **ret_guest, struct error *err)
{
	struct local_guest *g = calloc(1, sizeof(*g));
	struct vm_params p = *params;
	pthread_condattr_t attr;
	int rc;

	if (!g)
		return error_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->said, &attr);
	pthread_condattr_destroy(&attr);
	p.control_bytes = abi_control_bytes(p.nr_vcpus);
	p.events = &events;
	p.ctx = g;
	rc = vm_create(&p, &g->vm, err);
	if (!rc)
		rc = load(g, err);
	if (rc)
		local_guest_destroy(g);
	else
		*ret_guest = g;
	return rc;
}

void local_guest_destroy(struct local_guest *g)
{
	if (!g)
		return;
	vm_destroy(g->vm);
	pthread_cond_destroy(&g->said);
	pthread_mutex_destroy(&g->lock);
	free(g);
}
