import type { Complaints, Struct } from "./struct.ts";

const forbidden = new Set(["prow.k8s.io/type", "created-by-prow", "prow.k8s.io/id"]);

/** Kubernetes: `[prefix/]name`, the name at most 63 characters, the prefix a DNS name of at most 253. */
export function isQualifiedName(key: string): boolean {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const good = (text: string) => /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/.test(text);
  const dns = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
  return good(name) && name.length <= 63 && (prefix === undefined || (prefix.length <= 253 && dns.test(prefix)));
}

/** Kubernetes: at most 63 characters, letters and digits at both ends; empty is one too. */
export function isLabelValue(value: string): boolean {
  return value.length <= 63 && /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(value);
}

/** Prow 1.2: labels become labels of the pod; of annotations only the names are held to a rule. */
export function checkLabels(
  read: Struct,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
  complaints: Complaints,
): void {
  for (const [key, value] of Object.entries(labels)) {
    const at = [...read.at("labels"), key];
    if (forbidden.has(key)) complaints.error(at, "bad-label", `the label ${key} is Prow's own`);
    else if (!isQualifiedName(key))
      complaints.error(at, "bad-label", `${JSON.stringify(key.slice(0, 80))} is no name of a label`);
    else if (!isLabelValue(value))
      complaints.error(
        at,
        "bad-label",
        `${JSON.stringify(value.slice(0, 80))} is no value of a label`,
        "at most 63 letters, digits, dashes, dots and underscores",
      );
  }
  for (const key of Object.keys(annotations)) {
    if (!isQualifiedName(key.toLowerCase()))
      complaints.error(
        [...read.at("annotations"), key],
        "bad-annotation",
        `${JSON.stringify(key.slice(0, 80))} is no name of an annotation`,
      );
  }
}
