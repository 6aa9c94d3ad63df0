import type { Component, Role, Tier } from "./model.ts";

const rank: Readonly<Record<Role, number>> = { reader: 0, contributor: 1, maintainer: 2, administrator: 3 };

export function roleAtLeast(role: Role, least: Role): boolean {
  return rank[role] >= rank[least];
}

/** Who may merge, tag, freeze and approve in a component: its maintainers by token or by name, and administrators. */
export function mayMaintain(
  who: { readonly user: string; readonly role: Role; readonly components: readonly string[] | undefined },
  component: Component,
): boolean {
  if (who.role === "administrator") return true;
  if (who.role !== "maintainer") return false;
  if (who.components !== undefined) return who.components.includes(component.name);
  return component.maintainers.length === 0 || component.maintainers.includes(who.user);
}

/** Design 9: `change` for authors with a role or an allowed head commit, else `stranger`. */
export function tierOfChange(change: { readonly authorRole: Role | undefined; readonly headAllowed: boolean }): Tier {
  const known = change.authorRole !== undefined && roleAtLeast(change.authorRole, "contributor");
  return known || change.headAllowed ? "change" : "stranger";
}
