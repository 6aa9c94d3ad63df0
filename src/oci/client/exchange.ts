import { type Clock, err, type Fault, fault, forOneLine, type Millis, ok, type Result } from "../../core/index.ts";
import type { Authorizations } from "./authorization.ts";
import { type HostBudgets, longestPauseMs, passed, retryAfterMs } from "./host-budget.ts";
import { mayLead } from "./hosts.ts";
import { readBounded } from "./read-bounded.ts";
import type { Wire } from "./wire.ts";

/** A request to a registry: where it may lead, how it is authorized and repeated is decided here. */
export interface Question {
  /** The registry: credentials go to it alone, whatever host `url` names. */
  readonly host: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew each time it is sent. */
  readonly body?: () => Promise<Result<ReadableStream<Uint8Array> | Uint8Array>>;
  /** Docker's token flow: `repository:<name>:pull`. */
  readonly scopes: readonly string[];
  /** Sent once only: whoever asks looks first how far it came before trying again. */
  readonly once?: boolean;
}

export interface Answer {
  readonly response: Response;
  /** Where it came from in the end; its `Location` is read against this. */
  readonly url: URL;
}

/** Asks registries: budget, authorization, redirects, repetition. Faults: `unavailable`, `forbidden`, those of a body. */
export interface Exchange {
  ask(question: Question): Promise<Result<Answer>>;
  /** Waits as long as before the given repetition, counted from 1. */
  pause(attempt: number): Promise<void>;
  /** What an answer that nobody expected means, in one line. */
  unexpected(host: string, response: Response): Promise<Fault>;
}

const tries = 4;
const firstPauseMs = 500;
const mostRedirects = 5;
const withinMs = 120_000;
/** Registries hash a large blob before they answer. */
const uploadWithinMs = 280_000;
const largestComplaint = 64 * 1024;

export function createExchange(options: {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly budgets: HostBudgets;
  readonly authorizations: Authorizations;
  /** Spreads the pauses of many workers: 0 up to 1. */
  readonly random: () => number;
}): Exchange {
  const { clock, wire, budgets, authorizations } = options;

  async function ask(question: Question): Promise<Result<Answer>> {
    const budget = budgets.of(question.host);
    let last: Fault | undefined;
    for (let attempt = 0; attempt < (question.once ? 1 : tries); attempt++) {
      if (attempt > 0) await passed(clock, pauseBefore(attempt));
      const answer = await authorized(question);
      if (!answer.ok) {
        if (answer.error.code !== "unavailable") return answer;
        last = answer.error;
        continue;
      }
      budget.reached();
      const { response } = answer.value;
      const busy = response.status === 429 || response.status === 503;
      const wanted = busy ? retryAfterMs(response.headers.get("retry-after"), clock.now()) : undefined;
      if (wanted !== undefined) budget.quiet(wanted);
      else if (response.status === 429) budget.quiet(firstPauseMs * 2 ** (attempt + 1));
      if (response.status !== 429 && response.status !== 408 && response.status < 500) return answer;
      if (question.once) return answer;
      await response.body?.cancel();
      last = fault("unavailable", `${question.url.host} answered ${response.status}`);
      // So long a silence is not waited for; the next request is told so by the budget without asking.
      if ((wanted ?? 0) > longestPauseMs) break;
    }
    const gaveUp = last ?? fault("unavailable", `${question.host} could not be reached`);
    if (!question.once && gaveUp.message.includes("could not be reached")) budget.lost(gaveUp);
    return err(gaveUp);
  }

  /** AWS's "full jitter", of which at least half is waited. */
  function pauseBefore(attempt: number): Millis {
    const whole = firstPauseMs * 2 ** (attempt - 1);
    return Math.round(whole / 2 + (whole / 2) * options.random());
  }

  async function authorized(question: Question): Promise<Result<Answer>> {
    const { host, scopes } = question;
    const first = await followed(question, authorizations.known(host, scopes));
    if (!first.ok || first.value.response.status !== 401) return first;
    await first.value.response.body?.cancel();
    // Somebody else's challenge is not answered: what we hold is for the registry we speak to.
    if (first.value.url.host !== host)
      return err(
        fault(
          "forbidden",
          `${host} led to ${first.value.url.host}, which asks for credentials; they are not sent there`,
        ),
      );
    authorizations.forget(host, scopes);
    const header = first.value.response.headers.get("www-authenticate") ?? "";
    const authorization = await authorizations.answer(host, header, scopes);
    if (!authorization.ok) return authorization;
    if (authorization.value === undefined)
      return err(fault("forbidden", `${host} asks for credentials`, loginHint(host)));
    const second = await followed(question, authorization.value);
    if (!second.ok || second.value.response.status !== 401) return second;
    await second.value.response.body?.cancel();
    authorizations.forget(host, scopes);
    return err(fault("forbidden", `${host} does not accept the credentials`, loginHint(host)));
  }

  /** Follows redirects by hand: what authenticates us at one host is sent to no other. */
  async function followed(question: Question, authorization: string | undefined): Promise<Result<Answer>> {
    let { url } = question;
    if (url.host !== question.host && !mayLead(registryUrl(question), url)) return err(notFollowed(question.host, url));
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const turn = await budgets.of(url.host).turn();
      if (!turn.ok) return turn;
      const body = await question.body?.();
      if (body && !body.ok) return body;
      const ours = url.host === question.host;
      const answered = await wire.send({
        method: question.method,
        url,
        headers: { ...question.headers, ...(authorization !== undefined && ours ? { authorization } : {}) },
        body: body?.value,
        withinMs: question.body ? uploadWithinMs : withinMs,
      });
      if (!answered.ok) return answered;
      const response = answered.value;
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return ok({ response, url });
      await response.body?.cancel();
      const reading = question.method === "GET" || question.method === "HEAD";
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
      if (!next || !mayLead(url, next)) return err(notFollowed(url.host, next));
      if (!reading && response.status !== 307 && response.status !== 308)
        return err(fault("unavailable", `${url.host} answered ${response.status} to ${question.method}`));
      url = next;
    }
    return err(fault("unavailable", `${question.url.host} redirects without end`));
  }

  return {
    ask,
    pause: (attempt) => passed(clock, pauseBefore(attempt)),
    unexpected: async (host, response) => {
      const read = await readBounded(response, largestComplaint);
      const said = read.ok ? forOneLine(Buffer.from(read.value).toString("utf8"), 300) : "";
      const { status } = response;
      const code =
        status === 401 || status === 403 ? "forbidden" : status === 409 || status === 405 ? "refused" : "unavailable";
      return fault(code, `${host} answered ${status}${said ? `: ${said}` : ""}`, { facts: { status } });
    },
  };
}

function registryUrl({ host, url }: Question): URL {
  return new URL(`${url.protocol}//${host}/`);
}

function notFollowed(host: string, to: URL | undefined): Fault {
  return fault(
    "forbidden",
    `${host} leads to ${to ? `${to.protocol}//${to.host}` : "no address"}, which is not followed`,
  );
}

function loginHint(host: string) {
  return { hint: `docker login ${host}` };
}
