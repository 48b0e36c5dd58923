/* SPDX-License-Identifier: MIT */
/* The client against the device, on a socket of the file system. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/address.h"
#include "client.h"
#include "dma.h"
#include "unit/unit.h"
#include "vfio/client.h"

struct served {
	char dir[64], path[80], address[96];
	struct vfio_device *device;
	pthread_t thread;
	int listen_fd, stop_fd, rc;
};

static void *serve(void *ctx)
{
	struct served *s = ctx;

	s->rc = vfio_device_serve(s->device, s->listen_fd, s->stop_fd, NULL,
				  NULL);
	return NULL;
}

static void served_start(struct served *s, const struct device_params *params)
{
	strcpy(s->dir, "/tmp/vfio-client-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/s", s->dir);
	snprintf(s->address, sizeof(s->address), "unix:%s", s->path);
	assert_int_equal(vfio_device_create(params, &s->device), 0);
	assert_int_equal(address_listen(s->address, &s->listen_fd, NULL), 0);
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void served_stop(struct served *s)
{
	eventfd_write(s->stop_fd, 1);
	pthread_join(s->thread, NULL);
	assert_int_equal(s->rc, 0);
	close(s->listen_fd);
	close(s->stop_fd);
	address_unlink(s->address);
	rmdir(s->dir);
	vfio_device_destroy(s->device);
}

static struct vfio_client *connect_to(const struct served *s,
				      enum vfio_protocol protocol)
{
	const struct vfio_client_params params = {
		.target = s->path,
		.protocol = protocol,
		.timeout_ms = CLIENT_TIMEOUT_MS,
		.cancel_fd = -1,
	};
	struct error err = { "" };
	struct vfio_client *c = NULL;
	int rc = vfio_client_open(&params, &c, &err);

	if (rc)
		fail_msg("%s", err.text);
	return c;
}

static void test_info(void **state)
{
	struct served s;
	struct vfio_client *c;
	struct vfio_region r;
	uint32_t count, vendor = 0;

	(void)state;
	served_start(&s, &client_params);
	c = connect_to(&s, VFIO_PROTOCOL_ANY);
	assert_false(vfio_client_is_v1(c));
	assert_true(vfio_client_logs(c));
	assert_true(vfio_client_can_reset(c));
	assert_int_equal(vfio_client_flags(c), 7);
	assert_int_equal(vfio_client_region(c, VFIO_PCI_BAR2_REGION_INDEX, &r),
			 0);
	assert_int_equal(r.bytes, ABI_DMA_MEMORY_BYTES);
	assert_int_equal(r.nr_areas, 1);
	assert_true(r.fd >= 0);
	close(r.fd);
	assert_int_equal(vfio_client_region(c, 99, &r), -EINVAL);
	assert_int_equal(r.fd, -1);
	assert_string_not_equal(vfio_client_why(c), "");
	assert_int_equal(
		vfio_client_irq_count(c, VFIO_PCI_MSIX_IRQ_INDEX, &count), 0);
	assert_int_equal(count, ABI_DMA_NR_VECTORS);
	assert_int_equal(vfio_client_read(c, VFIO_PCI_CONFIG_REGION_INDEX, 0,
					  &vendor, 4),
			 0);
	assert_int_not_equal(vendor, 0);
	assert_string_equal(vfio_client_why(c), "");
	vfio_client_close(c);
	served_stop(&s);
}

/* All of the state of @from, up to the end. */
static size_t read_all(struct vfio_client *c, uint8_t *data, size_t room,
		       size_t piece)
{
	size_t at = 0, n;
	bool end = false;

	while (!end) {
		assert_true(at + piece <= room);
		assert_int_equal(
			vfio_client_data_read(c, data + at, piece, &n, &end),
			0);
		at += n;
	}
	return at;
}

#define ROOM (4u << 20)

static void move(enum vfio_protocol protocol, enum device_mapping mapping,
		 uint64_t state_bytes)
{
	struct device_params params = client_params;
	static const uint8_t mark[] = "what must be there afterwards";
	uint8_t back[sizeof(mark)];
	uint8_t *data = malloc(ROOM);
	struct vfio_client *a, *b;
	struct served from, to;
	size_t bytes;

	params.state_bytes = state_bytes;
	params.mapping = mapping;
	params.protocol = protocol == VFIO_PROTOCOL_V1 ? DEVICE_PROTOCOL_V1
						       : DEVICE_PROTOCOL_V2;
	served_start(&from, &params);
	served_start(&to, &params);
	a = connect_to(&from, protocol);
	b = connect_to(&to, protocol);
	assert_int_equal(vfio_client_write(a, VFIO_PCI_BAR2_REGION_INDEX, 4096,
					   mark, sizeof(mark)),
			 0);
	assert_int_equal(vfio_client_set_state(a, MIG_STATE_PRE_COPY), 0);
	bytes = read_all(a, data, ROOM, 50000);
	assert_int_equal(vfio_client_set_state(a, MIG_STATE_STOP_COPY), 0);
	bytes += read_all(a, data + bytes, ROOM - bytes, 50000);
	assert_true(bytes > state_bytes);
	assert_int_equal(vfio_client_set_state(a, MIG_STATE_STOP), 0);

	assert_int_equal(vfio_client_set_state(b, MIG_STATE_RESUMING), 0);
	assert_int_equal(vfio_client_data_write(b, data, bytes), 0);
	assert_int_equal(vfio_client_set_state(b, MIG_STATE_RUNNING), 0);
	assert_int_equal(vfio_client_read(b, VFIO_PCI_BAR2_REGION_INDEX, 4096,
					  back, sizeof(back)),
			 0);
	assert_memory_equal(back, mark, sizeof(mark));
	vfio_client_close(a);
	vfio_client_close(b);
	served_stop(&from);
	served_stop(&to);
	free(data);
}

static void test_move(void **state)
{
	static const uint64_t sizes[] = { 0, 1000, 65536, 2000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		move(VFIO_PROTOCOL_V2, DEVICE_MAPPED, sizes[i]);
		move(VFIO_PROTOCOL_V1, DEVICE_MAPPED, sizes[i]);
		move(VFIO_PROTOCOL_V1, DEVICE_TRAPPED, sizes[i]);
	}
}

/* A stream that was cut is refused, and the device goes on by a reset. */
static void test_cut(void **state)
{
	struct served s;
	struct vfio_client *c;
	uint8_t *data = malloc(ROOM);
	size_t bytes;
	uint32_t now;

	(void)state;
	served_start(&s, &client_params);
	c = connect_to(&s, VFIO_PROTOCOL_ANY);
	assert_int_equal(vfio_client_set_state(c, MIG_STATE_STOP_COPY), 0);
	bytes = read_all(c, data, ROOM, 65536);
	assert_int_equal(vfio_client_set_state(c, MIG_STATE_RESUMING), 0);
	assert_int_equal(vfio_client_data_write(c, data, bytes - 1), 0);
	assert_int_not_equal(vfio_client_set_state(c, MIG_STATE_RUNNING), 0);
	assert_int_equal(vfio_client_get_state(c, &now), 0);
	assert_int_not_equal(now, MIG_STATE_RUNNING);
	assert_int_equal(vfio_client_reset(c), 0);
	assert_int_equal(vfio_client_get_state(c, &now), 0);
	assert_int_equal(now, MIG_STATE_RUNNING);
	/* Out of place: refused, and the connection goes on. */
	assert_int_not_equal(vfio_client_data_write(c, data, 10), 0);
	assert_int_equal(vfio_client_get_state(c, &now), 0);
	free(data);
	vfio_client_close(c);
	served_stop(&s);
}

/* The wrong protocol is said so; nobody there, too. */
static void test_refused(void **state)
{
	struct vfio_client_params params = { .timeout_ms = 200,
					     .cancel_fd = -1 };
	struct error err = { "" };
	struct vfio_client *c = NULL;
	struct served s;

	(void)state;
	served_start(&s, &client_params);
	params.target = s.path;
	params.protocol = VFIO_PROTOCOL_V1;
	assert_int_equal(vfio_client_open(&params, &c, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "v1"));
	served_stop(&s);
	params.protocol = VFIO_PROTOCOL_ANY;
	err.text[0] = 0;
	assert_int_not_equal(vfio_client_open(&params, &c, &err), 0);
	assert_string_not_equal(err.text, "");
	params.target = "/dev/vfio/4711";
	err.text[0] = 0;
	assert_int_not_equal(vfio_client_open(&params, &c, &err), 0);
	assert_non_null(strstr(err.text, "/dev/vfio/4711"));
	assert_null(c);
}

/* A device that goes away: an error, again and again, and no hang. */
static void test_gone(void **state)
{
	struct served s;
	struct vfio_client *c;
	uint32_t now;

	(void)state;
	served_start(&s, &client_params);
	c = connect_to(&s, VFIO_PROTOCOL_ANY);
	served_stop(&s);
	assert_int_equal(vfio_client_get_state(c, &now), -ENOTCONN);
	assert_non_null(strstr(vfio_client_why(c), "hung up"));
	assert_int_equal(vfio_client_reset(c), -ENOTCONN);
	assert_non_null(strstr(vfio_client_why(c), "hung up"));
	vfio_client_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info), cmocka_unit_test(test_move),
		cmocka_unit_test(test_cut),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
