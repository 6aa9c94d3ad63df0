// Keeps a page live: events, log, copying, theme, keys. Without it every page works, as of the time it says.

const corner = document.querySelector("[data-live]");

function say(text: string, lost: boolean): void {
  if (!corner) return;
  corner.textContent = text;
  corner.classList.toggle("lost", lost);
}

function clock(): string {
  return `${new Date().toISOString().slice(11, 19)} UTC`;
}

let refreshing: ReturnType<typeof setTimeout> | undefined;

/** Reads the page again and puts its content in place; what is being typed or selected is left alone. */
async function refresh(): Promise<void> {
  const typing = document.activeElement instanceof HTMLInputElement && document.activeElement.value !== "";
  if (typing || (getSelection()?.toString() ?? "") !== "") return;
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (!fresh || !main) return;
  const log = main.querySelector("[data-log]");
  const freshLog = fresh.querySelector(".log");
  if (log && freshLog?.hasAttribute("data-log")) freshLog.replaceWith(log);
  main.replaceChildren(...fresh.childNodes);
  document.title = document.title.trim();
  prepare();
}

function listen(): void {
  let lost: string | undefined;
  const source = new EventSource(`/api/v1/events?after=${document.body.dataset["seq"] ?? ""}`);
  source.addEventListener("open", () => {
    lost = undefined;
    say(`live, ${clock()}`, false);
  });
  source.addEventListener("error", () => {
    lost ??= clock();
    say(`not live since ${lost}, retrying`, true);
  });
  for (const topic of ["run", "change", "release", "canary", "train", "component"]) {
    source.addEventListener(topic, () => {
      say(`live, ${clock()}`, false);
      refreshing ??= setTimeout(() => {
        refreshing = undefined;
        void refresh();
      }, 400);
    });
  }
}

/** Appends to a running log by its byte offset. */
async function follow(list: HTMLElement): Promise<void> {
  const run = encodeURIComponent(list.dataset["log"] ?? "");
  let rest = "";
  while (list.isConnected && list.dataset["log"] !== undefined) {
    const response = await fetch(`/api/v1/runs/${run}/log?offset=${list.dataset["next"] ?? "0"}`).catch(
      () => undefined,
    );
    if (response?.ok) {
      const text = rest + (await response.text());
      list.dataset["next"] = response.headers.get("x-log-next") ?? "0";
      const lines = text.split("\n");
      rest = lines.pop() ?? "";
      const atEnd = innerHeight + scrollY >= document.body.scrollHeight - 80;
      for (const line of lines) append(list, line);
      if (atEnd && lines.length > 0) scrollTo(0, document.body.scrollHeight);
      if (response.headers.get("x-log-complete") === "true") {
        if (rest !== "") append(list, rest);
        delete list.dataset["log"];
        break;
      }
    }
    await new Promise((done) => setTimeout(done, 500));
  }
}

function append(list: HTMLElement, line: string): void {
  const last = Number(list.lastElementChild?.id.slice(1) ?? 0);
  const number = list.children.length === 0 ? 1 : last + 1;
  const item = document.createElement("li");
  const mark = document.createElement("a");
  const text = document.createElement("span");
  mark.className = "no";
  if (last > 0 || list.children.length === 0) {
    item.id = `L${number}`;
    mark.href = `#L${number}`;
    mark.textContent = String(number);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a live line are left out until the page is read again
  text.textContent = line.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");
  if (line.startsWith("fairlead: ")) item.className = "ours";
  item.append(mark, text);
  list.append(item);
}

function prepare(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-copy]")) {
    button.hidden = false;
    button.onclick = () => {
      void navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(() => {
        button.textContent = "copied";
        setTimeout(() => {
          button.textContent = "copy";
        }, 1500);
      });
    };
  }
  const log = document.querySelector<HTMLElement>("[data-log]");
  if (log && log.dataset["following"] === undefined) {
    log.dataset["following"] = "";
    void follow(log);
  }
}

function themes(): void {
  const root = document.documentElement;
  const stored = localStorage.getItem("theme");
  if (stored === "light" || stored === "dark") root.dataset["theme"] = stored;
  const button = document.querySelector<HTMLButtonElement>("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.onclick = () => {
    const dark =
      root.dataset["theme"] === "dark" ||
      (root.dataset["theme"] === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset["theme"] = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset["theme"]);
  };
}

/** `j` `k` move through rows, `o` opens, `c` copies, `g` `G` top and end; nothing while something is typed. */
function keys(event: KeyboardEvent): void {
  const target = event.target;
  if (target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll<HTMLTableRowElement>("tbody tr")];
  const at = rows.findIndex((row) => row.classList.contains("at"));
  const go = (index: number) => {
    rows[at]?.classList.remove("at");
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    row?.classList.add("at");
    row?.scrollIntoView({ block: "nearest" });
  };
  if (event.key === "j") go(at + 1);
  else if (event.key === "k") go(at - 1);
  else if (event.key === "g") scrollTo(0, 0);
  else if (event.key === "G") scrollTo(0, document.body.scrollHeight);
  else if (event.key === "o" || event.key === "Enter") rows[at]?.querySelector("a")?.click();
  else if (event.key === "c") rows[at]?.querySelector<HTMLButtonElement>("[data-copy]")?.click();
}

themes();
prepare();
listen();
document.addEventListener("keydown", keys);
