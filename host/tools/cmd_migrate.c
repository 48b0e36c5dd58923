/* SPDX-License-Identifier: MIT */
/* vmferry migrate: migrate a running guest and verify it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/interrupt.h"
#include "tools/migrate_ab.h"
#include "tools/migrate_session.h"
#include "tools/sample_json.h"
#include "tools/tools.h"

static const struct command_help help = {
	.usage = "vmferry migrate [OPTIONS]",
	.text = "Boots the guest, runs its workload, migrates it live to a "
		"second machine on this\nhost, and verifies every byte. "
		"With --hops the guest goes to and fro at work;\n--ab and "
		"--repeat compare two settings.\n\nSizes: 512M, 4GiB; "
		"times: 200ms, 5s; rates: 300M (bytes/s). Ctrl-C ends the "
		"machines\nand exits with 130; what was measured until then "
		"goes to --json.",
	.examples =
		"  vmferry migrate --ram 1G --cpus 2 --workload "
		"pattern=random,rate=100M,wss=512M\n"
		"  vmferry migrate --ram 1G --workload rate=200M --repeat 20 "
		"--json result.json\n"
		"  vmferry migrate --sabotage flip:3 --verify "
		"switchover,after\n"
		"  vmferry migrate --workload rate=50M --fault "
		"kill-target@round:2\n"
		"  vmferry migrate --workload pattern=sequential --ab '--send "
		"copy'\n"
		"  vmferry migrate --hops 10 --workload rate=100M\n"
		"  vmferry migrate --repeat 10 --ab '--downtime-limit 50ms "
		"--backing memfd'\n"
		"  vmferry migrate --compress zstd --compress-threads 4 "
		"--channels 2\n"
		"  vmferry migrate --vfio-device state-size=64M --workload "
		"rate=50M,dma=50M\n"
		"  vmferry migrate --for 1h --hops 5 --workload rate=100M\n"
		"  vmferry migrate --source-qmp /run/a.qmp --target-qmp "
		"/run/b.qmp\n"
		"	--source-console /run/a.com1 --target-console "
		"/run/b.com1 --workload rate=50M",
};

static const struct option_spec *const tables[] = {
	machine_options,	  common_options, migrate_options, link_options,
	migrate_compress_options, send_options,	  attach_options,  NULL
};

static json_t *params(const struct migrate_session *m)
{
	json_t *o = migrate_params(&m->variant[0].s, &m->variant[0].run);

	if (m->nr_variants > 1)
		json_object_set_new(
			o, "b",
			migrate_params(&m->variant[1].s, &m->variant[1].run));
	return o;
}

static int measure(struct migrate_session *m)
{
	const struct common_settings *common = &m->variant[0].s.common;
	const struct result_params rp = {
		.command = "migrate",
		.version = VMFERRY_VERSION,
		.argc = m->argc,
		.argv = m->argv,
	};
	struct error err = { "" };
	struct result *result;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	m->result = result;
	result_set_params(result, params(m));
	result_summarize(result, sample_figures, sample_nr_figures);
	if (m->nr_variants > 1)
		result_compare_variants(result);
	rc = interrupt_catch();
	if (!rc)
		rc = migrate_session_run(m, &err);
	if (m->variant[0].run.attach.source_qmp)
		result_set_params(result, params(m));
	if (interrupt_pending())
		migrate_session_interrupted(m);
	else if (!rc)
		migrate_session_print(m);
	code = common_finish("migrate", common, result, rc, &err);
	if (code == EXIT_DONE || code == EXIT_FAILED || code == EXIT_BROKEN)
		fprintf(common_out(common), "Verdict: %s\n",
			result_verdict_name(result_verdict(result)));
	result_destroy(result);
	return code;
}

static int resolve(struct migrate_session *m, struct error *err)
{
	/* Before anything is resolved: B begins as A is written. */
	int rc = migrate_ab(&help, tables, m, err);
	unsigned int i;

	for (i = 0; !rc && i < m->nr_variants; i++)
		rc = migrate_resolve(&m->variant[i].s, &m->variant[i].run, err);
	return rc ? rc : migrate_session_resolve(m, err);
}

static void show(const struct migrate_session *m)
{
	json_t *shown = params(m);

	json_dumpf(shown, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(shown);
}

int cmd_migrate(int argc, char **argv)
{
	struct migrate_session m = { .argc = argc, .argv = argv };
	struct migrate_settings *s = &m.variant[0].s;
	struct error err = { "" };
	int rc, code = EXIT_DONE;

	migrate_defaults(s);
	s->argc = argc;
	s->argv = argv;
	rc = options_parse(argc, argv, &help, tables, s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = resolve(&m, &err);
	if (rc)
		code = tools_fail("migrate", tools_exit_code(rc), &err);
	else if (s->common.dry_run)
		show(&m);
	else
		code = measure(&m);
	migrate_session_exit(&m);
	return code;
}
