/* SPDX-License-Identifier: MIT */
/* vfio-user devices of a migration. */
#include "tools/vfio_options.h"

#include <errno.h>
#include <string.h>

bool vfio_is_wanted(const struct vfio_choice *c)
{
	return c->device.nr || c->user.nr || c->user_target.nr;
}

int vfio_choose_backing(const struct vfio_choice *c, struct common_settings *s,
			struct error *err)
{
	struct memory_choice *m = &s->memory;

	if (!vfio_is_wanted(c))
		return 0;
	if (!m->backing)
		m->backing = "memfd";
	if (!strcmp(m->backing, "memfd") || !strncmp(m->backing, "file:", 5))
		return 0;
	return error_set(err, -EINVAL,
			 "a vfio-user device maps the guest's memory: it needs "
			 "--backing memfd or file:PATH, not %s",
			 m->backing);
}

static int check(const struct vfio_choice *c, const struct run_settings *run,
		 struct error *err)
{
	if (run->attach.source_qmp || run->kind != DRIVE_MINI)
		return error_set(err, -EINVAL,
				 "--vfio-device and --vfio-user are for mini "
				 "VMMs that this command starts");
	if (c->device.nr && (c->user.nr || c->user_target.nr))
		return error_set(err, -EINVAL,
				 "--vfio-device starts devices, --vfio-user "
				 "uses those that are there: one of the two");
	if (c->user.nr != c->user_target.nr)
		return error_set(err, -EINVAL,
				 "--vfio-user and --vfio-user-target go "
				 "together: as many of both");
	if (c->device.nr > DRIVE_MAX_VFIO || c->user.nr > DRIVE_MAX_VFIO)
		return error_set(err, -EINVAL,
				 "a machine has at most %u vfio-user devices",
				 DRIVE_MAX_VFIO);
	return 0;
}

static void take(const struct vfio_choice *c, const struct option_list *sockets,
		 struct drive_vfio_params *p)
{
	unsigned int i;

	p->nr_devices = c->device.nr;
	for (i = 0; i < c->device.nr; i++)
		p->device[i] = c->device.item[i];
	p->nr_sockets = sockets->nr;
	for (i = 0; i < sockets->nr; i++)
		p->socket[i] = sockets->item[i];
}

int vfio_resolve(const struct vfio_choice *c, struct run_settings *run,
		 struct error *err)
{
	int rc;

	if (run->sabotage.count &&
	    run->sabotage.kind == SABOTAGE_SKIP_DMA_DIRTY && !c->device.nr &&
	    !c->user.nr)
		return error_set(err, -EINVAL,
				 "--sabotage skip-dma-dirty needs a device "
				 "that writes: --vfio-device or --vfio-user");
	if (!vfio_is_wanted(c))
		return 0;
	rc = check(c, run, err);
	if (rc)
		return rc;
	take(c, &c->user, &run->vfio[0]);
	take(c, &c->user_target, &run->vfio[1]);
	return 0;
}

static json_t *list(const char *const *text, unsigned int nr)
{
	json_t *o = json_array();
	unsigned int i;

	for (i = 0; i < nr; i++)
		json_array_append_new(o, json_string(text[i]));
	return o;
}

void vfio_params(const struct run_settings *run, json_t *params)
{
	const struct drive_vfio_params *a = &run->vfio[0], *b = &run->vfio[1];

	json_object_set_new(params, "vfio_device",
			    list(a->device, a->nr_devices));
	json_object_set_new(params, "vfio_user",
			    list(a->socket, a->nr_sockets));
	json_object_set_new(params, "vfio_user_target",
			    list(b->socket, b->nr_sockets));
}
