import { err, fault, ok, type Result } from "../../core/index.ts";

const released = /^v?(\d+)\.(\d+)(?:\.(\d+))?$/;
const served = /^v(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/;

/** Is the Kubernetes that came up the one that was wanted? `development` takes any. Fault `refused`, naming both. */
export function checkVersion(wanted: string, found: string): Result<void> {
  const is = served.exec(found);
  if (!is) return err(fault("refused", `the cluster calls its version ${found}, which is none of Kubernetes`));
  const asked = released.exec(wanted);
  if (!asked) return ok(undefined);
  const same = asked[1] === is[1] && asked[2] === is[2] && (asked[3] === undefined || asked[3] === is[3]);
  if (same) return ok(undefined);
  return err(
    fault("refused", `Kubernetes ${wanted} was wanted, and the cluster is ${found}`, {
      hint: "nothing was tested on it; correct what starts the cluster, or kubernetes.versions in the family file",
      facts: { wanted, found },
    }),
  );
}
