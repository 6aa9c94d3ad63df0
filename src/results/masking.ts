/**
 * Hides secrets in what a job wrote. A convenience, not a boundary: a job that holds a secret can print it reversed, split or
 * encrypted. What keeps secrets is that lower tiers never get them.
 */
export interface Masker {
  /** Bytes that no later byte can change any more, secrets replaced by as many `X`; the rest waits for the next call. */
  write(chunk: Uint8Array): Uint8Array;
  /** What waited. The masker begins anew after it. */
  end(): Uint8Array;
}

export interface MaskingRules {
  readonly secrets: readonly string[];
  /** Shorter secrets are left alone, in characters; 0: only the empty one (Prow: `minimum_secret_length`). */
  readonly minimumLength: number;
}

const x = 0x58;

/** The automaton is built once; each stream takes its own masker. */
export interface Masking {
  readonly empty: boolean;
  masker(): Masker;
}

/**
 * Prow 4.4: each secret, raw and without white space around it, and the base64 of both. All are looked for in one pass
 * (Aho-Corasick on bytes), so a thousand secrets cost what one does; memory is one chunk and the longest secret.
 */
export function createMasking(rules: MaskingRules): Masking {
  const patterns = patternsOf(rules);
  const automaton = build(patterns);
  return { empty: patterns.length === 0, masker: () => maskerOver(automaton) };
}

function patternsOf(rules: MaskingRules): readonly Buffer[] {
  const forms = new Set<string>();
  for (const secret of rules.secrets) {
    const trimmed = secret.trim();
    if (trimmed === "" || trimmed === "true" || trimmed === "false" || trimmed.length < rules.minimumLength) continue;
    for (const plain of [secret, trimmed]) {
      forms.add(plain);
      forms.add(Buffer.from(plain).toString("base64"));
    }
  }
  return [...forms].map((form) => Buffer.from(form));
}

/** A trie as arrays: 21 bytes a state; children are linked lists, but for the crowded first two levels, which are tables. */
interface Automaton {
  next(state: number, byte: number): number;
  /** Length of the longest pattern's prefix that ends here. */
  readonly depth: Int32Array;
  /** Length of the longest pattern that ends here, or 0. */
  readonly longest: Int32Array;
}

function build(patterns: readonly Buffer[]): Automaton {
  const most = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
  const [child, sibling, fail] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
  const [depth, longest, byteOf] = [new Int32Array(most), new Int32Array(most), new Uint8Array(most)];
  const root = new Int32Array(256);
  const pairs = new Int32Array(256 * 256);
  let states = 1;

  function childOf(state: number, byte: number): number {
    if (state === 0) return root[byte] ?? 0;
    if (depth[state] === 1) return pairs[((byteOf[state] ?? 0) << 8) | byte] ?? 0;
    let each = child[state] ?? 0;
    while (each !== 0 && byteOf[each] !== byte) each = sibling[each] ?? 0;
    return each;
  }
  function next(from: number, byte: number): number {
    for (let state = from; state !== 0; state = fail[state] ?? 0) {
      const found = childOf(state, byte);
      if (found !== 0) return found;
    }
    return root[byte] ?? 0;
  }

  for (const pattern of patterns) {
    let state = 0;
    for (const byte of pattern) {
      let into = childOf(state, byte);
      if (into === 0) {
        into = states++;
        byteOf[into] = byte;
        depth[into] = (depth[state] ?? 0) + 1;
        if (state === 0) root[byte] = into;
        else {
          if (depth[state] === 1) pairs[((byteOf[state] ?? 0) << 8) | byte] = into;
          sibling[into] = child[state] ?? 0;
          child[state] = into;
        }
      }
      state = into;
    }
    longest[state] = pattern.length;
  }
  // Breadth first: the state to fall back to is always nearer to the root, so it is finished already.
  const order = [...root].filter((state) => state !== 0);
  for (let at = 0; at < order.length; at++) {
    const state = order[at] ?? 0;
    for (let each = child[state] ?? 0; each !== 0; each = sibling[each] ?? 0) {
      const back = next(fail[state] ?? 0, byteOf[each] ?? 0);
      fail[each] = back;
      longest[each] = Math.max(longest[each] ?? 0, longest[back] ?? 0);
      order.push(each);
    }
  }
  return { next, depth, longest };
}

function maskerOver({ next, depth, longest }: Automaton): Masker {
  let held = Buffer.alloc(0);
  let state = 0;
  /** Ranges of `held` that are secret: in order, apart from each other. */
  let ranges: { from: number; to: number }[] = [];

  function emit(bytes: Buffer, until: number): Uint8Array {
    for (const { from, to } of ranges) bytes.fill(x, from, Math.min(to, until));
    ranges = ranges
      .filter(({ to }) => to > until)
      .map(({ from, to }) => ({ from: Math.max(from - until, 0), to: to - until }));
    held = Buffer.from(bytes.subarray(until));
    return bytes.subarray(0, until);
  }

  return {
    write: (chunk) => {
      const bytes = Buffer.concat([held, chunk]);
      for (let at = held.length; at < bytes.length; at++) {
        state = next(state, bytes[at] ?? 0);
        const length = longest[state] ?? 0;
        if (length === 0) continue;
        let from = at + 1 - length;
        for (let last = ranges.at(-1); last && last.to >= from; last = ranges.at(-1)) {
          from = Math.min(from, last.from);
          ranges.pop();
        }
        ranges.push({ from, to: at + 1 });
      }
      // What lies before the prefix that is being matched can be part of no later match.
      return emit(bytes, bytes.length - (depth[state] ?? 0));
    },
    end: () => {
      state = 0;
      return emit(held, held.length);
    },
  };
}
