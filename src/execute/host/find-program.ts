import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Where a program stands on the server's own PATH. */
export async function findOnPath(
  name: string,
  path = process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder.startsWith("/") && usable) return file;
  }
  return undefined;
}
