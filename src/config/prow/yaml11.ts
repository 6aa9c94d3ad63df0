import { type Event, getScalarValue, parseEvents, YAMLException } from "js-yaml";
import { readPlainYaml } from "./plain-yaml.ts";
import { keyText, resolvePlain, Unreadable, type Yaml, type YamlMap } from "./yaml-scalars.ts";

export interface YamlProblem {
  readonly message: string;
  /** Offset into the text. */
  readonly offset: number;
}

export interface YamlDocument {
  readonly value: Yaml;
  /** Where a mapping or sequence begins; 0 once forgotten. */
  offsetOf(node: object): number;
  /** Lets go of a number for each node. */
  forgetOffsets(): void;
  /** Where the value at a path below a node begins, or its nearest ancestor. */
  placeOf(path: readonly (string | number)[]): number;
}

/** Aliases share what they name, so a few bytes can stand for billions of nodes: counted as if written out. */
const mostNodes = 5_000_000;
const deepest = 100;

/**
 * Reads the first document of a text. Problems: what is not YAML, nesting over 100, more than `most` nodes with aliases
 * written out (five million), an anchor that contains itself, an alias of nothing.
 */
export function readYaml11(text: string, most = mostNodes): YamlDocument | YamlProblem {
  const offsets = new Map<object, number>();
  const plain = readPlainYaml(text, offsets);
  if (plain) return documentOf(text, plain.value, offsets);
  return readWholeYaml(text, most);
}

/** By the whole parser, whatever is in it. */
export function readWholeYaml(text: string, most = mostNodes): YamlDocument | YamlProblem {
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: deepest });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return { message: error.reason ?? error.message, offset: error.mark?.position ?? 0 };
  }
  const offsets = new Map<object, number>();
  try {
    const value = build(text, events, offsets, most);
    return documentOf(text, value, offsets);
  } catch (error) {
    if (error instanceof Unreadable) return { message: error.message, offset: error.offset };
    throw error;
  }
}

function documentOf(text: string, value: Yaml, offsets: Map<object, number>): YamlDocument {
  let events: Event[] | undefined;
  return {
    value,
    offsetOf: (node) => offsets.get(node) ?? 0,
    forgetOffsets: () => offsets.clear(),
    // Places are asked for in few files, and a million events kept alive would cost more than reading those again.
    placeOf: (path) => {
      events ??= parseEvents(text, { maxDepth: deepest });
      return placeOf(text, events, path);
    },
  };
}

export function isProblem(read: YamlDocument | YamlProblem): read is YamlProblem {
  return "message" in read;
}

interface Frame {
  readonly node: Yaml[] | YamlMap;
  readonly isMap: boolean;
  readonly anchor: string | undefined;
  readonly offset: number;
  /** For mappings: the key that waits for its value. */
  key: string | undefined;
  /** Values of `<<` keys, merged in when the mapping ends. */
  merges: Yaml[];
  nodes: number;
}

function build(text: string, events: readonly Event[], offsets: Map<object, number>, most: number): Yaml {
  const anchors = new Map<string, { readonly value: Yaml; readonly nodes: number }>();
  const open = new Set<string>();
  const stack: Frame[] = [];
  let root: Yaml = null;
  let total = 0;
  let documents = 0;

  function give(value: Yaml, nodes: number, plainMerge: boolean): void {
    const top = stack.at(-1);
    if (!top) {
      root = value;
      return;
    }
    top.nodes += nodes;
    if (top.nodes > most)
      throw new Unreadable(`stands for more than ${most.toLocaleString("en")} values with its aliases`, top.offset);
    if (Array.isArray(top.node)) top.node.push(value);
    else if (top.key === undefined) top.key = plainMerge ? mergeKey : keyText(value, top.offset);
    else {
      if (top.key === mergeKey) top.merges.push(value);
      else top.node[top.key] = value;
      top.key = undefined;
    }
  }

  for (const event of events) {
    switch (event.type) {
      case 1:
        documents += 1;
        if (documents > 1) return root;
        break;
      case 2:
      case 3: {
        const anchor = event.anchorStart < 0 ? undefined : text.slice(event.anchorStart, event.anchorEnd);
        if (anchor !== undefined) open.add(anchor);
        const isMap = event.type === 3;
        const node: Yaml[] | YamlMap = isMap ? Object.create(null) : [];
        offsets.set(node, event.start);
        stack.push({ node, isMap, anchor, offset: event.start, key: undefined, merges: [], nodes: 1 });
        break;
      }
      case 4: {
        const value = scalar(text, event);
        if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), { value, nodes: 1 });
        give(value, 1, event.style === 1 && value === "<<");
        break;
      }
      case 5: {
        const name = text.slice(event.anchorStart, event.anchorEnd);
        if (open.has(name)) throw new Unreadable(`the anchor ${name} contains itself`, event.anchorStart);
        const known = anchors.get(name);
        if (!known) throw new Unreadable(`there is no anchor ${name}`, event.anchorStart);
        give(known.value, known.nodes, false);
        break;
      }
      case 6: {
        const frame = stack.pop();
        if (!frame) break;
        if (frame.merges.length > 0 && !Array.isArray(frame.node)) merge(frame.node, frame.merges, frame.offset);
        if (frame.anchor !== undefined) {
          open.delete(frame.anchor);
          anchors.set(frame.anchor, { value: frame.node, nodes: frame.nodes });
        }
        give(frame.node, frame.nodes, false);
        total = Math.max(total, frame.nodes);
        break;
      }
    }
  }
  return root;
}

const mergeKey = "\u0000<<";

/** YAML 1.1 merge keys: what the mapping says itself wins, then the earlier of several. */
function merge(into: YamlMap, merges: readonly Yaml[], offset: number): void {
  for (const source of merges.flatMap((each) => (Array.isArray(each) ? each : [each]))) {
    if (source === null || typeof source !== "object" || Array.isArray(source))
      throw new Unreadable("a merge key (<<) wants a mapping or a list of mappings", offset);
    for (const [key, value] of Object.entries(source)) if (!(key in into)) into[key] = value;
  }
}

type ScalarEvent = Extract<Event, { type: 4 }>;

function scalar(text: string, event: ScalarEvent): Yaml {
  const raw = getScalarValue(text, event);
  const tag = event.tagStart < 0 ? undefined : text.slice(event.tagStart, event.tagEnd);
  if (event.style !== 1 || tag === "!!str" || tag === "!") return raw;
  return resolvePlain(raw);
}

function placeOf(text: string, events: readonly Event[], path: readonly (string | number)[]): number {
  let at = 0;
  let place = 0;
  const next = () => events[at++];
  const skip = () => {
    let depth = 0;
    do {
      const event = next();
      if (event?.type === 2 || event?.type === 3) depth += 1;
      else if (event?.type === 6) depth -= 1;
      else if (event === undefined) return;
    } while (depth > 0);
  };
  if (events[0]?.type === 1) at = 1;
  for (const part of path) {
    const event = next();
    if (event?.type !== 2 && event?.type !== 3) return place;
    place = event.start;
    let index = 0;
    for (;;) {
      const item = events[at];
      if (item === undefined || item.type === 6) return place;
      if (event.type === 2) {
        if (index === part) break;
      } else {
        const isIt = item.type === 4 && getScalarValue(text, item).toLowerCase() === String(part).toLowerCase();
        if (item.type === 4 && isIt) place = item.valueStart;
        skip();
        if (isIt) break;
      }
      skip();
      index += 1;
    }
  }
  const event = events[at];
  if (event?.type === 4) return event.valueStart;
  return event?.type === 2 || event?.type === 3 ? event.start : place;
}
