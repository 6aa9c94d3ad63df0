import type { Result } from "../../core/index.ts";

/** One object of the layout: where it goes, and the file its bytes are in, or the text itself. */
export interface MirrorObject {
  /** Below the mirror's root, `/`-separated. */
  readonly path: string;
  readonly content: { readonly file: string } | { readonly text: string };
  readonly contentType: string;
  readonly contentEncoding: "gzip" | undefined;
  /** For an alias: where it leads; kept as metadata `link`, which TestGrid reads (Prow 4.6). */
  readonly link?: string | undefined;
}

/** A place outside the home that holds the results again, for readers made for Prow's bucket. */
export interface ResultMirror {
  /** As it was configured; stands in messages. */
  readonly name: string;
  /** The address of a path as readers of this mirror write it: `gs://bucket/prefix/path`. */
  addressOf(path: string): string;
  /** Puts the object there, over an earlier one; the same object again changes nothing. */
  put(object: MirrorObject): Promise<Result<void>>;
}
