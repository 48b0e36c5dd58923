/* SPDX-License-Identifier: MIT */
/* Setting all queues up, once. */
#include "dev/queue_set.h"

#include <stddef.h>

#include "kern/console.h"
#include "x86/irq.h"
#include "x86/smp.h"

struct queue_set queue_set;

static void refuse(const struct pci_function *f, const char *problem)
{
	console_print("error device 00:%x.%u: %s", f->devfn >> 3, f->devfn & 7,
		      problem);
}

static const char *set_up(struct queue_device *d, struct pci_function *f)
{
	const char *problem = NULL;
	uint32_t i;

	for (i = 0; i < d->nr_queues && !problem; i++) {
		struct wave_place place =
			waves_place(&queue_set.waves, queue_set.nr);
		struct queue_setup setup = {
			.apic_id = smp_cpu(place.cpu)->apic_id,
			.vector = irq_queue_vector(place.vector),
			.tally_gpa = (uint64_t)&queue_set.tally[queue_set.nr],
		};

		queue_set.queue[queue_set.nr].device =
			(uint16_t)queue_set.nr_devices;
		queue_set.queue[queue_set.nr].index = (uint16_t)i;
		problem = queue_device_set(
			d, f, i, &setup, &queue_set.queue[queue_set.nr].notify);
		queue_set.nr++;
	}
	return problem ? problem : queue_device_start(d, f);
}

/* Return: false after an error reply. */
static bool open_devices(void)
{
	struct pci_function f;
	struct queue_device d;
	const char *problem;
	uint32_t devfn = 0, cpus = smp_nr_cpus();

	queue_set.waves.nr_cpus = cpus < IRQ_MAX_CPUS ? cpus : IRQ_MAX_CPUS;
	queue_set.waves.nr_vectors = IRQ_NR_QUEUE_VECTORS;
	queue_set.nr = queue_set.nr_devices = 0;
	irq_open();
	while (queue_device_find(&devfn, &d, &f, &problem)) {
		if (!problem && queue_set.nr_devices == ABI_QUEUES_MAX_DEVICES)
			problem = "there are too many of them";
		if (!problem)
			problem = set_up(&d, &f);
		if (problem) {
			refuse(&f, problem);
			return false;
		}
		queue_set.device[queue_set.nr_devices++] = d;
	}
	queue_set.nr_waves = waves_nr(&queue_set.waves, queue_set.nr);
	queue_set.open = true;
	return true;
}

bool queue_set_open(void)
{
	return queue_set.open || open_devices();
}

uint32_t queue_set_per_wave(void)
{
	return queue_set.waves.nr_cpus * queue_set.waves.nr_vectors;
}

void queue_set_mask(uint32_t wave, bool masked)
{
	uint32_t i, first = wave * queue_set_per_wave();

	for (i = first; i < queue_set.nr && i < first + queue_set_per_wave();
	     i++)
		queue_device_mask(&queue_set.device[queue_set.queue[i].device],
				  queue_set.queue[i].index, masked);
}
