import { isAbsolute, join } from "node:path";
import { type Clock, err, fault, type Ids, ok, type Result } from "../../core/index.ts";
import { createBucketMirror } from "./bucket.ts";
import { createDirectoryMirror } from "./directory.ts";
import type { ResultMirror } from "./model.ts";

/** An entry of `results.mirror` in the family file. */
export interface MirrorTarget {
  /** A directory, `s3://bucket/prefix` or `gs://bucket/prefix`. */
  readonly to: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
}

/**
 * The mirror of a target. Access keys come from the surroundings: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
 * `AWS_SESSION_TOKEN`; for `gs://` an HMAC key of a service account under the same names. Faults: `missing-need` without them,
 * `bad-input` for an address of another kind.
 */
export function mirrorOf(
  target: MirrorTarget,
  surroundings: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    /** What a relative directory is relative to: the family file's folder. */
    readonly folder: string;
    readonly clock: Clock;
    readonly ids: Ids;
  },
): Result<ResultMirror> {
  const scheme = /^([a-z0-9]+):\/\/[^/]/.exec(target.to)?.[1];
  if (scheme === undefined) {
    const folder = isAbsolute(target.to) ? target.to : join(surroundings.folder, target.to);
    return ok(createDirectoryMirror({ folder, ids: surroundings.ids }));
  }
  if (scheme !== "s3" && scheme !== "gs")
    return err(
      fault("bad-input", `results cannot be mirrored to ${target.to}`, {
        hint: "name a directory, s3://bucket/prefix or gs://bucket/prefix",
      }),
    );
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = surroundings.environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    return err(
      fault("missing-need", `there is no access key for ${target.to}`, {
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (for gs:// an HMAC key) where the server starts",
      }),
    );
  const region = target.region ?? (scheme === "gs" ? "auto" : (AWS_REGION ?? "us-east-1"));
  const own = scheme === "gs" ? "https://storage.googleapis.com" : `https://s3.${region}.amazonaws.com`;
  return ok(
    createBucketMirror({
      address: target.to,
      endpoint: target.endpoint ?? own,
      region,
      credentials: {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        sessionToken: AWS_SESSION_TOKEN,
      },
      clock: surroundings.clock,
    }),
  );
}
