import type { Capability } from "../model.ts";

/** Programs of the kubekins-e2e image and its bootstrap base that Debian's minimal system lacks, and whose package has them. */
const tools: ReadonlyMap<string, string> = new Map([
  ["bc", "bc"],
  ["dot", "graphviz"],
  ["file", "file"],
  ["gcc", "build-essential"],
  ["hg", "mercurial"],
  ["jq", "jq"],
  ["pkg-config", "pkg-config"],
  ["python3", "python3"],
  ["rpm", "rpm"],
  ["rsync", "rsync"],
  ["unzip", "unzip"],
  ["wget", "wget"],
  ["xz", "xz-utils"],
  ["zip", "zip"],
]);

/** Of the same image, from no Debian package. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ["gcloud", "https://cloud.google.com/sdk/docs/install"],
  ["kubectl", "https://kubernetes.io/docs/tasks/tools/"],
]);

export const kubekinsTools: readonly string[] = [...tools.keys(), ...elsewhere.keys()];

/**
 * Most Prow jobs name the kubekins image, and run here with the tools of this machine: which of its own are missing.
 * `present` holds those of `kubekinsTools` that a job can see.
 */
export function kubekinsCapability(present: ReadonlySet<string>): Capability {
  const missing = kubekinsTools.filter((tool) => !present.has(tool));
  const packages = missing.flatMap((tool) => tools.get(tool) ?? []);
  const mends = [
    ...(packages.length > 0 ? [`apt-get install ${packages.join(" ")}`] : []),
    ...missing.flatMap((tool) => {
      const page = elsewhere.get(tool);
      return page === undefined ? [] : [`${tool}: ${page}`];
    }),
  ];
  return {
    need: "kubekins-tools",
    present: missing.length === 0,
    detail:
      missing.length === 0
        ? "a job can see the tools of the kubekins image"
        : `of the kubekins image's tools a job cannot see ${missing.join(", ")}`,
    mend: mends.join("; "),
    switchesOff: missing.length === 0 ? "" : "nothing by itself: a job that calls one of them fails",
  };
}
