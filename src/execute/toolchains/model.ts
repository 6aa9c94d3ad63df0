import type { Result } from "../../core/index.ts";
import type { Mount } from "../model.ts";

/** A tool as the family file describes it: an archive with its sum. */
export interface ArchiveDescription {
  readonly name: string;
  readonly version: string;
  /** http(s), or an absolute path of the server. */
  readonly url: string;
  /** Of the archive, 64 hex digits. */
  readonly sha256: string;
  /** Folder of its programs inside the archive; `undefined`: `bin` where there is one, else its root. */
  readonly bin: string | undefined;
}

export interface ToolchainSettings {
  /** Where Go's modules come from: an address of a GOPROXY. */
  readonly goproxy: string;
  readonly archives: readonly ArchiveDescription[];
}

/** A tool that a run can use: a read-only folder and what stands before PATH. */
export interface Toolchain {
  readonly name: string;
  readonly version: string;
  /** `undefined`: the machine's own. */
  readonly mount: Mount | undefined;
  /** Folder inside, to stand before PATH. */
  readonly path: string | undefined;
  /** One sentence: where it comes from and what its sum was checked against. */
  readonly origin: string;
}

export interface Toolchains {
  /**
   * Makes the tool available, installing it where it is not there. `version` is exact (`1.26.6`), or the least that will
   * do (`>=1.26.0`). Faults: `missing-need` (not to be had: what to place where), `corrupt` (its sum differs), `limit`,
   * `bad-input`.
   */
  provide(name: string, version: string, tell: (line: string) => void): Promise<Result<Toolchain>>;
}
