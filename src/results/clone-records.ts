import { type Refs, refsDocument } from "../jobs/index.ts";

/** One repository's checkout, as the git room tells it. Durations in nanoseconds. */
export interface CloneRecordDocument {
  readonly refs: Refs;
  readonly commands: readonly {
    readonly command: string;
    readonly output: string;
    readonly error: string;
    readonly duration: number;
  }[];
  readonly failed: boolean;
  readonly finalSha: string | undefined;
}

/** Prow 4.1: element 0 is the setup of the environment; empty members are left out. */
export function cloneRecordsJson(records: readonly CloneRecordDocument[]): string {
  return JSON.stringify(
    records.map((record) => ({
      refs: refsDocument(record.refs),
      commands: record.commands.map(({ command, output, error, duration }) => ({
        command,
        ...(output === "" ? {} : { output }),
        ...(error === "" ? {} : { error }),
        ...(duration === 0 ? {} : { duration }),
      })),
      ...(record.failed ? { failed: true } : {}),
      ...(record.finalSha === undefined ? {} : { final_sha: record.finalSha, duration: total(record) }),
    })),
  );
}

/** Prow 4.2: the same for people. */
export function cloneLog(records: readonly CloneRecordDocument[]): string {
  return records.map(logOf).join("\n");
}

function logOf(record: CloneRecordDocument): string {
  const { refs } = record;
  const setup = refs.org === "" && refs.repo === "";
  const at = refs.base_sha === "" ? refs.base_ref : `${refs.base_ref}(${refs.base_sha})`;
  const pulls = (refs.pulls ?? []).map((pull) => `#${pull.number}: ${pull.sha}`);
  const lines = [
    ...(record.failed ? ["# FAILED!"] : []),
    setup ? "# Environment setup" : `# Cloning ${refs.org}/${refs.repo} at ${at}`,
    ...(pulls.length === 0 ? [] : ["# Checking out pulls:", ...pulls.map((pull) => `#\t${pull}`)]),
    ...record.commands.flatMap(({ command, output, error, duration }) => [
      `$ ${command} (runtime: ${milliseconds(duration)})`,
      ...(output === "" ? [] : [output.trimEnd()]),
      ...(error === "" ? [] : [`# Error: ${error}`]),
    ]),
    ...(record.finalSha === undefined ? [] : [`# Final SHA: ${record.finalSha}`]),
    `# Total runtime: ${milliseconds(total(record))}`,
  ];
  return `${lines.join("\n")}\n`;
}

function total(record: CloneRecordDocument): number {
  return record.commands.reduce((sum, { duration }) => sum + duration, 0);
}

function milliseconds(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(3)}ms`;
}
