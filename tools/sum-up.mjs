// The last lines of bin/test: what was skipped, by name, and one line that sums all up.
import { readFileSync } from "node:fs";

const written = readFileSync(process.argv[2], "utf8");
if (written === "") {
  console.log("0 passed, 1 failed, 0 skipped (the suites left no report)");
  process.exit(1);
}
const report = JSON.parse(written);
const all = report.testResults.flatMap((file) => file.assertionResults);
const skipped = all.filter((test) => test.status === "skipped" || test.status === "pending" || test.status === "todo");
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
const broken = report.testResults.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const failed = all.filter((test) => test.status === "failed").length + broken;
const passed = all.filter((test) => test.status === "passed").length;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
