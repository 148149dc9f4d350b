// Prints what the official AsyncAPI parser says of the document in argv[2], as JSON: a list of
// {severity, code, message, path}, worst first; severity 0 is an error, 1 a warning.
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");
const { Parser } = require("@asyncapi/parser");

const source = resolve(process.argv[2]);
new Parser().validate(readFileSync(source, "utf8"), { source }).then((diagnostics) => {
  const told = diagnostics
    .map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join(".") }))
    .sort((one, other) => one.severity - other.severity);
  console.log(JSON.stringify(told));
});
