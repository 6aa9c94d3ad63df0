import { describeFault, type Fault, forTerminal } from "../core/index.ts";

/** Where text goes. Colour only on a terminal, and never with NO_COLOR. */
export interface Output {
  /** The answer itself, on stdout. */
  print(text: string): void;
  /** One JSON object on one line. */
  json(value: unknown): void;
  /** What happens meanwhile, on stderr. */
  progress(text: string): void;
  /** One line of stderr that the next one replaces; `undefined` takes it away. Nothing where nobody sits at a terminal. */
  live(text: string | undefined): void;
  fault(fault: Fault): void;
  paint(colour: Colour, text: string): string;
}

export type Colour = "green" | "red" | "yellow" | "dim" | "bold";

export interface Sink {
  write(text: string): void;
  readonly isTTY: boolean;
}

const codes: Readonly<Record<Colour, string>> = { green: "32", red: "31", yellow: "33", dim: "2", bold: "1" };

export function createOutput(stdout: Sink, stderr: Sink, env: Readonly<Record<string, string | undefined>>): Output {
  let shown = false;
  const clear = () => {
    if (shown) stderr.write("\r\u001b[K");
    shown = false;
  };
  const coloured = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return {
    print: (text) => {
      clear();
      stdout.write(`${text}\n`);
    },
    json: (value) => stdout.write(`${JSON.stringify(value)}\n`),
    progress: (text) => {
      clear();
      stderr.write(`${forTerminal(text)}\n`);
    },
    live: (text) => {
      if (!stderr.isTTY || env["TERM"] === "dumb") return;
      clear();
      if (text === undefined) return;
      stderr.write(forTerminal(text));
      shown = true;
    },
    fault: (fault) => stderr.write(`${forTerminal(`error: ${describeFault(fault)}`)}\n`),
    paint: (colour, text) => (coloured ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text),
  };
}

/** Columns as wide as their widest cell; the last one is not padded. Cells are made safe for a terminal. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map((cell) => forTerminal(cell).replaceAll("\n", " ")));
  const widths = header.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function widthOf(text: string): number {
  return [...text].length;
}

/** `41d`, `2h`, `5m`, `12s`. */
export function age(from: string | null | undefined, now: number): string {
  if (from === null || from === undefined) return "";
  const seconds = Math.max(0, Math.floor((now - Date.parse(from)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
