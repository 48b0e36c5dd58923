/* SPDX-License-Identifier: MIT */
/* The settings that a prediction looks at. */
#include "drive/predict.h"

#include <string.h>

static bool is_none(const struct predict_codec *c)
{
	return !strcmp(c->name, "none");
}

static void add_row(struct prediction *p, const struct predict_codec *codec,
		    const struct predict_choice *choice, unsigned int threads,
		    unsigned int decompress_threads)
{
	struct predict_row *r = &p->row[p->nr_rows];
	struct forecast_setting set = {
		.codec = codec->page,
		.threads = threads,
		.decompress_threads = decompress_threads,
		.wait = choice->wait || choice->by_channels,
	};

	if (p->nr_rows == PREDICT_MAX_ROWS)
		return;
	*r = (struct predict_row){
		codec, threads, decompress_threads, set.wait, { .rounds = 0 }
	};
	forecast_run(&p->in, &set, &r->f);
	if (forecast_better(&r->f, &p->row[p->best].f))
		p->best = p->nr_rows;
	p->nr_rows++;
}

/* The one asked for is the first: it is never left out. */
void predict_rows(struct prediction *p, const struct predict_choice *asked)
{
	static const unsigned int threads[] = { 1, 2, 4 };
	const struct predict_codec *c;
	unsigned int i, k, receivers;

	p->in.dirty = &p->curve;
	p->nr_rows = p->asked = p->best = 0;
	for (i = 0; i < p->costs.nr_codecs; i++) {
		c = &p->costs.codec[i];
		if (!strcmp(c->name, asked->codec) && c->level == asked->level)
			add_row(p, c, asked, asked->threads,
				asked->by_channels ? asked->threads
						   : asked->decompress_threads);
	}
	for (i = 0; i < p->costs.nr_codecs; i++)
		for (k = 0; k < sizeof(threads) / sizeof(threads[0]); k++) {
			c = &p->costs.codec[i];
			receivers = asked->by_channels
					    ? threads[k]
					    : asked->decompress_threads;
			if (p->nr_rows && c == p->row[0].codec &&
			    (is_none(c) || threads[k] == asked->threads))
				continue;
			if (is_none(c) && k)
				continue;
			add_row(p, c, asked, threads[k], receivers);
		}
}
