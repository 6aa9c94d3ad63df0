import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, realpath, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** Where it stands inside every container of ours. */
export const carriedInside = "/fairlead";

/** Its command, up to the arguments of the script. */
export function carriedCommand(script: string): readonly string[] {
  return [
    `${carriedInside}/loader`,
    "--library-path",
    carriedInside,
    `${carriedInside}/perl`,
    `${carriedInside}/${script}`,
  ];
}

/**
 * Puts this machine's perl with its loader, its libraries and scripts for it into a folder, so that it runs in any image
 * of the same architecture, one without a C library included. Fault `missing-need`.
 */
export async function carryPerl(folder: string, scripts: Readonly<Record<string, string>>): Promise<Result<string>> {
  const listed = await promisify(execFile)("ldd", ["/usr/bin/perl"], { env: { PATH: "/usr/bin:/bin" } }).catch(
    (cause: unknown) => String(cause),
  );
  if (typeof listed === "string") return err(noPerl(listed));
  await mkdir(folder, { recursive: true, mode: 0o755 });
  let loader: string | undefined;
  for (const line of listed.stdout.split("\n")) {
    const library = /=> (\/\S+) \(/.exec(line)?.[1];
    if (library !== undefined) await place(library, join(folder, basename(library)));
    loader ??= /^\s*(\/\S*ld-\S+) \(/.exec(line)?.[1];
  }
  if (loader === undefined) return err(noPerl("ldd names no loader"));
  await place(loader, join(folder, "loader"));
  await place("/usr/bin/perl", join(folder, "perl"));
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(folder, name), text);
  return ok(folder);
}

/** Renamed into its place: a container that an earlier server left may be running the one that stands there. */
async function place(from: string, to: string): Promise<void> {
  const fresh = `${to}.new`;
  await copyFile(await realpath(from), fresh);
  await chmod(fresh, 0o755);
  await rename(fresh, to);
}

function noPerl(why: string) {
  return fault("missing-need", `/usr/bin/perl cannot be brought into containers: ${why.slice(0, 200)}`, {
    hint: "apt-get install perl-base",
  });
}
