import { posix, win32 } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { ContainerConfig } from "../../oci/index.ts";
import { type Instruction, placeOf } from "../dockerfile/instructions.ts";
import { type Lookup, substitute } from "../dockerfile/substitute.ts";
import { jsonForm, quotedWords, spacedWords, splitPair, type Word } from "../dockerfile/words.ts";
import { healthcheckOf } from "./healthcheck.ts";

const mostPorts = 1000;

export interface Configuring {
  readonly instruction: Instruction;
  readonly config: ContainerConfig;
  readonly lookup: Lookup;
  readonly setCmd: boolean;
  readonly windows: boolean;
}

/** What an instruction that makes no files changes in the configuration. Docker: no variables in CMD and ENTRYPOINT. */
export function configure(configuring: Configuring): Result<Partial<ContainerConfig>> {
  const { instruction, config, lookup, setCmd, windows } = configuring;
  const { rest } = instruction;
  const shell = config.Shell ?? (windows ? ["cmd", "/S", "/C"] : ["/bin/sh", "-c"]);
  const command = () => jsonForm(rest) ?? [...shell, rest];
  switch (instruction.name) {
    case "CMD":
      return ok({ Cmd: command() });
    case "ENTRYPOINT":
      return ok(setCmd ? { Entrypoint: command() } : { Entrypoint: command(), Cmd: undefined });
    case "LABEL": {
      const labels = pairsIn(instruction, lookup);
      return labels.ok ? ok({ Labels: { ...config.Labels, ...Object.fromEntries(labels.value) } }) : labels;
    }
    case "ENV": {
      const pairs = pairsIn(instruction, lookup);
      if (!pairs.ok) return pairs;
      const all = environmentOf(config);
      for (const [name, value] of pairs.value) all.set(name, value);
      return ok({ Env: [...all].map(([name, value]) => `${name}=${value}`) });
    }
    case "MAINTAINER":
      return ok({});
    case "HEALTHCHECK":
      return healthcheckOf(instruction);
    case "SHELL": {
      const Shell = jsonForm(rest);
      if (Shell && Shell.length > 0) return ok({ Shell });
      return err(
        fault("bad-input", 'SHELL takes the JSON form, ["program", "argument"]', { place: placeOf(instruction, 0) }),
      );
    }
    case "ONBUILD":
      return ok({ OnBuild: [...(config.OnBuild ?? []), rest] });
    case "EXPOSE":
      return exposed(configuring);
    case "VOLUME": {
      const volumes = expandAll(instruction, jsonWords(rest) ?? spacedWords(rest), lookup);
      if (!volumes.ok) return volumes;
      return ok({ Volumes: { ...config.Volumes, ...Object.fromEntries(volumes.value.map(({ text }) => [text, {}])) } });
    }
    default:
      break;
  }
  const value = substitute(rest, lookup, instruction.escapeMark);
  if (!value.ok) return err({ ...value.error, place: placeOf(instruction, 0) });
  if (value.value === "")
    return err(fault("bad-input", `${instruction.name} ${rest} is empty`, { place: placeOf(instruction, 0) }));
  if (instruction.name === "USER") return ok({ User: value.value });
  if (instruction.name === "STOPSIGNAL") return ok({ StopSignal: value.value });
  const folder = windows
    ? win32.resolve("C:\\", config.WorkingDir ?? "", value.value)
    : posix.resolve("/", config.WorkingDir ?? "/", value.value);
  return ok({ WorkingDir: folder });
}

export function environmentOf(config: ContainerConfig): Map<string, string> {
  return new Map((config.Env ?? []).map((pair) => splitPair(pair) ?? [pair, ""]));
}

/** Docker: `ARG name[=default] …`; a build argument from outside wins, then the default, then the `fallback`. */
export function declareArguments(
  instruction: Instruction,
  given: Readonly<Record<string, string>>,
  scope: Map<string, string>,
  lookup: Lookup,
  fallback: Lookup,
): Result<void> {
  for (const word of quotedWords(instruction.rest, instruction.escapeMark)) {
    const [name, written] = splitPair(word.text) ?? [word.text, undefined];
    const place = placeOf(instruction, word.at);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      return err(fault("bad-input", `ARG ${word.text.slice(0, 60)} has no name that a variable can have`, { place }));
    const otherwise = written === undefined ? ok(undefined) : substitute(written, lookup, instruction.escapeMark);
    if (!otherwise.ok) return err({ ...otherwise.error, place });
    const value = (Object.hasOwn(given, name) ? given[name] : undefined) ?? otherwise.value ?? fallback(name);
    if (value !== undefined) scope.set(name, value);
  }
  return ok(undefined);
}

/** `a=b "c"=d`, or the old form `name value with spaces`. */
function pairsIn(instruction: Instruction, lookup: Lookup): Result<readonly (readonly [string, string])[]> {
  const { name, rest, escapeMark } = instruction;
  const words = quotedWords(rest, escapeMark);
  const first = words[0]?.text ?? "";
  const old = splitPair(first) === undefined ? /^(\S+)\s+([\s\S]+)$/.exec(rest) : null;
  const written: readonly { readonly key: string; readonly value: string; readonly at: number }[] = old
    ? [{ key: old[1] ?? "", value: old[2] ?? "", at: 0 }]
    : words.map(({ text, at }) => {
        const [key, value] = splitPair(text) ?? ["", ""];
        return { key, value, at };
      });
  const pairs: (readonly [string, string])[] = [];
  for (const { key, value, at } of written) {
    const place = placeOf(instruction, at);
    const done = [substitute(key, lookup, escapeMark), substitute(value, lookup, escapeMark)] as const;
    if (!done[0].ok) return err({ ...done[0].error, place });
    if (!done[1].ok) return err({ ...done[1].error, place });
    if (done[0].value === "")
      return err(
        fault("bad-input", `${name} is not followed by name=value`, {
          place,
          hint: "put quotes around a value with spaces",
        }),
      );
    pairs.push([done[0].value, done[1].value]);
  }
  return ok(pairs);
}

function expandAll(instruction: Instruction, words: readonly Word[], lookup: Lookup): Result<readonly Word[]> {
  const done: Word[] = [];
  for (const word of words) {
    const text = substitute(word.text, lookup, instruction.escapeMark);
    if (!text.ok) return err({ ...text.error, place: placeOf(instruction, word.at) });
    done.push({ text: text.value, at: word.at });
  }
  return ok(done);
}

function jsonWords(text: string): readonly Word[] | undefined {
  return jsonForm(text)?.map((each) => ({ text: each, at: 0 }));
}

function exposed({ instruction, config, lookup }: Configuring): Result<Partial<ContainerConfig>> {
  const words = expandAll(instruction, spacedWords(instruction.rest), lookup);
  if (!words.ok) return words;
  const ports: Record<string, Record<string, never>> = { ...config.ExposedPorts };
  for (const { text, at } of words.value) {
    for (const port of text.split(/\s+/).filter((each) => each !== "")) {
      const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(port);
      const low = Number(match?.[1]);
      const high = Number(match?.[2] ?? match?.[1]);
      if (!match || low > high || high > 65_535 || high - low >= mostPorts)
        return err(
          fault("bad-input", `EXPOSE ${port.slice(0, 60)} is no port`, {
            place: placeOf(instruction, at),
            hint: "write it like 8080 or 53/udp",
          }),
        );
      for (let number = low; number <= high; number++) ports[`${number}/${(match[3] ?? "tcp").toLowerCase()}`] = {};
    }
  }
  return ok({ ExposedPorts: ports });
}
