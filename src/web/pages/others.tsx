import type { FC } from "hono/jsx";
import type { Fault } from "../../core/index.ts";
import type { WhyView } from "../../server/views/index.ts";
import { Next, Table } from "./parts.tsx";

export const WhyPage: FC<{ why: WhyView }> = ({ why }) => (
  <>
    <div class="subject">
      <h1>{why.subject}</h1>
      <span class="dim">{why.answer}</span>
    </div>
    <Table
      heads={["When (UTC)", "Decided", "About", "Because"]}
      empty="No decision is stored about it."
      rows={why.chain.map((step) => [
        step.at.slice(0, 19).replace("T", " "),
        step.kind,
        step.page === null ? step.subject : <a href={step.page}>{step.subject}</a>,
        step.reason,
      ])}
    />
    {why.leftOut > 0 ? <p class="dim">{`${why.leftOut} older decisions are left out here.`}</p> : null}
    <Next next={why.next} />
  </>
);

export const FaultPage: FC<{ fault: Fault }> = ({ fault }) => (
  <>
    <div class="subject">
      <h1>{fault.code === "not-found" ? "Not found" : "Not possible"}</h1>
      <span class="dim">{fault.message}</span>
    </div>
    <p class="next">
      <span class="dim">Next</span>
      <span>{fault.hint ?? <a href="/">to the family</a>}</span>
    </p>
  </>
);

export const LoginPage: FC<{ wrong: boolean }> = ({ wrong }) => (
  <>
    <div class="subject">
      <h1>Sign in</h1>
      <span class="dim">with a Fairlead token; it is kept in a cookie that scripts cannot read</span>
    </div>
    {wrong ? <p class="reason">That token is unknown, expired or revoked.</p> : null}
    <form class="act" method="post" action="/login">
      <label>
        Token <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit" class="button solid">
        Sign in
      </button>
    </form>
    <p class="next">
      <span class="dim">No token?</span>
      <code>fairlead token create --user NAME --role maintainer</code>
    </p>
  </>
);
