/* SPDX-License-Identifier: MIT */
/* Which QEMUs there are, and what really starts with them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/doctor.h"
#include "drive/qemu_find.h"
#include "drive/qemu_trial.h"
#include "qmp/client.h"

#define PATIENCE_MS 10000

enum { KVM, TCG, NR_ACCELS };

static const char *const accels[NR_ACCELS] = { "kvm", "tcg" };
static const char *const machines[] = { "microvm", "q35", "pc" };

/* What vmferry or a reader of migration results asks for. */
static const char *const wanted_caps[] = {
	"multifd",    "postcopy-ram",	"postcopy-preempt", "xbzrle",
	"compress",   "auto-converge",	"dirty-limit",	    "zero-copy-send",
	"mapped-ram", "switchover-ack", "return-path",	    "events",
};

struct qemu {
	const char *path;
	char prefix[16]; /* "qemu", "qemu2" */
	struct checks *checks;
	json_t *facts; /* the object that stands for it */
	bool accel[NR_ACCELS]; /* starts with it */
	json_t *machines; /* query-machines, or NULL */
};

static struct check *row(struct qemu *q, enum check_state state,
			 const char *what)
{
	char name[48];

	snprintf(name, sizeof(name), "%s.%s", q->prefix, what);
	return checks_add(q->checks, state, name);
}

static int try(const struct qemu *q, const char *machine, int accel,
	       const char *cpu, struct error *why)
{
	const struct qemu_trial_params params = { q->path, machine,
						  accels[accel], cpu };
	struct qemu_trial t;
	int rc;

	why->text[0] = '\0';
	rc = qemu_trial_start(&params, &t, why);
	if (!rc)
		qemu_trial_stop(&t);
	return rc;
}

/* The array that @command returns, or NULL. */
static json_t *ask(struct qemu_trial *t, const char *command)
{
	json_t *value;

	if (qmp_client_execute(t->qmp, command, NULL, PATIENCE_MS, &value,
			       NULL))
		return NULL;
	if (json_is_array(value))
		return value;
	json_decref(value);
	return NULL;
}

/* The names only, as the facts have them. */
static json_t *capability_names(json_t *reply)
{
	json_t *list = json_array(), *entry, *name;
	size_t i;

	json_array_foreach (reply, i, entry) {
		name = json_object_get(entry, "capability");
		if (json_is_string(name))
			json_array_append(list, name);
	}
	return list;
}

static bool has_name(const json_t *names, const char *name)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (names, i, entry)
		if (!strcmp(json_string_value(entry), name))
			return true;
	return false;
}

static void add_capabilities(struct qemu *q, struct qemu_trial *t)
{
	json_t *reply = ask(t, "query-migrate-capabilities");
	json_t *names = capability_names(reply);
	char text[200] = "";
	size_t i, used = 0;

	for (i = 0; i < sizeof(wanted_caps) / sizeof(wanted_caps[0]); i++)
		if (has_name(names, wanted_caps[i]) && used < sizeof(text))
			used += (size_t)snprintf(text + used,
						 sizeof(text) - used, " %s",
						 wanted_caps[i]);
	check_value(
		row(q, used ? CHECK_OK : CHECK_NOTE, "migrate_capabilities"),
		"%zu, among them%s", json_array_size(names),
		used ? text : " none that vmferry knows");
	json_object_set_new(q->facts, "migrate_capabilities", names);
	json_decref(reply);
}

/* Once, by whatever accelerator starts first. */
static void interview(struct qemu *q, struct qemu_trial *t)
{
	const char *version = qmp_client_version(t->qmp);

	json_object_set_new(q->facts, "version", json_string(version));
	check_value(row(q, CHECK_OK, "version"), "%s", version);
	q->machines = ask(t, "query-machines");
	add_capabilities(q, t);
}

static void add_accel(struct qemu *q, int accel)
{
	const struct qemu_trial_params params = { q->path, "none",
						  accels[accel], NULL };
	struct error why = { "" };
	struct qemu_trial t;
	struct check *c;
	int rc = qemu_trial_start(&params, &t, &why);

	q->accel[accel] = !rc;
	if (!rc) {
		if (!json_object_get(q->facts, "version"))
			interview(q, &t);
		qemu_trial_stop(&t);
		check_value(row(q, CHECK_OK, accels[accel]), "starts");
		return;
	}
	c = row(q, accel == KVM ? CHECK_ABSENT : CHECK_PROBLEM, accels[accel]);
	check_value(c, "%s", why.text);
	check_advice(c, accel == KVM ? "see kvm.device; --accel tcg works "
				       "without it"
				     : "install a QEMU that was built with "
				       "TCG to run without /dev/kvm");
}

static bool offers(const struct qemu *q, const char *machine)
{
	const json_t *entry;
	const char *name, *alias;
	size_t i;

	json_array_foreach (q->machines, i, entry) {
		name = json_string_value(json_object_get(entry, "name"));
		alias = json_string_value(json_object_get(entry, "alias"));
		if ((name && !strcmp(name, machine)) ||
		    (alias && !strcmp(alias, machine)))
			return true;
	}
	return false;
}

/* @machine under each accelerator that starts at all. */
static void add_machine(struct qemu *q, const char *machine)
{
	bool works[NR_ACCELS] = { false }, failed = false;
	struct error why;
	char words[300] = "";
	struct check *c;
	int i;

	for (i = 0; i < NR_ACCELS; i++) {
		if (!q->accel[i])
			continue;
		works[i] = !try(q, machine, i, NULL, &why);
		if (!works[i]) {
			failed = true;
			snprintf(words, sizeof(words), "; not with %s: %.200s",
				 accels[i], why.text);
		}
	}
	c = row(q, failed ? CHECK_NOTE : CHECK_OK, machine);
	check_value(c, "starts with%s%s%s%s", works[KVM] ? " kvm" : "",
		    works[TCG] ? " tcg" : "",
		    works[KVM] || works[TCG] ? "" : " nothing", words);
	if (failed)
		check_advice(c, "use another --machine, --accel or --cpu");
	json_object_set_new(
		json_object_get(q->facts, "machines"), machine,
		json_pack("{s:b, s:b}", "kvm", works[KVM], "tcg", works[TCG]));
}

static void add_machines(struct qemu *q)
{
	struct check *c;
	size_t i;

	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (offers(q, machines[i])) {
			add_machine(q, machines[i]);
			continue;
		}
		c = row(q, CHECK_ABSENT, machines[i]);
		check_value(c, "this QEMU has no such machine");
		check_advice(c, "use another --machine");
	}
}

/* The host's own CPU model: some KVMs offer it and then refuse its MSRs. */
static void add_cpu_host(struct qemu *q)
{
	struct error why;
	struct check *c;
	int rc;

	if (!q->accel[KVM] || !offers(q, "q35"))
		return;
	rc = try(q, "q35", KVM, "host", &why);
	c = row(q, rc ? CHECK_NOTE : CHECK_OK, "cpu_host");
	check_value(c, "%s", rc ? why.text : "starts with kvm");
	if (rc)
		check_advice(c, "use --cpu qemu64,check=off with kvm on this "
				"host");
}

static int examine(struct qemu *q)
{
	int i;

	q->facts = json_pack("{s:s, s:{}}", "path", q->path, "machines");
	if (!q->facts)
		return -ENOMEM;
	check_value(row(q, CHECK_OK, "binary"), "%s", q->path);
	for (i = 0; i < NR_ACCELS; i++)
		add_accel(q, i);
	json_object_set_new(q->facts, "accelerators",
			    json_pack("{s:b, s:b}", "kvm", q->accel[KVM], "tcg",
				      q->accel[TCG]));
	if (q->accel[KVM] || q->accel[TCG]) {
		add_machines(q);
		add_cpu_host(q);
	}
	json_decref(q->machines);
	return 0;
}

static void add_none(const char *binary, struct checks *checks)
{
	struct check *c;

	if (binary) {
		c = checks_add(checks, CHECK_PROBLEM, "qemu.named");
		check_value(c, "%s is no program", binary);
		check_advice(c, "give --qemu-binary the path of a "
				"qemu-system-x86_64");
		return;
	}
	c = checks_add(checks, CHECK_ABSENT, "qemu.binary");
	check_value(c, "no qemu-system-x86_64 in PATH");
	check_advice(c, "install qemu-system-x86, or name one by "
			"--qemu-binary");
}

int doctor_qemu(const char *binary, const char *path, struct checks *checks,
		json_t **ret_list, bool *ret_usable)
{
	char *list[DOCTOR_MAX_QEMUS], *one;
	size_t nr = qemu_find(binary, path, list, DOCTOR_MAX_QEMUS), i;
	json_t *all = json_array();
	int rc = all ? 0 : -ENOMEM;

	*ret_usable = false;
	if (binary && !qemu_find_one(binary, path, &one))
		free(one);
	else if (binary)
		add_none(binary, checks);
	if (!nr)
		add_none(NULL, checks);
	for (i = 0; i < nr; i++) {
		struct qemu q = { .path = list[i], .checks = checks };

		if (i)
			snprintf(q.prefix, sizeof(q.prefix), "qemu%zu", i + 1);
		else
			snprintf(q.prefix, sizeof(q.prefix), "qemu");
		if (!rc)
			rc = examine(&q);
		if (!rc)
			rc = json_array_append_new(all, q.facts) ? -ENOMEM : 0;
		*ret_usable |= q.accel[KVM] || q.accel[TCG];
		free(list[i]);
	}
	if (rc)
		json_decref(all);
	else
		*ret_list = all;
	return rc;
}
