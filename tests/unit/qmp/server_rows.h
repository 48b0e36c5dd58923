/* SPDX-License-Identifier: MIT */
/* What test_server.c says, and what it must hear. */
#ifndef TESTS_UNIT_QMP_SERVER_ROWS_H
#define TESTS_UNIT_QMP_SERVER_ROWS_H

#define GENERIC(desc)                                                          \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"" desc "\"}}\r\n"
#define NOT_FOUND(desc)                                                        \
	"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"" desc       \
	"\"}}\r\n"

struct row {
	const char *in, *out;
};

/* The sentences are QEMU 7.2's, but for what the JSON parser says. */
static const struct row before[] = {
	{ "{\"execute\":\"echo\"}",
	  NOT_FOUND(
		  "Expecting capabilities negotiation with 'qmp_capabilities'") },
	{ "{\"execute\":\"nonsense\"}",
	  NOT_FOUND(
		  "Expecting capabilities negotiation with 'qmp_capabilities'") },
	{ "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}",
	  GENERIC("Parameter 'enable' does not accept value 'oob'") },
	{ "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":1}}",
	  GENERIC("Invalid parameter type for 'enable', expected: array") },
	{ "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"x\":1}}",
	  GENERIC("Parameter 'x' is unexpected") },
	{ "[]", GENERIC("QMP input must be a JSON object") },
};

#define ECHO(args) "{\"execute\":\"echo\",\"arguments\":{\"s\":\"\"," args "}}"
/* What follows is the parser's own text. */
#define PARSE_ERROR                                                            \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, "
#define MISFIT(name, type)                                                     \
	GENERIC("Invalid parameter type for '" name "', expected: " type)

static const struct row after[] = {
	{ CAPS, NOT_FOUND("Capabilities negotiation is already complete, "
			  "command ignored") },
	{ "{\"execute\":\"nope\"}",
	  NOT_FOUND("The command nope has not been found") },
	{ "[]", GENERIC("QMP input must be a JSON object") },
	{ "5\n", GENERIC("QMP input must be a JSON object") },
	{ "{}", GENERIC("QMP input lacks member 'execute'") },
	{ "{\"arguments\":{}}", GENERIC("QMP input lacks member 'execute'") },
	{ "{\"execute\":5}",
	  GENERIC("QMP input member 'execute' must be a string") },
	{ "{\"execute\":\"echo\",\"arguments\":[]}",
	  GENERIC("QMP input member 'arguments' must be an object") },
	{ "{\"execute\":\"echo\",\"x\":1}",
	  GENERIC("QMP input member 'x' is unexpected") },
	{ "{\"exec-oob\":\"echo\"}",
	  GENERIC("QMP input member 'exec-oob' is unexpected") },
	/* Malformed JSON; the connection goes on. */
	{ "foo\n", PARSE_ERROR },
	{ "{\"a\":1,\"a\":2}", PARSE_ERROR },
	{ "{\"execute\":\"\\u0000\"}", PARSE_ERROR },
	{ "\xff", PARSE_ERROR },
	{ "{\"execute\":\"\xff\"}", PARSE_ERROR },
	{ "{\"execute\":\"\xed\xa0\x80\"}", PARSE_ERROR },
	{ "{\"execute\":99999999999999999999}", PARSE_ERROR },
	/* Arguments against the table. */
	{ "{\"execute\":\"echo\"}", GENERIC("Parameter 's' is missing") },
	{ "{\"execute\":\"echo\",\"arguments\":{\"i\":1}}",
	  GENERIC("Parameter 's' is missing") },
	{ "{\"execute\":\"echo\",\"arguments\":{\"s\":null}}",
	  MISFIT("s", "string") },
	{ ECHO("\"x\":1"), GENERIC("Parameter 'x' is unexpected") },
	{ ECHO("\"i\":\"1\""), MISFIT("i", "integer") },
	{ ECHO("\"i\":1.0"), MISFIT("i", "integer") },
	{ ECHO("\"z\":-1"), GENERIC("Parameter 'z' expects uint64") },
	{ ECHO("\"z\":1.5"), GENERIC("Parameter 'z' expects uint64") },
	{ ECHO("\"b\":1"), MISFIT("b", "boolean") },
	{ ECHO("\"o\":[]"), MISFIT("o", "object") },
	{ ECHO("\"a\":{}"), MISFIT("a", "array") },
	{ "{\"execute\":\"event\",\"arguments\":{\"x\":1}}",
	  GENERIC("Parameter 'x' is unexpected") },
	{ ECHO("\"i\":-1,\"z\":0,\"b\":true,\"o\":{},\"a\":[]"),
	  "{\"return\": {\"s\": \"\", \"i\": -1, \"z\": 0, \"b\": true, "
	  "\"o\": {}, \"a\": []}}\r\n" },
	{ "{\"execute\":\"echo\",\"arguments\":{\"s\":\"\xc3\xa9\"}}",
	  "{\"return\": {\"s\": \"\\u00E9\"}}\r\n" },
	/* Ids of all types come back, with errors too. */
	{ "{\"execute\":\"nope\",\"id\":null}",
	  "{\"id\": null, \"error\": {\"class\": \"CommandNotFound\", "
	  "\"desc\": \"The command nope has not been found\"}}\r\n" },
	{ "{\"execute\":5,\"id\":[1,{\"a\":2.5}]}",
	  "{\"id\": [1, {\"a\": 2.5}], \"error\": {\"class\": "
	  "\"GenericError\", \"desc\": \"QMP input member 'execute' must be "
	  "a string\"}}\r\n" },
	{ "{\"id\":{},\"execute\":\"qmp_capabilities\"}",
	  "{\"id\": {}, \"error\": {\"class\": \"CommandNotFound\", \"desc\": "
	  "\"Capabilities negotiation is already complete, command "
	  "ignored\"}}\r\n" },
	{ "{\"execute\":\"echo\",\"arguments\":{\"s\":\"\"},\"id\":\"x\"}",
	  "{\"return\": {\"s\": \"\"}, \"id\": \"x\"}\r\n" },
	{ "{\"execute\":\"echo\",\"arguments\":{\"s\":\"\"},\"id\":false}",
	  "{\"return\": {\"s\": \"\"}, \"id\": false}\r\n" },
	/* What handlers say. */
	{ "{\"execute\":\"fail\"}", GENERIC("Device or resource busy") },
	{ "{\"execute\":\"fail\",\"arguments\":{\"text\":\"no\\nway\"}}",
	  GENERIC("no?way") },
	{ "{\"execute\":\"fail\",\"arguments\":{\"device\":true}}",
	  "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device or "
	  "resource busy\"}}\r\n" },
	{ "{\"execute\":\"unfit\"}",
	  GENERIC("The reply cannot be written as JSON") },
	/* Built in. */
	{ "{\"execute\":\"query-version\"}",
	  "{\"return\": {\"qemu\": {\"micro\": 1, \"minor\": 2, \"major\": 7}, "
	  "\"package\": \"vmferry 0.1.0\"}}\r\n" },
	{ "{\"execute\":\"query-commands\"}",
	  "{\"return\": [{\"name\": \"qmp_capabilities\"}, {\"name\": "
	  "\"query-commands\"}, {\"name\": \"query-version\"}, {\"name\": "
	  "\"getfd\"}, {\"name\": \"closefd\"}, {\"name\": \"echo\"}, "
	  "{\"name\": \"fail\"}, {\"name\": \"event\"}, {\"name\": \"quit\"}, "
	  "{\"name\": \"unfit\"}]}\r\n" },
	{ "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}",
	  GENERIC("No file descriptor supplied via SCM_RIGHTS") },
	{ "{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"a\"}}",
	  GENERIC("File descriptor named 'a' not found") },
};

#endif
