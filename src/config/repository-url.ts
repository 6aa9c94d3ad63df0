import { err, fault, ok, type Result } from "../core/index.ts";

/**
 * Prow's org and repo of a repository: the last two segments of its URL. Faults: `bad-input` for what is no git URL that
 * Fairlead reads (https, http, ssh, git, file, or `user@host:path`). A component name is proposed from the last segment.
 */
export function repositoryNames(
  url: string,
): Result<{ readonly org: string; readonly repo: string; readonly component: string }> {
  if (/[\0-\x20\x7f]/.test(url)) return err(bad(url, "it holds spaces or control characters"));
  if (url.startsWith("-")) return err(bad(url, "it begins with a dash"));
  const scp = /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:(?!\/\/)(.+)$/.exec(url)?.[1];
  const path = scp ?? pathOf(url);
  if (path === undefined) return err(bad(url, "it is no URL with https, http, ssh, git or file"));
  const segments = path.split("/").filter((segment) => segment !== "");
  const repo = segments.at(-1)?.replace(/\.git$/, "");
  if (!repo || segments.includes("..")) return err(bad(url, "its path names no repository"));
  const org = segments.at(-2) ?? repo;
  const component = repo
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (component === "" || component.length > 63) return err(bad(url, "its last segment makes no component name"));
  return ok({ org, repo, component });
}

function pathOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  if (!["https:", "http:", "ssh:", "git:", "file:"].includes(parsed.protocol)) return undefined;
  return safeDecode(parsed.pathname);
}

function safeDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function bad(url: string, why: string) {
  return fault("bad-input", `${JSON.stringify(url.slice(0, 200))} is not a repository URL: ${why}`, {
    hint: "for example https://github.com/kubernetes-csi/node-driver-registrar or file:///srv/git/greeter",
  });
}
